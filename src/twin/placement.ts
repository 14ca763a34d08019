/** Placement: what each hypervisor has, what of it is booked, and by whom. */
import { childrenOf } from './child-providers.ts';
import { type Answer, type Ask, type Fields, follow, Refusal, type Reply, type Route } from './http.ts';
import type { Keystone } from './keystone.ts';
import type { Allocation, ChildProvider, ChildStock, Hypervisor } from './state.ts';
import type { World } from './world.ts';

const NEWEST_MINOR = 39;

export function openPlacement(world: World, keystone: Keystone): Answer {
  const routes: Route[] = [
    ['GET', /^\/resource_providers$/, ({ query }) => listProviders(query)],
    ['POST', /^\/resource_providers$/, ({ body }) => makeProvider(body)],
    ['GET', /^\/resource_providers\/([^/]+)$/, (_, id = '') => ok(rowOf(need(id)))],
    ['DELETE', /^\/resource_providers\/([^/]+)$/, (_, id = '') => dropProvider(needChild(id))],
    ['GET', /^\/resource_providers\/([^/]+)\/inventories$/, (_, id = '') => inventories(need(id))],
    [
      'PUT',
      /^\/resource_providers\/([^/]+)\/inventories$/,
      ({ body }, id = '') => setStock(needChild(id), body),
    ],
    ['GET', /^\/resource_providers\/([^/]+)\/usages$/, (_, id = '') => usages(need(id))],
    ['GET', /^\/resource_providers\/([^/]+)\/traits$/, (_, id = '') => traits(need(id))],
    ['PUT', /^\/resource_providers\/([^/]+)\/traits$/, ({ body }, id = '') => setTraits(needChild(id), body)],
    ['GET', /^\/resource_providers\/([^/]+)\/aggregates$/, (_, id = '') => aggregates(need(id))],
    ['GET', /^\/resource_providers\/([^/]+)\/allocations$/, (_, id = '') => allocationsOn(need(id))],
    ['GET', /^\/allocations\/([^/]+)$/, (_, consumer = '') => allocationsOf(consumer)],
    ['PUT', /^\/allocations\/([^/]+)$/, ({ body }, consumer = '') => book(consumer, body)],
    ['DELETE', /^\/allocations\/([^/]+)$/, (_, consumer = '') => dropAllocations(consumer)],
    // Any class and any trait is known here.
    ['PUT', /^\/(?:resource_classes|traits)\/CUSTOM_[A-Z0-9_]+$/, () => ({ status: 201 })],
  ];

  function need(id: string): Hypervisor | ChildProvider {
    const found = world.findProvider(id) ?? children().find((child) => child.id === id);
    if (found === undefined) throw notFound(` No resource provider with uuid ${id} found  `);
    return found;
  }

  function needChild(id: string): ChildProvider {
    const found = need(id);
    if (isChild(found)) return found;
    throw new Refusal({ status: 409, body: errors(409, 'Conflict', 'nova-compute keeps this provider') });
  }

  function children(): ChildProvider[] {
    return Object.values(world.state.hypervisors).flatMap((each) => childrenOf(world, each));
  }

  function rowOf(provider: Hypervisor | ChildProvider): object {
    return providerRow(provider, isChild(provider) ? world.hypervisor(provider.host).id : undefined);
  }

  function listProviders(query: URLSearchParams): Reply {
    const trees = Object.values(world.state.hypervisors).map((root) => [root, ...childrenOf(world, root)]);
    const asked = (key: string, value: string) => query.get(key) === null || query.get(key) === value;
    const inTree = query.get('in_tree');
    const rows = trees
      .filter((tree) => inTree === null || tree.some(({ id }) => id === inTree))
      .flat()
      .filter(({ id, name }) => asked('uuid', id) && asked('name', name));
    return ok({ resource_providers: rows.map(rowOf) });
  }

  function makeProvider({ name, uuid, parent_provider_uuid: parent }: Fields): Reply {
    const root = world.findProvider(String(parent));
    if (root === undefined) throw notFound(` No resource provider with uuid ${String(parent)} found  `);
    const made: ChildProvider = {
      id: String(uuid),
      name: String(name),
      host: root.host,
      inventories: {},
      traits: [],
      allocations: {},
    };
    world.state.providers ??= [];
    world.state.providers.push(made);
    return ok(rowOf(made));
  }

  function dropProvider({ id }: ChildProvider): Reply {
    world.state.providers = (world.state.providers ?? []).filter((each) => each.id !== id);
    return { status: 204 };
  }

  function setStock(child: ChildProvider, { inventories }: Fields): Reply {
    const stocks = Object.entries(inventories as Record<string, Partial<ChildStock>>);
    child.inventories = Object.fromEntries(
      stocks.map(([name, stock]) => [name, { total: 0, reserved: 0, allocation_ratio: 1, ...stock }]),
    );
    return ok({ resource_provider_generation: 1, inventories: child.inventories });
  }

  function setTraits(child: ChildProvider, { traits }: Fields): Reply {
    child.traits = traits as string[];
    return ok({ resource_provider_generation: 1, traits: child.traits });
  }

  /** On providers below hypervisors: what is booked on these themselves is nova-compute's to book. */
  function book(consumer: string, { allocations }: Fields): Reply {
    for (const [id, { resources }] of Object.entries(allocations as Record<string, Booked>))
      needChild(id).allocations[consumer] = resources;
    return { status: 204 };
  }

  function inventories(provider: Hypervisor | ChildProvider): Reply {
    if (isChild(provider)) return ok({ resource_provider_generation: 1, inventories: provider.inventories });
    const { stock } = provider;
    const row = (total: number, ratio: number, reserved: number) => ({
      total,
      reserved,
      min_unit: 1,
      max_unit: total,
      step_size: 1,
      allocation_ratio: ratio,
    });
    return ok({
      resource_provider_generation: 1,
      inventories: {
        VCPU: row(stock.vcpus, stock.cpuRatio, stock.reservedVcpus ?? 0),
        MEMORY_MB: row(stock.ramMb, stock.ramRatio ?? 1, stock.reservedRamMb),
        DISK_GB: row(stock.diskGb, stock.diskRatio ?? 1, stock.reservedDiskGb ?? 0),
      },
    });
  }

  function usages(provider: Hypervisor | ChildProvider): Reply {
    if (isChild(provider)) return ok({ resource_provider_generation: 1, usages: sumOf(provider) });
    const { host } = provider;
    const { vcpus, ramMb, diskGb } = world.used(host);
    const sums = { VCPU: vcpus, MEMORY_MB: ramMb, DISK_GB: diskGb };
    return ok({ resource_provider_generation: 1, usages: sums });
  }

  function traits(hypervisor: Hypervisor | ChildProvider): Reply {
    if (isChild(hypervisor)) return ok({ resource_provider_generation: 1, traits: hypervisor.traits });
    const disabled = hypervisor.disabled ? ['COMPUTE_STATUS_DISABLED'] : [];
    return ok({ resource_provider_generation: 1, traits: [...hypervisor.traits, ...disabled] });
  }

  function aggregates({ host }: Hypervisor | ChildProvider): Reply {
    const mine = world.state.aggregates.filter(({ hosts }) => hosts.includes(host));
    return ok({ resource_provider_generation: 1, aggregates: mine.map(({ uuid }) => uuid) });
  }

  function allocationsOn(provider: Hypervisor | ChildProvider): Reply {
    if (isChild(provider)) {
      const booked = Object.entries(provider.allocations).map(
        ([consumer, resources]) => [consumer, { resources, consumer_generation: 1 }] as const,
      );
      return ok({ allocations: Object.fromEntries(booked), resource_provider_generation: 1 });
    }
    const { host } = provider;
    const rows = world
      .bookings(host)
      .map(
        ([consumer, allocation]) =>
          [consumer, { resources: amounts(allocation), consumer_generation: 1 }] as const,
      );
    return ok({ allocations: Object.fromEntries(rows), resource_provider_generation: 1 });
  }

  /** Of a consumer that nobody knows there are just none. */
  function allocationsOf(consumer: string): Reply {
    const below = children().filter(({ allocations }) => allocations[consumer] !== undefined);
    const rows = below.map(({ id, allocations }) => [
      id,
      { resources: allocations[consumer], generation: 1 },
    ]);
    const allocation = world.state.allocations[consumer];
    if (allocation !== undefined) {
      const { id } = world.hypervisor(allocation.host);
      rows.unshift([id, { resources: amounts(allocation), generation: 1 }]);
    }
    if (rows.length === 0) return ok({ allocations: {} });
    return ok({ allocations: Object.fromEntries(rows), consumer_generation: 1 });
  }

  function dropAllocations(consumer: string): Reply {
    const made = (world.state.providers ?? []).filter(
      ({ allocations }) => allocations[consumer] !== undefined,
    );
    if (world.state.allocations[consumer] === undefined && made.length === 0) {
      throw notFound(` No allocations for consumer '${consumer}'  `);
    }
    for (const { allocations } of made) delete allocations[consumer];
    world.unbook(consumer);
    return { status: 204 };
  }

  return async (ask) => {
    if (ask.path === '' || ask.path === '/') return ok({ versions: [version] });
    keystone.check(ask);
    checkMicroversion(ask);
    const reply = await follow(routes, ask);
    if (reply === undefined) throw notFound('   ');
    return reply;
  };
}

