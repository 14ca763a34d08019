/** The cloud as jobs see it, read from and changed on a small Keystone, Nova and Placement. */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStackCloud } from '../../../src/clients/openstack/cloud.ts';
import { OpenStackError } from '../../../src/clients/openstack/error.ts';
import { capacityOf } from '../../../src/clients/openstack/placement.ts';
import type { Cloud } from '../../../src/domain/fleet.ts';
import { type FakeOpenStack, startFakeOpenStack } from './fake-openstack.ts';
import { type SampleMigration, type SampleServer, sample } from './samples.ts';

const HV01 = 'hv01.lab.example';
const VM06 = '3f121bb3-473f-47bb-bf44-d10b0ed071f7';

let openstack: FakeOpenStack;
let cloud: Cloud;
beforeEach(async () => {
  openstack = await startFakeOpenStack();
  cloud = openStackCloud(openstack.settings);
});
afterEach(() => openstack.stop());

async function errorOf(call: Promise<unknown>): Promise<OpenStackError> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  if (!(error instanceof OpenStackError)) throw new Error(`not an OpenStackError: ${String(error)}`);
  return error;
}

function asked(request: string): number {
  return openstack.log.filter((entry) => entry === request).length;
}

function serviceOf(host: string) {
  const service = openstack.nova.services.find((row) => row.host === host);
  if (service === undefined) throw new Error(`the samples have no service on ${host}`);
  return service;
}

function serverOf(id: string): SampleServer {
  const server = openstack.nova.servers.find((row) => row.id === id);
  if (server === undefined) throw new Error(`the samples have no server ${id}`);
  return server;
}

function migration(more: Partial<SampleMigration>): SampleMigration {
  const [first] = sample('migrations');
  return { ...(first as SampleMigration), ...more };
}

/** Copies of a sample, as many as it takes to fill pages. */
function manyServers(count: number): SampleServer[] {
  return Array.from({ length: count }, (_, index) => ({ ...serverOf(VM06), id: `server-${index}` }));
}

