/** Nova's hypervisors and their compute services: who is there, who answers, who is disabled. */
import { z } from 'zod';
import type { ComputeService } from '../../domain/fleet.ts';
import { OpenStackError, unlessGone } from './error.ts';
import { readPages } from './pages.ts';
import type { Call, Session } from './session.ts';
import { utc } from './time.ts';

/** A hypervisor and what else OpenStack calls it. */
export interface Node {
  /** Hypervisor hostname. */
  readonly name: string;
  /** Its uuid, which is its resource provider's in Placement as well. */
  readonly id: string;
  /** What its compute service calls its host. */
  readonly serviceHost: string;
}

const Row = z
  .object({
    id: z.string(),
    hypervisor_hostname: z.string(),
    service: z.object({ host: z.string() }),
  })
  .transform(
    ({ id, hypervisor_hostname, service }): Node => ({
      name: hypervisor_hostname,
      id,
      serviceHost: service.host,
    }),
  );

const details: Call = { service: 'compute', method: 'GET', path: '/os-hypervisors/detail', everyCell: true };

/** Every hypervisor. While a cell is silent this waits for it in vain: see `needServices`. */
export function listNodes(session: Session): Promise<Node[]> {
  return readPages(session, details, { key: 'hypervisors', row: Row });
}

async function findNode(session: Session, name: string): Promise<Node | undefined> {
  // Nova looks for the pattern anywhere in a name.
  const call = { ...details, query: { hypervisor_hostname_pattern: name } };
  const answer = await unlessGone(session(call, z.object({ hypervisors: z.array(Row) })));
  return answer?.hypervisors.find((node) => node.name === name);
}

/** Read fresh, from a cloud without silent cells. Permanent OpenStackError when it is not there. */
export async function needNode(session: Session, name: string): Promise<Node> {
  const node = await findNode(session, name);
  if (node !== undefined) return node;
  const advice = '`openstack hypervisor list` shows those it has';
  throw new OpenStackError(`Nova has no hypervisor ${name}; ${advice}`, { retryable: false });
}

/** A hypervisor's compute service, read fresh; as `needNode`, and retryable while a cell is silent. */
export async function needService(session: Session, name: string): Promise<ServiceOfNode> {
  const services = await needServices(session);
  const { serviceHost, id: nodeId } = await needNode(session, name);
  const found = services.find(({ host }) => host === serviceHost);
  if (found !== undefined) return { ...found, nodeId };
  const what = `Nova has no compute service on ${serviceHost}, the host of hypervisor ${name}`;
  throw new OpenStackError(what, { retryable: false });
}

/**
 * Ids of the servers on the hypervisor, asked of its own cell: when that is silent this fails, where
 * a list of servers would be empty.
 */
export async function listServerIdsOn(session: Session, { id }: Node): Promise<string[]> {
  // Before 2.75 Nova leaves the list out when it is empty.
  const Servers = z.array(z.object({ uuid: z.string() })).default([]);
  const { hypervisor } = await session(
    { service: 'compute', method: 'GET', path: `/os-hypervisors/${id}`, query: { with_servers: 'true' } },
    z.object({ hypervisor: z.object({ servers: Servers }) }),
  );
  return hypervisor.servers.map((server) => server.uuid);
}

/** In a silent cell Nova knows nothing of a service but its host. */
const Service = z.discriminatedUnion('status', [
  z.object({ status: z.literal('UNKNOWN'), host: z.string() }),
  z.object({
    status: z.enum(['enabled', 'disabled']),
    host: z.string(),
    id: z.string(),
    state: z.enum(['up', 'down']),
    zone: z.string().nullish(),
    disabled_reason: z.string().nullish(),
    forced_down: z.boolean().default(false),
    updated_at: z.string().nullish(),
  }),
]);
type Service = z.infer<typeof Service>;
type KnownService = Exclude<Service, { status: 'UNKNOWN' }>;
type ServiceOfNode = KnownService & { readonly nodeId: string };

/** The compute services of every hypervisor. */
export async function listServices(session: Session): Promise<Service[]> {
  const query = { binary: 'nova-compute' };
  const { services } = await session(
    { service: 'compute', method: 'GET', path: '/os-services', query, everyCell: true },
    z.object({ services: z.array(Service) }),
  );
  return services;
}

/**
 * The compute services of every hypervisor; retryable OpenStackError while a cell is silent. Asked before
 * a list of hypervisors: that one has no patience limit in Nova, and says nothing of the cell.
 */
export async function needServices(session: Session): Promise<KnownService[]> {
  const services = await listServices(session);
  const silent = silentHosts(services);
  if (silent.length > 0) throw silentCell(silent);
  return services.filter((service) => service.status !== 'UNKNOWN');
}

/** Hosts whose cell gives Nova no answer. */
export function silentHosts(services: readonly Pick<Service, 'status' | 'host'>[]): string[] {
  return services.filter((service) => service.status === 'UNKNOWN').map((service) => service.host);
}

export function silentCell(hosts: readonly string[]): OpenStackError {
  const some = hosts.toSorted().slice(0, 5).join(', ') + (hosts.length > 5 ? ' …' : '');
  return new OpenStackError(
    `Nova gets no answer from a cell with ${hosts.length} hosts (${some}), so its lists are not whole; look at that cell's database`,
    { retryable: true, silentHosts: hosts },
  );
}

/** What a service's row says. */
export function toComputeService(service: ServiceOfNode): ComputeService {
  return {
    id: service.id,
    hypervisorId: service.nodeId,
    up: service.state === 'up',
    ...(service.status === 'disabled' && { disabled: service.disabled_reason ?? '' }),
    forcedDown: service.forced_down,
    // One that was never heard from is older than any other.
    heardAt: service.updated_at ? utc(service.updated_at) : new Date(0).toISOString(),
  };
}

/** Enables the service, or disables it with a reason. Asking for what is so already changes nothing but the reason. */
export async function setService(
  session: Session,
  serviceId: string,
  disabledReason?: string,
): Promise<void> {
  const body =
    disabledReason === undefined
      ? { status: 'enabled' }
      : { status: 'disabled', disabled_reason: disabledReason };
  await session({ service: 'compute', method: 'PUT', path: `/os-services/${serviceId}`, body }, z.unknown());
}
