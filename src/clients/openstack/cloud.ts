/** The `Cloud` of an OpenStack: Nova and Placement behind the names that jobs use. */
import type { Cloud } from '../../domain/fleet.ts';
import { OpenStackError } from './error.ts';
import { readFleet } from './fleet.ts';
import { listServices, needNode, setService, toComputeService } from './hypervisors.ts';
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

    async service(hypervisor) {
      const { serviceHost } = await needNode(session, hypervisor);
      const [service] = await listServices(session, serviceHost);
      if (service === undefined) throw noService(hypervisor, serviceHost);
      return toComputeService(service);
    },

    async cordon(hypervisor, reason) {
      if (reason.length < 1 || reason.length > LONGEST_REASON) throw badReason(hypervisor, reason);
      await setService(session, (await needNode(session, hypervisor)).serviceId, reason);
    },

    async uncordon(hypervisor) {
      await setService(session, (await needNode(session, hypervisor)).serviceId);
    },

    server: (id) => readServer(session, id),

    async liveMigrate(serverId, target) {
      const host = target === undefined ? null : (await needNode(session, target)).serviceHost;
      await requestLiveMigration(session, serverId, host);
    },

    migrations: (serverId) => listMigrations(session, { instance_uuid: serverId }),
    progress: (serverId, migrationId) => readProgress(session, serverId, migrationId),
    abortMigration: (serverId, migrationId) => abort(session, serverId, migrationId),
    allocatedOn: (consumer) => listProvidersOf(session, consumer),
    occupancy: (hypervisor) => readOccupancy(session, hypervisor),
  };
}

function noService(hypervisor: string, host: string): OpenStackError {
  return new OpenStackError(`Nova has no compute service on ${host}, the host of hypervisor ${hypervisor}`, {
    retryable: false,
  });
}

function badReason(hypervisor: string, reason: string): OpenStackError {
  return new OpenStackError(
    `The reason to disable ${hypervisor} has ${reason.length} characters; Nova takes 1 to ${LONGEST_REASON}`,
    { retryable: false },
  );
}