describe('the fleet', () => {
  it('joins what Nova and Placement say of a hypervisor, by its host, its name and its uuid', async () => {
    Object.assign(serviceOf('hv01'), {
      status: 'disabled',
      disabled_reason: 'disk swap, ask Kim',
      state: 'down',
    });

    const { hypervisors } = await cloud.fleet();

    expect(hypervisors.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5].map((n) => `hv0${n}.lab.example`));
    expect(hypervisors[0]).toEqual({
      name: HV01,
      up: false,
      disabled: 'disk swap, ask Kim',
      zone: 'az1',
      aggregates: ['rack-a'],
      capacity: { vcpus: 128, ramMb: 126_976, diskGb: 2000 },
      used: { vcpus: 11, ramMb: 22_528, diskGb: 110 },
      traits: sample('traits').traits,
    });
    expect(hypervisors[3]).toMatchObject({ up: true, zone: 'az2', aggregates: ['rack-b', 'gpu'] });
    expect(hypervisors[3]).not.toHaveProperty('disabled');
  });

  it('has every server, with what it needs and what pins it', async () => {
    const { servers } = await cloud.fleet();

    expect(servers).toHaveLength(5);
    expect(servers.find(({ id }) => id === VM06)).toEqual({
      id: VM06,
      name: 'vm06',
      projectId: 'bab5b858f7ef4a28b6a439ba220a362b',
      userId: '73f6f1450824436e932b5e07f5f42910',
      hypervisor: HV01,
      status: 'ACTIVE',
      size: { vcpus: 1, ramMb: 2048, diskGb: 10 },
      locked: false,
      metadata: { owner: 'carol' },
      image: 'd2e94475-cf2e-4edc-98d3-2919c714bdd6',
      createdAt: '2026-11-21T10:11:10Z',
    });
    expect(servers.find(({ name }) => name === 'vm02')?.pinned).toBe('PCI device of class gpu');
  });

  it('knows the addresses of a server on every network, floating ones too', async () => {
    const port = (addr: string, type: string) => ({ addr, version: 4, 'OS-EXT-IPS:type': type });
    serverOf(VM06).addresses = {
      private: [port('172.16.105.23', 'fixed'), port('192.0.2.7', 'floating')],
      storage: [{ addr: '2001:db8::17', version: 6, 'OS-EXT-IPS:type': 'fixed' }],
    };

    const { servers } = await cloud.fleet();

    const withAny = servers.filter(({ addresses }) => addresses !== undefined);
    expect(withAny.map(({ id, addresses }) => [id, addresses])).toEqual([
      [VM06, ['172.16.105.23', '192.0.2.7', '2001:db8::17']],
    ]);
  });

  it.each([
    { what: 'the zone that binds it', speaks: '2.96', bound: 'az1', zone: { zone: 'az1' } },
    { what: 'that none does', speaks: '2.96', bound: null, zone: { zone: null } },
    { what: 'nothing, of a Nova that does not tell,', speaks: '2.95', bound: 'az1', zone: {} },
  ])('says $what of a server, in the list and of the one', async ({ speaks, bound, zone }) => {
    openstack.nova.maxMicroversion = speaks;
    serverOf(VM06).pinned_availability_zone = bound;

    const { servers } = await cloud.fleet();
    const one = await cloud.server(VM06);

    const ofAll = servers.find(({ id }) => id === VM06);
    expect([ofAll, one].map((server) => ('zone' in server! ? { zone: server.zone } : {}))).toEqual([
      zone,
      zone,
    ]);
  });

  it('counts no root disk for a server that boots from a volume', async () => {
    serverOf(VM06).image = '';

    const { servers } = await cloud.fleet();

    expect(servers.find(({ id }) => id === VM06)?.size.diskGb).toBe(0);
  });

  it('has the server groups of every project', async () => {
    openstack.nova.groups.push({
      id: 'g2',
      name: 'three a host',
      policy: 'anti-affinity',
      rules: { max_server_per_host: '3' },
      members: ['a'],
    });
    openstack.nova.maxLimit = 1;

    const { groups } = await cloud.fleet();

    expect(groups.map(({ name, policy, maxPerHost }) => [name, policy, maxPerHost])).toEqual([
      ['spread', 'anti-affinity', 1],
      ['three a host', 'anti-affinity', 3],
    ]);
  });

  it('is read page after page, in calls that do not grow with the servers', async () => {
    openstack.nova.servers.push(...manyServers(95));
    openstack.nova.maxLimit = 50;

    const { servers } = await cloud.fleet();

    expect(new Set(servers.map(({ id }) => id)).size).toBe(100);
    expect(asked('GET /servers/detail')).toBe(2);
    expect(openstack.log.filter((entry) => entry.startsWith('GET /servers/'))).toHaveLength(2);
  });

  it('is one error, and not a loop, when Nova’s next page is the same again', async () => {
    const page = {
      status: 200,
      body: { servers: sample('servers'), servers_links: [{ rel: 'next', href: 'http://nova/?marker=x' }] },
    };
    openstack.instead('GET /servers/detail', page, page, page);

    const error = await errorOf(cloud.fleet());

    expect(error.message).toContain('has a next page that leads nowhere');
    expect(asked('GET /servers/detail')).toBe(2);
  });

  it('shows the servers of a silent cell as UNKNOWN, on no hypervisor', async () => {
    const unknown = { id: VM06, tenant_id: 'a', created: '2026-11-21T10:11:10Z', status: 'UNKNOWN' };
    openstack.instead('GET /servers/detail', { status: 200, body: { servers: [unknown] } });

    const { servers } = await cloud.fleet();

    expect(servers).toMatchObject([{ id: VM06, status: 'UNKNOWN', hypervisor: '' }]);
  });

  it('cannot be read while a cell is silent, and Nova is not asked for what it would wait for in vain', async () => {
    openstack.nova.isSilent = true;

    const error = await errorOf(cloud.fleet());

    expect(asked('GET /os-hypervisors/detail')).toBe(0);
    expect(error).toMatchObject({
      retryable: true,
      message: expect.stringContaining('Nova gets no answer from a cell with 5 hosts'),
    });
  });

  it('is refused to credentials that may not see where servers are, since all would look empty', async () => {
    for (const server of openstack.nova.servers) delete server['OS-EXT-SRV-ATTR:hypervisor_hostname'];

    const error = await errorOf(cloud.fleet());

    expect(error.retryable).toBe(false);
    expect(error.message).toContain('may not see where servers are (that takes the admin role)');
  });

  it('has no room on a hypervisor that Placement does not know', async () => {
    const { providers } = openstack.placement;
    providers.splice(
      providers.findIndex(({ name }) => name === HV01),
      1,
    );

    const { hypervisors } = await cloud.fleet();

    expect(hypervisors[0]).toMatchObject({ name: HV01, capacity: { vcpus: 0, ramMb: 0, diskGb: 0 } });
  });
});

