/** Placement: how much a hypervisor has, how much of it is booked, and by whom. */
import { z } from 'zod';
import type { Booking, Occupancy, Resources } from '../../domain/fleet.ts';
import { unlessGone } from './error.ts';
import { inParallel } from './in-parallel.ts';
import type { Session } from './session.ts';

export const Inventories = z.object({
  inventories: z.record(
    z.string(),
    z.object({ total: z.number(), reserved: z.number(), allocation_ratio: z.number() }),
  ),
});
const Usages = z.object({ usages: z.record(z.string(), z.number()) });
export const Traits = z.object({ traits: z.array(z.string()) });
const Providers = z.object({
  resource_providers: z.array(z.object({ uuid: z.string(), name: z.string() })),
});
export const Trees = z.object({
  resource_providers: z.array(
    z.object({ uuid: z.string(), name: z.string(), root_provider_uuid: z.string() }),
  ),
});
const Allocated = z.object({ resources: z.record(z.string(), z.number()) });
/** By consumer at a provider, by provider at a consumer. */
export const Allocations = z.object({ allocations: z.record(z.string(), Allocated) });

export interface Stock {
  readonly capacity: Resources;
  readonly used: Resources;
  readonly traits: readonly string[];
}

/** What a hypervisor has and what is used of it; nothing at all when Placement does not know it. */
export async function readStock(session: Session, provider: string): Promise<Stock> {
  const path = `/resource_providers/${provider}`;
  const get = <T>(what: string, schema: z.ZodType<T>) =>
    unlessGone(session({ service: 'placement', method: 'GET', path: `${path}/${what}` }, schema));
  const [stock, used, known] = await Promise.all([
    get('inventories', Inventories),
    get('usages', Usages),
    get('traits', Traits),
  ]);
  const usages = used?.usages ?? {};
  return {
    capacity: capacityOf(stock?.inventories ?? {}),
    used: { vcpus: usages['VCPU'] ?? 0, ramMb: usages['MEMORY_MB'] ?? 0, diskGb: usages['DISK_GB'] ?? 0 },
    traits: known?.traits ?? [],
  };
}

type Stocks = z.infer<typeof Inventories>['inventories'];

/** What can be booked: the floor of (total - reserved) × allocation ratio. */
export function capacityOf(inventories: Stocks): Resources {
  const capacity = (resourceClass: string) => capacityOfClass(inventories, resourceClass);
  return { vcpus: capacity('VCPU'), ramMb: capacity('MEMORY_MB'), diskGb: capacity('DISK_GB') };
}

/** The same of one class; 0 where there is none of it. */
export function capacityOfClass(inventories: Stocks, resourceClass: string): number {
  const stock = inventories[resourceClass];
  return stock === undefined ? 0 : Math.floor((stock.total - stock.reserved) * stock.allocation_ratio);
}

/** Uuid of the root provider of this name, which is a hypervisor's. */
export async function findProvider(session: Session, name: string): Promise<string | undefined> {
  const { resource_providers: found } = await session(
    { service: 'placement', method: 'GET', path: '/resource_providers', query: { name } },
    Providers,
  );
  return found[0]?.uuid;
}

/** Everything booked on the tree of providers that `provider` is in, a row per consumer. */
export async function listAllocations(session: Session, provider: string): Promise<Occupancy['allocations']> {
  const { resource_providers: tree } = await session(
    { service: 'placement', method: 'GET', path: '/resource_providers', query: { in_tree: provider } },
    Providers,
  );
  const answers = await Promise.all(
    tree.map(({ uuid }) =>
      session(
        { service: 'placement', method: 'GET', path: `/resource_providers/${uuid}/allocations` },
        Allocations,
      ),
    ),
  );
  return byConsumer(answers.flatMap(({ allocations }) => Object.entries(allocations)));
}

/** Providers that are asked at once. */
const PARALLEL = 8;

/** Everything booked on any tree of providers, a row per tree and consumer; a tree is called as its root. */
export async function listBookings(session: Session): Promise<Booking[]> {
  const { resource_providers: all } = await session(
    { service: 'placement', method: 'GET', path: '/resource_providers' },
    Trees,
  );
  const booked = await inParallel(all, PARALLEL, async ({ uuid, root_provider_uuid: root }) => {
    const path = `/resource_providers/${uuid}/allocations`;
    const answer = await unlessGone(session({ service: 'placement', method: 'GET', path }, Allocations));
    return { root, rows: Object.entries(answer?.allocations ?? {}) };
  });
  const nameOf = new Map(all.map(({ uuid, name }) => [uuid, name]));
  return [...Map.groupBy(booked, ({ root }) => root)].flatMap(([root, tree]) =>
    byConsumer(tree.flatMap(({ rows }) => rows)).map((row) => ({
      hypervisor: nameOf.get(root) ?? root,
      ...row,
    })),
  );
}

function byConsumer(booked: readonly (readonly [string, z.infer<typeof Allocated>])[]) {
  return [...Map.groupBy(booked, ([consumer]) => consumer)].map(([consumer, rows]) => ({
    consumer,
    resources: rows.map(([, { resources }]) => amounts(resources)).join(', '),
  }));
}

function amounts(resources: Readonly<Record<string, number>>): string {
  return Object.entries(resources)
    .map(([resourceClass, amount]) => `${amount} ${resourceClass}`)
    .join(', ');
}

const Provider = z.object({ name: z.string(), root_provider_uuid: z.string() });

/** Names of the hypervisors on which something is booked for `consumer`. */
export async function listProvidersOf(session: Session, consumer: string): Promise<string[]> {
  const { allocations } = await session(
    { service: 'placement', method: 'GET', path: `/allocations/${consumer}` },
    Allocations,
  );
  const names = await Promise.all(Object.keys(allocations).map((uuid) => rootName(session, uuid)));
  return [...new Set(names)].toSorted();
}

async function rootName(session: Session, uuid: string): Promise<string> {
  const path = `/resource_providers/${uuid}`;
  const { name, root_provider_uuid: root } = await session(
    { service: 'placement', method: 'GET', path },
    Provider,
  );
  return root === uuid ? name : rootName(session, root);
}
