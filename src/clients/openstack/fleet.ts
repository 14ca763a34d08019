/** The whole fleet, joined from what Nova and Placement list. */
import type { Fleet, Hypervisor } from '../../domain/fleet.ts';
import { listAggregates, listServerGroups } from './groups.ts';
import { listNodes, type Node, needServices } from './hypervisors.ts';
import { inParallel } from './in-parallel.ts';
import { readStock, type Stock } from './placement.ts';
import { listServers } from './servers.ts';
import type { Session } from './session.ts';

/** Hypervisors that are asked of Placement at once, with three calls each. */
const PARALLEL = 8;

export async function readFleet(session: Session): Promise<Fleet> {
  const takenAt = new Date().toISOString();
  const services = await needServices(session);
  const [hypervisors, servers, groups] = await Promise.all([
    readHypervisors(session, services),
    listServers(session),
    listServerGroups(session),
  ]);
  return { takenAt, hypervisors, servers, groups };
}

type Services = Awaited<ReturnType<typeof needServices>>;

async function readHypervisors(session: Session, services: Services): Promise<Hypervisor[]> {
  const [nodes, aggregates] = await Promise.all([listNodes(session), listAggregates(session)]);
  const serviceOf = new Map(services.map((service) => [service.host, service]));
  const stocks = await inParallel(nodes, PARALLEL, ({ id }) => readStock(session, id));
  return nodes
    .map((node, index) =>
      join(node, {
        service: serviceOf.get(node.serviceHost),
        aggregates: aggregates.get(node.serviceHost) ?? [],
        stock: stocks[index] as Stock,
      }),
    )
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

interface Parts {
  readonly service: Services[number] | undefined;
  readonly aggregates: readonly string[];
  readonly stock: Stock;
}

function join({ name }: Node, { service, aggregates, stock }: Parts): Hypervisor {
  if (service === undefined) return { name, up: false, aggregates, ...stock };
  return {
    name,
    up: service.state === 'up',
    ...(service.status === 'disabled' && { disabled: service.disabled_reason ?? '' }),
    ...(service.zone && { zone: service.zone }),
    aggregates,
    ...stock,
  };
}
