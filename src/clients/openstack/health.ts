/** What is broken, as Nova says it of itself: servers in ERROR and services that are down. */
import { z } from 'zod';
import type { Health } from '../../domain/fleet.ts';
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

/** Two calls at once. Retryable OpenStackError while a cell is silent. */
export async function readHealth(session: Session): Promise<Health> {
  const [{ services }, errors] = await Promise.all([
    session(
      { service: 'compute', method: 'GET', path: '/os-services', everyCell: true },
      z.object({ services: z.array(Service) }),
    ),
    listErrorServers(session),
  ]);
  const silent = silentHosts(services);
  if (silent.length > 0) throw silentCell(silent);
  const down = services.flatMap((service) =>
    service.status === 'enabled' && service.state === 'down' ? [`${service.binary} on ${service.host}`] : [],
  );
  return {
    errors: errors
      .filter(({ hypervisor }) => hypervisor !== '')
      .map(({ id, name, hypervisor }) => ({ id, name, hypervisor })),
    down: down.toSorted((a, b) => a.localeCompare(b)),
  };
}
