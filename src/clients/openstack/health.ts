/** What is broken, as Nova and Neutron say it of themselves: servers in ERROR, services and agents that are down. */
import { z } from 'zod';
import type { Health } from '../../domain/fleet.ts';
import { listAgents, sayOnHost } from './agents.ts';
import { silentCell, silentHosts } from './hypervisors.ts';
import { listErrorServers } from './servers.ts';
import type { Session } from './session.ts';

/** Of a silent cell's services Nova knows the host alone. */
const Service = z.discriminatedUnion('status', [
  z.object({ status: z.literal('UNKNOWN'), host: z.string() }),
  z.object({
    status: z.enum(['enabled', 'disabled']),
    host: z.string(),
    binary: z.string(),
    state: z.enum(['up', 'down']),
  }),
]);

/** Three calls at once. Retryable OpenStackError while a cell is silent. */
export async function readHealth(session: Session): Promise<Health> {
  const [{ services }, errors, agents] = await Promise.all([
    session(
      { service: 'compute', method: 'GET', path: '/os-services', everyCell: true },
      z.object({ services: z.array(Service) }),
    ),
    listErrorServers(session),
    listAgents(session),
  ]);
  const silent = silentHosts(services);
  if (silent.length > 0) throw silentCell(silent);
  const known = services.filter((service) => service.status !== 'UNKNOWN');
  // Neutron does not know who is out of service: that is said of the compute service alone.
  const out = new Set(known.filter(({ status }) => status === 'disabled').map(({ host }) => host));
  const down = [
    ...known.filter(({ status, state }) => status === 'enabled' && state === 'down').map(sayOnHost),
    ...agents.filter(({ alive, enabled, host }) => enabled && !alive && !out.has(host)).map(sayOnHost),
  ];
  return {
    errors: errors
      .filter(({ hypervisor }) => hypervisor !== '')
      .map(({ id, name, hypervisor }) => ({ id, name, hypervisor })),
    down: down.toSorted((a, b) => a.localeCompare(b)),
  };
}