describe('capacity', () => {
  it('is never more than what is there beside the reserve, times the ratio, and misses less than one', () => {
    const inventory = fc.record({
      total: fc.integer({ min: 0, max: 1_000_000 }),
      reserved: fc.integer({ min: 0, max: 1000 }),
      allocation_ratio: fc.double({ min: 0.1, max: 16, noNaN: true }),
    });
    fc.assert(
      fc.property(inventory, (stock) => {
        const { vcpus, ramMb, diskGb } = capacityOf({ VCPU: stock });
        const exact = (stock.total - stock.reserved) * stock.allocation_ratio;

        expect(Number.isInteger(vcpus)).toBe(true);
        expect(exact - vcpus).toBeGreaterThanOrEqual(0);
        expect(exact - vcpus).toBeLessThan(1);
        expect([ramMb, diskGb]).toEqual([0, 0]);
      }),
    );
  });
});

describe('a compute service', () => {
  it('is read fresh, by the hypervisor’s name', async () => {
    const row = serviceOf('hv01');

    expect(await cloud.service(HV01)).toEqual({
      id: row.id,
      hypervisorId: expect.stringMatching(/^.+$/),
      up: true,
      forcedDown: false,
      heardAt: '2026-11-21T10:11:17.000Z',
    });
    Object.assign(row, { status: 'disabled', disabled_reason: null, updated_at: null, forced_down: true });
    expect(await cloud.service(HV01)).toEqual({
      id: row.id,
      hypervisorId: expect.stringMatching(/^.+$/),
      up: true,
      disabled: '',
      forcedDown: true,
      heardAt: '1970-01-01T00:00:00.000Z',
    });
  });

  it.each([0, 256])('is not disabled with a reason of %i characters', async (length) => {
    const error = await errorOf(cloud.cordon(HV01, 'x'.repeat(length)));

    expect(error).toMatchObject({ retryable: false });
    expect(openstack.log).toEqual([]);
  });

  it('of a hypervisor that does not exist is a permanent error, even if a name contains it', async () => {
    const error = await errorOf(cloud.service('hv01'));

    expect(error.retryable).toBe(false);
    expect(error.message).toBe('Nova has no hypervisor hv01; `openstack hypervisor list` shows those it has');
  });

  it('cannot be told while a cell is silent, and Nova is not asked for what it would wait for in vain', async () => {
    openstack.nova.isSilent = true;

    const error = await errorOf(cloud.service(HV01));

    expect(asked('GET /os-hypervisors/detail')).toBe(0);
    expect(error.retryable).toBe(true);
    expect(error.message).toBe(
      "Nova gets no answer from a cell with 5 hosts (hv01, hv02, hv03, hv04, hv05), so its lists are not whole; look at that cell's database",
    );
  });
});

describe('a server', () => {
  it('that is gone is undefined', async () => {
    expect(await cloud.server('c0ffee')).toBeUndefined();
  });

  it('is not gone because a proxy does not find Nova', async () => {
    openstack.instead(`GET /servers/${VM06}`, { status: 404, body: '<h1>Not Found</h1>' });

    expect(await errorOf(cloud.server(VM06))).toMatchObject({ status: 404 });
  });
});

describe('a live migration', () => {
  it('has records, newest first, by hypervisor names', async () => {
    const first = { id: 1, created_at: '2026-11-21T10:00:00.000000', updated_at: null, dest_node: null };
    openstack.nova.migrations.splice(
      0,
      Infinity,
      migration({ ...first, instance_uuid: VM06 }),
      migration({ id: 12, instance_uuid: VM06 }),
    );

    expect(await cloud.migrations(VM06)).toEqual([
      {
        id: '12',
        uuid: '10a7bff7-6811-454f-90a6-211a83c8e434',
        serverId: VM06,
        kind: 'migration',
        status: 'finished',
        from: 'hv02.lab.example',
        to: 'hv03.lab.example',
        createdAt: '2026-11-21T10:11:38.000Z',
        updatedAt: '2026-11-21T10:11:39.000Z',
      },
      {
        id: '1',
        uuid: '10a7bff7-6811-454f-90a6-211a83c8e434',
        serverId: VM06,
        kind: 'migration',
        status: 'finished',
        from: 'hv02.lab.example',
        createdAt: '2026-11-21T10:00:00.000Z',
        updatedAt: '2026-11-21T10:00:00.000Z',
      },
    ]);
  });

  it('tells its progress while it runs', async () => {
    const running = migration({ id: 4, instance_uuid: VM06, status: 'running' });
    openstack.nova.migrations.push(running);

    expect(await cloud.progress(VM06, '4')).toEqual({
      totalBytes: 2_147_483_648,
      processedBytes: 543_295_232,
      remainingBytes: 1_604_188_416,
    });
    running.status = 'completed';
    expect(await cloud.progress(VM06, '4')).toBeUndefined();
  });

  it('that nobody knows (any more) needs no abort', async () => {
    await expect(cloud.abortMigration(VM06, '99')).resolves.toBeUndefined();
  });

  it('that cannot be aborted just now is an error that may pass', async () => {
    openstack.nova.migrations.push(migration({ id: 4, instance_uuid: VM06, status: 'post-migrating' }));

    const error = await errorOf(cloud.abortMigration(VM06, '4'));

    expect(error.retryable).toBe(true);
    expect(error.message).toContain('(the migration is post-migrating)');
  });
});

