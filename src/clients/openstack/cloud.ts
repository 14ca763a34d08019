/** The `Cloud` of an OpenStack: Nova and Placement behind the names that jobs use. */
import type { Cloud } from '../../domain/fleet.ts';
import { readWhyMigrationFailed } from './actions.ts';
import { OpenStackError } from './error.ts';
import { readFleet } from './fleet.ts';
import { needService, setService, toComputeService } from './hypervisors.ts';
import { abort, listMigrations, readProgress } from './migrations.ts';
import { readOccupancy } from './occupancy.ts';
import { listProvidersOf } from './placement.ts';
import { readServer, requestLiveMigration } from './servers.ts';
import { openSession } from './session.ts';
import type { OpenStackSettings } from './settings.ts';

/** Nova's limit, in characters. */
const LONGEST_REASON = 255;

/** Asks nothing before its first call, and may be shared by all who need the cloud. */
export function openStackCloud(settings: OpenStackSettings): Cloud {
  const session = openSession(settings);

  return {
    fleet: () => readFleet(session),

    service: async (hypervisor) => toComputeService(await needService(session, hypervisor)),

    async cordon(hypervisor, reason) {
      if (reason.length < 1 || reason.length > LONGEST_REASON) throw badReason(hypervisor, reason);
      await setService(session, (await needService(session, hypervisor)).id, reason);
    },

    async uncordon(hypervisor) {
      await setService(session, (await needService(session, hypervisor)).id);
    },

    server: (id) => readServer(session, id),

    async liveMigrate(serverId, target) {
      const host = target === undefined ? null : (await needService(session, target)).host;
      await requestLiveMigration(session, serverId, host);
    },

    migrations: (serverId) => listMigrations(session, { instance_uuid: serverId }),
    progress: (serverId, migrationId) => readProgress(session, serverId, migrationId),
    whyMigrationFailed: (serverId) => readWhyMigrationFailed(session, serverId),
    abortMigration: (serverId, migrationId) => abort(session, serverId, migrationId),
    allocatedOn: (consumer) => listProvidersOf(session, consumer),
    occupancy: (hypervisor) => readOccupancy(session, hypervisor),
  };
}

function badReason(hypervisor: string, reason: string): OpenStackError {
  return new OpenStackError(
    `The reason to disable ${hypervisor} has ${reason.length} characters; Nova takes 1 to ${LONGEST_REASON}`,
    { retryable: false },
  );
}
