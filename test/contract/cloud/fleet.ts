/** What a reading of the whole fleet holds. */
import { beforeAll, expect, it } from 'vitest';
import type { Fleet } from '../../../src/domain/fleet.ts';
import type { Bench } from './bench.ts';

export function fleetContract(open: () => Bench): void {
  let bench: Bench;
  let fleet: Fleet;
  let groupId: string;
  let ids: Record<'web' | 'large' | 'gpu' | 'asleep' | 'a' | 'b', string>;
  beforeAll(async () => {
    bench = open();
    const { hv } = bench;
    groupId = await bench.group('spread-out');
    const [web, large, gpu, asleep, a, b] = await Promise.all([
      bench.create('web', { on: hv[0], migrates: '1' }),
      bench.create('large', { on: hv[1], flavor: 'm1.large' }),
      bench.create('gpu', { on: hv[4], flavor: 'g1.gpu' }),
      bench.create('asleep', { on: hv[2] }),
      bench.create('a', { on: hv[0], group: groupId }),
      bench.create('b', { on: hv[1], group: groupId }),
    ]);
    ids = { web, large, gpu, asleep, a, b };
    await bench.stop(asleep);
    await bench.nova('PUT', `/servers/${large}/tags`, { body: { tags: ['etcd', 'prod'] } });
    await bench.cloud.cordon(hv[3], 'disk swap, ask Kim');
    fleet = await bench.cloud.fleet();
  });

  it('has every hypervisor by its hypervisor hostname, up', () => {
    expect(fleet.hypervisors.map(({ name, up }) => [name, up])).toEqual(bench.hv.map((name) => [name, true]));
  });

  it('has what Placement lets one book: (total - reserved) × ratio', () => {
    for (const { capacity } of fleet.hypervisors)
      expect(capacity).toEqual({ vcpus: 128, ramMb: 126_976, diskGb: 2000 });
  });

  it('has what the servers take, stopped ones too', () => {
    for (const { name, used } of fleet.hypervisors) {
      const here = fleet.servers.filter(({ hypervisor }) => hypervisor === name);
      const sum = (what: 'vcpus' | 'ramMb' | 'diskGb') => here.reduce((all, { size }) => all + size[what], 0);
      expect(used).toEqual({ vcpus: sum('vcpus'), ramMb: sum('ramMb'), diskGb: sum('diskGb') });
    }
    expect(fleet.hypervisors[2]?.used).toEqual({ vcpus: 1, ramMb: 2048, diskGb: 10 });
  });

  it('books what each server takes on the hypervisor that it is on, and nothing else', async () => {
    const { servers, hypervisors } = fleet;
    const mine = new Set(hypervisors.map(({ name }) => name));

    const booked = (await bench.cloud.bookings()).filter(({ hypervisor }) => mine.has(hypervisor));

    expect(booked.map(({ consumer, hypervisor }) => `${consumer} on ${hypervisor}`).toSorted()).toEqual(
      servers.map(({ id, hypervisor }) => `${id} on ${hypervisor}`).toSorted(),
    );
    const web = booked.find(({ consumer }) => consumer === ids.web)?.resources.split(', ');
    expect(web?.toSorted()).toEqual(['1 VCPU', '10 DISK_GB', '2048 MEMORY_MB']);
  });

  it('has the zones and aggregates of hypervisors', () => {
    expect(fleet.hypervisors.map(({ zone, aggregates }) => [zone, ...aggregates.toSorted()])).toEqual([
      ['az1', 'rack-a'],
      ['az1', 'rack-a'],
      ['az1', 'rack-a'],
      ['az2', 'gpu', 'rack-b'],
      ['az2', 'gpu', 'rack-b'],
    ]);
  });

  it('has the traits of hypervisors', () => {
    const traits = fleet.hypervisors.map((hypervisor) => hypervisor.traits);

    expect(traits[0]).toEqual(expect.arrayContaining(['COMPUTE_NODE', 'CUSTOM_GENERAL']));
    expect(traits[4]).toEqual(expect.arrayContaining(['COMPUTE_NODE', 'CUSTOM_GPU_A100']));
  });

  it('has the reason of whoever disabled a hypervisor', () => {
    expect(fleet.hypervisors.map(({ disabled }) => disabled)).toEqual([
      undefined,
      undefined,
      undefined,
      'disk swap, ask Kim',
      undefined,
    ]);
  });

  it('has each server as it is and where it is', () => {
    const row = (id: string) => fleet.servers.find((server) => server.id === id);

    expect(fleet.servers).toHaveLength(6);
    expect(row(ids.web)).toEqual({
      id: ids.web,
      name: 'web',
      projectId: expect.stringMatching(/^[0-9a-f]{32}$/),
      userId: expect.stringMatching(/^[0-9a-f]{32}$/),
      hypervisor: bench.hv[0],
      status: 'ACTIVE',
      size: { vcpus: 1, ramMb: 2048, diskGb: 10 },
      locked: false,
      metadata: { 'lab:migrate': '1' },
      image: expect.stringMatching(/^[0-9a-f-]{36}$/),
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(row(ids.asleep)).toMatchObject({ status: 'SHUTOFF', hypervisor: bench.hv[2] });
    expect(row(ids.large)).toMatchObject({
      size: { vcpus: 8, ramMb: 16_384, diskGb: 80 },
      tags: ['etcd', 'prod'],
    });
  });

  it('says of servers with a GPU, and of no others, that they cannot be moved', () => {
    const pinned = fleet.servers.flatMap((each) =>
      each.pinned === undefined ? [] : [[each.id, each.pinned]],
    );

    expect(pinned).toEqual([[ids.gpu, 'PCI device of class gpu']]);
  });

  it('has every project’s server groups with their members', () => {
    const group = fleet.groups.find(({ id }) => id === groupId);

    expect(group).toMatchObject({ name: 'spread-out', policy: 'anti-affinity', maxPerHost: 1 });
    expect(group?.members.toSorted()).toEqual([ids.a, ids.b].toSorted());
  });

  it('comes in pages whose links lead through all of it', async () => {
    const seen: string[] = [];
    let path = '/servers/detail?all_tenants=1&limit=4';
    while (path !== '') {
      const { body } = await bench.nova('GET', path);
      seen.push(...body.servers.map(({ id }: { id: string }) => id));
      const next = body.servers_links?.[0].href as string | undefined;
      path = next?.replace(/^.*\/v2\.1/, '') ?? '';
    }

    expect(seen).toHaveLength(6);
    expect(new Set(seen)).toEqual(new Set(Object.values(ids)));
  });

  it('has no page after a marker that there is not', async () => {
    const { status, body } = await bench.nova('GET', '/servers/detail?all_tenants=1&marker=nope');

    expect([status, body.badRequest.message]).toEqual([400, 'marker [nope] not found']);
  });

  it('has no server any more that was deleted, nor anything that it did', async () => {
    const doomed = await bench.create('doomed', { on: bench.hv[0] });
    await bench.cloud.liveMigrate(doomed, bench.hv[1]);
    await bench.ended(doomed);

    await bench.nova('DELETE', `/servers/${doomed}`);

    await bench.until(async () => expect(await bench.cloud.server(doomed)).toBeUndefined());
    expect(await bench.cloud.migrations(doomed)).toEqual([]);
    expect(await bench.cloud.allocatedOn(doomed)).toEqual([]);
    expect((await bench.cloud.fleet()).servers.map(({ id }) => id)).not.toContain(doomed);
  });

  it('has no other hypervisor', async () => {
    await expect(bench.cloud.service('hv99.example')).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('Nova has no hypervisor hv99.example'),
    });
  });

  it('is not for everybody', async () => {
    const token = await bench.signIn(bench.side.tenant);

    const { status, body } = await bench.nova('GET', '/servers/detail?all_tenants=1', { token });

    expect(status).toBe(403);
    expect(body.forbidden.message).toContain('servers:detail:get_all_tenants');
    expect((await bench.nova('GET', '/servers/detail', { token })).body).toEqual({ servers: [] });
  });
}