describe('what Placement books for a consumer', () => {
  it('is named by the hypervisor, also where a provider below it holds it', async () => {
    const root = openstack.placement.providers.find(({ name }) => name === 'hv04.lab.example');
    const gpu = {
      uuid: 'gpu',
      name: 'hv04_gpu0',
      parent_provider_uuid: root?.uuid ?? '',
      root_provider_uuid: root?.uuid ?? '',
    };
    openstack.placement.providers.push(gpu);
    openstack.placement.booked.set('gpu', { [VM06]: { resources: { VGPU: 1 } } });

    expect(await cloud.allocatedOn(VM06)).toEqual([HV01, 'hv04.lab.example']);
  });

  it('is nothing for one that it does not know', async () => {
    expect(await cloud.allocatedOn('c0ffee')).toEqual([]);
  });
});

describe('the books of the whole cloud', () => {
  it('have a row per hypervisor and consumer, with what is booked below it', async () => {
    const { placement } = openstack;
    const root = placement.providers.find(({ name }) => name === 'hv04.lab.example')?.uuid ?? '';
    const nested = { uuid: 'gpu', name: 'hv04_pci', parent_provider_uuid: root, root_provider_uuid: root };
    placement.providers.push(nested);
    placement.booked.set(root, { someone: { resources: { VCPU: 1 } } });
    placement.booked.set('gpu', { someone: { resources: { VGPU: 1 } } });

    const bookings = await cloud.bookings();

    expect(bookings.filter(({ hypervisor }) => hypervisor === HV01)).toHaveLength(4);
    expect(bookings.filter(({ consumer }) => consumer === 'someone')).toEqual([
      { hypervisor: 'hv04.lab.example', consumer: 'someone', resources: '1 VCPU, 1 VGPU' },
    ]);
    expect(bookings).toHaveLength(5);
  });

  it('are asked of each provider once', async () => {
    openstack.log.length = 0;

    await cloud.bookings();

    expect(
      openstack.log.filter((entry) => /resource_providers\/[^/]+\/allocations$/.test(entry)),
    ).toHaveLength(5);
    expect(asked('GET /resource_providers')).toBe(1);
  });

  it('leave out a provider that goes while they are read', async () => {
    const [gone] = openstack.placement.providers;
    const body = { errors: [{ status: 404, title: 'Not Found', detail: 'No resource provider found' }] };
    openstack.instead(`GET /resource_providers/${gone?.uuid}/allocations`, { status: 404, body });

    expect(await cloud.bookings()).toHaveLength(4);
  });
});