const version = {
  id: 'v1.0',
  max_version: `1.${NEWEST_MINOR}`,
  min_version: '1.0',
  status: 'CURRENT',
  links: [{ rel: 'self', href: '' }],
};

function checkMicroversion({ headers }: Ask): void {
  const asked = /^placement 1\.(\d+)$/.exec(String(headers['openstack-api-version'] ?? 'placement 1.0'));
  if (asked !== null && Number(asked[1]) <= NEWEST_MINOR) return;
  const detail = `Unacceptable version header: ${String(headers['openstack-api-version'])}`;
  throw new Refusal({ status: 406, body: errors(406, 'Not Acceptable', detail) });
}

interface Booked {
  readonly resources: Readonly<Record<string, number>>;
}

function isChild(provider: Hypervisor | ChildProvider): provider is ChildProvider {
  return 'inventories' in provider;
}

function sumOf({ allocations }: ChildProvider): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const resources of Object.values(allocations))
    for (const [name, amount] of Object.entries(resources)) sums[name] = (sums[name] ?? 0) + amount;
  return sums;
}

function providerRow({ id, name }: Pick<Hypervisor, 'id' | 'name'>, parent?: string): object {
  const self = `/resource_providers/${id}`;
  const links = ['inventories', 'usages', 'aggregates', 'traits', 'allocations'].map((rel) => ({
    rel,
    href: `${self}/${rel}`,
  }));
  return {
    uuid: id,
    name,
    generation: 1,
    links: [{ rel: 'self', href: self }, ...links],
    parent_provider_uuid: parent ?? null,
    root_provider_uuid: parent ?? id,
  };
}

function amounts({ vcpus, ramMb, diskGb }: Allocation): Record<string, number> {
  return { DISK_GB: diskGb, MEMORY_MB: ramMb, VCPU: vcpus };
}

function ok(body: object): Reply {
  return { status: 200, body };
}

function notFound(what: string): Refusal {
  return new Refusal({
    status: 404,
    body: errors(404, 'Not Found', `The resource could not be found.\n\n${what}`),
  });
}

function errors(status: number, title: string, detail: string): object {
  return { errors: [{ status, title, detail, code: 'placement.undefined_code' }] };
}
