/** Placement: what each hypervisor has, what of it is booked, and by whom. */
import { type Answer, type Ask, follow, Refusal, type Reply, type Route } from './http.ts';
import type { Keystone } from './keystone.ts';
import type { Allocation, Hypervisor } from './state.ts';
import type { World } from './world.ts';

const NEWEST_MINOR = 39;

export function openPlacement(world: World, keystone: Keystone): Answer {
  const routes: Route[] = [
    ['GET', /^\/resource_providers$/, ({ query }) => listProviders(query)],
    ['GET', /^\/resource_providers\/([^/]+)$/, (_, id = '') => ok(providerRow(need(id)))],
    ['GET', /^\/resource_providers\/([^/]+)\/inventories$/, (_, id = '') => inventories(need(id))],
    ['GET', /^\/resource_providers\/([^/]+)\/usages$/, (_, id = '') => usages(need(id))],
    ['GET', /^\/resource_providers\/([^/]+)\/traits$/, (_, id = '') => traits(need(id))],
    ['GET', /^\/resource_providers\/([^/]+)\/aggregates$/, (_, id = '') => aggregates(need(id))],
    ['GET', /^\/resource_providers\/([^/]+)\/allocations$/, (_, id = '') => allocationsOn(need(id))],
    ['GET', /^\/allocations\/([^/]+)$/, (_, consumer = '') => allocationsOf(consumer)],
    ['DELETE', /^\/allocations\/([^/]+)$/, (_, consumer = '') => dropAllocations(consumer)],
  ];

  function need(id: string): Hypervisor {
    const hypervisor = world.findProvider(id);
    if (hypervisor === undefined) throw notFound(` No resource provider with uuid ${id} found  `);
    return hypervisor;
  }

  function listProviders(query: URLSearchParams): Reply {
    const all = Object.values(world.state.hypervisors);
    const asked = (key: string, value: string) => query.get(key) === null || query.get(key) === value;
    // Each hypervisor is a tree of one provider.
    const rows = all.filter(
      ({ id, name }) => asked('in_tree', id) && asked('uuid', id) && asked('name', name),
    );
    return ok({ resource_providers: rows.map(providerRow) });
  }

  function inventories({ stock }: Hypervisor): Reply {
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

  function usages({ host }: Hypervisor): Reply {
    const { vcpus, ramMb, diskGb } = world.used(host);
    const sums = { VCPU: vcpus, MEMORY_MB: ramMb, DISK_GB: diskGb };
    return ok({ resource_provider_generation: 1, usages: sums });
  }

  function traits(hypervisor: Hypervisor): Reply {
    const disabled = hypervisor.disabled ? ['COMPUTE_STATUS_DISABLED'] : [];
    return ok({ resource_provider_generation: 1, traits: [...hypervisor.traits, ...disabled] });
  }

  function aggregates({ host }: Hypervisor): Reply {
    const mine = world.state.aggregates.filter(({ hosts }) => hosts.includes(host));
    return ok({ resource_provider_generation: 1, aggregates: mine.map(({ uuid }) => uuid) });
  }

  function allocationsOn({ host }: Hypervisor): Reply {
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
    const allocation = world.state.allocations[consumer];
    if (allocation === undefined) return ok({ allocations: {} });
    const { id } = world.hypervisor(allocation.host);
    return ok({
      allocations: { [id]: { resources: amounts(allocation), generation: 1 } },
      consumer_generation: 1,
    });
  }

  function dropAllocations(consumer: string): Reply {
    if (world.state.allocations[consumer] === undefined) {
      throw notFound(` No allocations for consumer '${consumer}'  `);
    }
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

function providerRow({ id, name }: Hypervisor): object {
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
    parent_provider_uuid: null,
    root_provider_uuid: id,
  };
}

function amounts({ vcpus, ramMb, diskGb }: Allocation): object {
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