describe('the occupancy of a hypervisor', () => {
  it('has its servers, in short, and their allocations', async () => {
    const { servers, allocations, migrations, hypervisor, from, to } = await cloud.occupancy(HV01);

    expect(hypervisor).toBe(HV01);
    expect(Date.parse(to)).toBeGreaterThanOrEqual(Date.parse(from));
    expect(servers.map(({ name }) => name)).toEqual(['vm16', 'vm11', 'vm06', 'vm01']);
    expect(servers[2]).toEqual({ id: VM06, name: 'vm06', status: 'ACTIVE', hypervisor: HV01 });
    expect(allocations).toContainEqual({ consumer: VM06, resources: '10 DISK_GB, 2048 MEMORY_MB, 1 VCPU' });
    expect(allocations).toHaveLength(4);
    expect(migrations).toEqual([]);
  });

  it('is nothing at all on an empty one', async () => {
    expect(await cloud.occupancy('hv04.lab.example')).toMatchObject({
      servers: [],
      allocations: [],
      migrations: [],
    });
  });

  it.each([
    ['accepted', true],
    ['queued', true],
    ['preparing', true],
    ['running', true],
    ['post-migrating', true],
    ['finished', true],
    ['something new', true],
    ['completed', false],
    ['error', false],
    ['failed', false],
    ['cancelled', false],
    ['confirmed', false],
    ['reverted', false],
    ['done', false],
  ])('has a migration that is %s: %s', async (status, isCounted) => {
    openstack.nova.migrations.splice(
      0,
      Infinity,
      migration({ status, source_compute: 'hv03', dest_compute: 'hv04' }),
    );

    const { migrations } = await cloud.occupancy('hv04.lab.example');

    expect(migrations).toHaveLength(isCounted ? 1 : 0);
  });

  it('has a migration that is on the last of many pages', async () => {
    const old = Array.from({ length: 7 }, (_, id) =>
      migration({ id, uuid: `m${id}`, status: id === 0 ? 'finished' : 'confirmed', dest_compute: 'hv04' }),
    );
    openstack.nova.migrations.splice(0, Infinity, ...old.toReversed());
    openstack.nova.maxLimit = 2;

    const { migrations } = await cloud.occupancy('hv04.lab.example');

    expect(migrations.map(({ uuid }) => uuid)).toEqual(['m0']);
  });

  it('has what is booked on a provider below it', async () => {
    const root = openstack.placement.providers.find(({ name }) => name === 'hv04.lab.example')?.uuid ?? '';
    openstack.placement.providers.push({
      uuid: 'gpu',
      name: 'gpu0',
      parent_provider_uuid: root,
      root_provider_uuid: root,
    });
    openstack.placement.booked.set(root, { someone: { resources: { VCPU: 1 } } });
    openstack.placement.booked.set('gpu', { someone: { resources: { VGPU: 1 } } });

    const { allocations } = await cloud.occupancy('hv04.lab.example');

    expect(allocations).toEqual([{ consumer: 'someone', resources: '1 VCPU, 1 VGPU' }]);
  });

  it('has a server that its own cell knows, when the list of all cells has skipped that cell', async () => {
    openstack.instead('GET /servers/detail', { status: 200, body: { servers: [] } });

    const { servers } = await cloud.occupancy(HV01);

    expect(servers).toContainEqual({ id: VM06, name: '', status: 'UNKNOWN', hypervisor: HV01 });
    expect(servers).toHaveLength(4);
  });

  it('cannot be told when its own cell does not answer', async () => {
    const settings = { ...openstack.settings, timing: { retryForMs: 0 } };
    const { id } = openstack.nova.hypervisors.find((row) => row.hypervisor_hostname === HV01) ?? { id: '' };
    openstack.instead(`GET /os-hypervisors/${id}`, { status: 500, body: sample('hypervisors-500') });

    const error = await errorOf(openStackCloud(settings).occupancy(HV01));

    expect(error).toMatchObject({ status: 500, retryable: true });
  });

  it('has only the UNKNOWN servers of a cloud with another, silent cell', async () => {
    openstack.nova.isSilent = true;
    const unknown = { id: 'lost', tenant_id: 'a', created: '2026-11-21T10:11:10Z', status: 'UNKNOWN' };
    openstack.instead('GET /servers/detail', { status: 200, body: { servers: [unknown, serverOf(VM06)] } });

    const { servers } = await cloud.occupancy('hv02.lab.example');

    expect(servers.map(({ id }) => id)).toEqual(['lost']);
  });

  it('cannot be told while a cell is silent and Nova does not show its servers', async () => {
    openstack.nova.isSilent = true;
    openstack.nova.servers.length = 0;

    const error = await errorOf(cloud.occupancy(HV01));

    expect(error.retryable).toBe(true);
    expect(error.message).toContain('Nova gets no answer from a cell with 5 hosts');
  });

  it('cannot be told when Placement keeps no books of it', async () => {
    const { providers } = openstack.placement;
    providers.splice(
      providers.findIndex(({ name }) => name === HV01),
      1,
    );

    const error = await errorOf(cloud.occupancy(HV01));

    expect(error.retryable).toBe(false);
    expect(error.message).toBe(`Placement has no resource provider ${HV01}, so its books cannot be read`);
  });
});

it('no error holds a token or the password', async () => {
  const settings = { ...openstack.settings, timing: { retryForMs: 0 } };
  openstack.instead('GET /servers/detail', { status: 500, body: sample('hypervisors-500') });

  const error = await errorOf(openStackCloud(settings).fleet());

  expect(openstack.keystone.tokens).toContain('token-1');
  expect(`${error.stack} ${JSON.stringify(error)}`).not.toMatch(/token-1|secret/);
});
