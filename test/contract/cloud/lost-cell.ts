/** How Nova's answers lie, or fail, while the database of a cell is lost. */
import { beforeAll, expect, it } from 'vitest';
import { openStackCloud } from '../../../src/clients/openstack/cloud.ts';
import type { Bench } from './bench.ts';

export function lostCellContract(open: () => Bench): void {
  let bench: Bench;
  let hv: Bench['hv'];
  let id: string;
  beforeAll(async () => {
    bench = open();
    hv = bench.hv;
    id = await bench.create('out-of-sight', { on: hv[0] });
    await bench.cloud.liveMigrate(id, hv[1]);
    await bench.ended(id);
  });

  const get = async (path: string, microversion?: string) => {
    const { status, body } = await bench.nova(
      'GET',
      path,
      microversion === undefined ? {} : { microversion },
    );
    return { status, ...body };
  };
  const unknown = () =>
    bench.hv.map((name) => ({ binary: 'nova-compute', host: bench.hostOf(name), status: 'UNKNOWN' }));
  const sorted = (rows: { host: string }[]) => rows.toSorted((a, b) => a.host.localeCompare(b.host));

  it('shows servers as UNKNOWN in the list of all, and not at all in any other while it is silent', async () => {
    const before = await bench.cloud.occupancy(hv[1]);
    const giveBack = await bench.side.loseCell('silent');
    const host = bench.hostOf(hv[1]);
    try {
      const [all, filtered, limited, older, migrations, services, olderServices, occupancy, server] =
        await Promise.all([
          get('/servers/detail?all_tenants=1'),
          get(`/servers/detail?all_tenants=1&host=${host}`),
          get('/servers/detail?all_tenants=1&limit=1000'),
          get('/servers/detail?all_tenants=1', '2.68'),
          get(`/os-migrations?instance_uuid=${id}`),
          get('/os-services?binary=nova-compute'),
          get('/os-services?binary=nova-compute', '2.68'),
          bench.cloud.occupancy(hv[1]),
          bench.cloud.server(id),
        ]);

      expect(all.servers).toEqual([
        {
          id,
          status: 'UNKNOWN',
          tenant_id: expect.any(String),
          created: expect.any(String),
          links: expect.any(Array),
        },
      ]);
      expect(filtered).toMatchObject({ status: 200, servers: [] });
      expect(limited).toMatchObject({ status: 200, servers: [] });
      expect(older).toMatchObject({ status: 200, servers: [] });
      expect(migrations).toMatchObject({ status: 200, migrations: [] });
      expect(sorted(services.services)).toEqual(unknown());
      expect(olderServices).toMatchObject({ status: 200, services: [] });
      expect(server).toMatchObject({ id, status: 'UNKNOWN', hypervisor: '' });
      expect(occupancy.servers).toEqual([{ id, name: '', status: 'UNKNOWN', hypervisor: '' }]);
      expect(occupancy.allocations).toEqual(before.allocations);
    } finally {
      await giveBack();
    }
    await bench.until(async () =>
      expect((await bench.cloud.occupancy(hv[1])).servers).toEqual(before.servers),
    );
  });

  it('fails most calls at once when it refuses connections', async () => {
    const { id: service } = await bench.cloud.service(hv[1]);
    const impatient = openStackCloud(
      { ...bench.side.settings, timing: { retryForMs: 0 } },
      bench.side.inProcess?.exchange,
    );
    const failed = await impatient.fleet();
    expect(failed.servers).toHaveLength(1);
    const giveBack = await bench.side.loseCell('refused');
    try {
      const answers = await Promise.all([
        get('/servers/detail?all_tenants=1'),
        get('/os-migrations'),
        get('/os-hypervisors/detail'),
        get('/os-server-groups?all_projects=true'),
        get(`/servers/${id}/migrations`),
        bench.nova('PUT', `/os-services/${service}`, { body: { status: 'disabled' } }),
        bench.act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } }),
      ]);

      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 500));
      expect(sorted((await get('/os-services?binary=nova-compute')).services)).toEqual(unknown());
      expect(await impatient.server(id)).toMatchObject({ status: 'UNKNOWN', hypervisor: '' });
      const calls = [
        () => impatient.fleet(),
        () => impatient.service(hv[1]),
        () => impatient.occupancy(hv[1]),
      ];
      for (const call of calls)
        await expect(call()).rejects.toMatchObject({ name: 'OpenStackError', retryable: true });
      await expect(impatient.fleet()).rejects.toMatchObject({
        silentHosts: expect.arrayContaining(hv.map((name) => bench.hostOf(name))),
      });
      expect(await impatient.allocatedOn(id)).toEqual([hv[1]]);
      expect(await impatient.bookings()).toContainEqual(
        expect.objectContaining({ consumer: id, hypervisor: hv[1] }),
      );
    } finally {
      await giveBack();
    }
    await bench.until(async () => expect(await bench.cloud.service(hv[1])).toMatchObject({ up: true }));
    expect(await bench.serverOf(id)).toMatchObject({ status: 'ACTIVE', hypervisor: hv[1] });
  });
}
