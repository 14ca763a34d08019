/** The `Cloud` of an OpenStack: Nova, Placement and Neutron behind the names that jobs use. */
import type { Cloud } from '../../domain/fleet.ts';
import { listActions, readWhyMigrationFailed } from './actions.ts';
import { readAgents } from './agents.ts';
import { listDevices } from './devices.ts';
import { OpenStackError } from './error.ts';
import type { Exchanging } from './exchange.ts';
import { readFleet } from './fleet.ts';
import { readHealth } from './health.ts';
import { needService, setService, toComputeService } from './hypervisors.ts';
import { abort, forceComplete, listMigrations, readProgress } from './migrations.ts';
import { readOccupancy } from './occupancy.ts';
import { readOwners, readProjectContacts, readProjectNames } from './owners.ts';
import { listBookings, listProvidersOf } from './placement.ts';
import { confirmResize, requestColdMigration, startServer, stopServer } from './server-actions.ts';
import {
  listServersNamed,
  readServer,
  requestDeletion,
  requestLiveMigration,
  requestServer,
} from './servers.ts';
import { openSession } from './session.ts';
import type { OpenStackSettings } from './settings.ts';

/** Nova's limit, in characters. */
const LONGEST_REASON = 255;

/**
 * Asks nothing before its first call, and may be shared by all who need the cloud. `exchange` carries its
 * requests where they do not go over the network: to a simulated cloud in the same process.
 */
export function openStackCloud(settings: OpenStackSettings, exchange?: Exchanging): Cloud {
  const session = openSession(settings, exchange);

  return {
    fleet: () => readFleet(session),

    service: async (hypervisor) => toComputeService(await needService(session, hypervisor)),
    agents: (hypervisor) => readAgents(session, hypervisor),

    async cordon(hypervisor, reason) {
      if (reason.length < 1 || reason.length > LONGEST_REASON) throw badReason(hypervisor, reason);
      await setService(session, (await needService(session, hypervisor)).id, reason);
    },

    async uncordon(hypervisor) {
      await setService(session, (await needService(session, hypervisor)).id);
    },

    server: (id) => readServer(session, id),
    serversNamed: (name) => listServersNamed(session, name),
    owners: (servers) => readOwners(session, servers),
    projectContacts: (ids) => readProjectContacts(session, ids),
    projectNames: (ids) => readProjectNames(session, ids),
    deleteServer: (id) => requestDeletion(session, id),

    async createServer(wish) {
      const [made] = await listServersNamed(session, wish.name);
      if (made !== undefined) return made.id;
      return requestServer(session, wish, (await needService(session, wish.hypervisor)).host);
    },

    async liveMigrate(serverId, target) {
      await requestLiveMigration(session, serverId, await hostOf(target));
    },

    async coldMigrate(serverId, target) {
      await requestColdMigration(session, serverId, await hostOf(target));
    },

    confirmResize: (serverId) => confirmResize(session, serverId),
    stop: (serverId) => stopServer(session, serverId),
    start: (serverId) => startServer(session, serverId),
    actions: (serverId) => listActions(session, serverId),
    forceComplete: (serverId, migrationId) => forceComplete(session, serverId, migrationId),

    migrations: (serverId) => listMigrations(session, { instance_uuid: serverId }),
    progress: (serverId, migrationId) => readProgress(session, serverId, migrationId),
    whyMigrationFailed: (serverId) => readWhyMigrationFailed(session, serverId),
    abortMigration: (serverId, migrationId) => abort(session, serverId, migrationId),
    allocatedOn: (consumer) => listProvidersOf(session, consumer),
    bookings: () => listBookings(session),
    devices: () => listDevices(session),
    occupancy: (hypervisor) => readOccupancy(session, hypervisor),
    health: () => readHealth(session),
  };

  async function hostOf(target: string | undefined): Promise<string | null> {
    return target === undefined ? null : (await needService(session, target)).host;
  }
}

function badReason(hypervisor: string, reason: string): OpenStackError {
  return new OpenStackError(
    `The reason to disable ${hypervisor} has ${reason.length} characters; Nova takes 1 to ${LONGEST_REASON}`,
    { retryable: false },
  );
}
