/** How a live migration is refused, and how it fails. */
import { beforeEach, expect, it } from 'vitest';
import { OpenStackError } from '../../../src/clients/openstack/error.ts';
import type { Bench } from './bench.ts';

const NO_HOST = 'No valid host was found. There are not enough hosts available.';

export function migrationFaultContract(open: () => Bench): void {
  let bench: Bench;
  let hv: Bench['hv'];
  beforeEach(() => {
    bench = open();
    hv = bench.hv;
  });

  const live = (server: string, host: string | null) =>
    bench.act(server, { 'os-migrateLive': { host, block_migration: 'auto' } });

  /** The server runs where it was, and nothing else is booked for it. */
  async function expectWhole(server: string, on: string): Promise<void> {
    const [{ uuid } = { uuid: '' }] = await bench.cloud.migrations(server);
    expect(await bench.serverOf(server)).toMatchObject({ hypervisor: on, status: 'ACTIVE' });
    await bench.until(async () => expect(await bench.cloud.allocatedOn(server)).toEqual([on]));
    expect(await bench.cloud.allocatedOn(uuid)).toEqual([]);
  }

  it.each([
    ['refuse', 'error', 'Migration pre-check error: lab:migrate=refuse'],
    ['prefail', 'failed', 'Migration error: lab:migrate=prefail'],
    // What the hypervisor itself rolls back Nova says nothing of.
    ['fail', 'failed', undefined],
  ])(
    'leaves the server whole where it was when it is made to %s, and says why',
    async (migrates, status, why) => {
      const server = await bench.create(migrates, { on: hv[0], migrates });

      await bench.cloud.liveMigrate(server, hv[1]);

      // Some are called `error` first, and `failed` when they are rolled back.
      await bench.until(async () => expect(await bench.ended(server)).toMatchObject({ status }));
      await expectWhole(server, hv[0]);
      await bench.until(async () => expect(await bench.cloud.whyMigrationFailed(server)).toBe(why));
    },
  );

  it('is told of by Nova in the words of whoever failed first', async () => {
    const server = await bench.create('told', { on: hv[0], migrates: 'refuse' });
    await bench.cloud.liveMigrate(server, hv[1]);
    await bench.ended(server);

    // Nova notes the last of it a moment after the migration's end.
    const [latest] = await bench.until(async () => {
      const { body } = await bench.nova('GET', `/servers/${server}/os-instance-actions`);
      expect(body.instanceActions[0].message).toBe('Error');
      return body.instanceActions;
    });
    const one = await bench.nova('GET', `/servers/${server}/os-instance-actions/${latest.request_id}`);

    expect(latest).toMatchObject({ action: 'live-migration', instance_uuid: server, message: 'Error' });
    const seen = one.body.instanceAction.events.map(
      ({ event, result, host, details }: Record<string, string>) => [event, result, host, details],
    );
    const refused = 'Migration pre-check error: lab:migrate=refuse';
    expect(seen).toEqual([
      ['compute_check_can_live_migrate_source', 'Error', bench.hostOf(hv[0]), refused],
      ['compute_check_can_live_migrate_destination', 'Error', bench.hostOf(hv[1]), refused],
      ['conductor_live_migrate_instance', 'Error', expect.any(String), NO_HOST],
    ]);
  });

  it('is accepted to the server’s own hypervisor, and comes to nothing', async () => {
    const server = await bench.create('self', { on: hv[0] });

    await bench.cloud.liveMigrate(server, hv[0]);

    const migration = await bench.ended(server);
    expect(migration.status).toBe('error');
    expect(migration).not.toHaveProperty('to');
    await expectWhole(server, hv[0]);
    await bench.until(async () => expect(await bench.cloud.whyMigrationFailed(server)).toBe(NO_HOST));
  });

  it('is accepted to a disabled hypervisor, and comes to nothing', async () => {
    const server = await bench.create('barred', { on: hv[0] });
    await bench.cloud.cordon(hv[2], 'out of service');

    await bench.cloud.liveMigrate(server, hv[2]);

    expect(await bench.ended(server)).toMatchObject({ status: 'error' });
    await expectWhole(server, hv[0]);
    await bench.cloud.uncordon(hv[2]);
  });

  it('is accepted beside a server of the same anti-affinity group, and comes to nothing', async () => {
    const group = await bench.group('apart');
    const [here] = await Promise.all([
      bench.create('apart-1', { on: hv[0], group }),
      bench.create('apart-2', { on: hv[1], group }),
    ]);

    await bench.cloud.liveMigrate(here, hv[1]);

    expect(await bench.ended(here)).toMatchObject({ status: 'error' });
    await expectWhole(here, hv[0]);
  });

  it('is accepted of a server with a GPU, and comes to nothing', async () => {
    const server = await bench.create('gpu', { on: hv[4], flavor: 'g1.gpu' });

    await bench.cloud.liveMigrate(server);

    expect(await bench.ended(server)).toMatchObject({ status: 'error' });
    await expectWhole(server, hv[4]);
  });

  it.each([
    ['a host that there is not', () => 'nope'],
    ['a hypervisor hostname, where Nova wants the service’s host', () => hv[1]],
  ])('is refused to %s', async (_, hostOf) => {
    const server = await bench.create('lost', { on: hv[0] });
    const host = hostOf();

    const { status, body } = await live(server, host);

    expect([status, body]).toEqual([
      400,
      { badRequest: { code: 400, message: `Compute host ${host} could not be found.` } },
    ]);
    expect(await bench.cloud.migrations(server)).toEqual([]);
  });

  it('is refused for now while the server is migrating already', async () => {
    const server = await bench.create('busy', { on: hv[0], migrates: 'stuck' });
    await bench.cloud.liveMigrate(server, hv[1]);
    const { id } = await bench.migrating(server, 'running');

    const error = await bench.cloud.liveMigrate(server).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(OpenStackError);
    expect(error).toMatchObject({
      status: 409,
      retryable: true,
      requestId: expect.stringMatching(/^req-/),
      said: `Cannot 'os-migrateLive' instance ${server} while it is in task_state migrating`,
    });
    await bench.cloud.abortMigration(server, id);
    await bench.ended(server);
  });

  it('is refused for good of a server that is stopped', async () => {
    const server = await bench.create('stopped', { on: hv[0] });
    await bench.stop(server);

    const error = await bench.cloud.liveMigrate(server).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({
      status: 409,
      retryable: false,
      said: `Cannot 'os-migrateLive' instance ${server} while it is in vm_state stopped`,
    });
  });

  it('is refused of a server that there is not', async () => {
    await expect(bench.cloud.liveMigrate('00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({
      status: 404,
      retryable: false,
    });
  });

  it('is accepted and never heard of while Nova’s conductor hangs, and goes on when it does', async () => {
    const server = await bench.create('unheard', { on: hv[0] });
    const release = await bench.side.hangConductor();
    try {
      const { status } = await live(server, bench.hostOf(hv[1]));

      expect(status).toBe(202);
      expect(await bench.serverOf(server)).toMatchObject({
        status: 'MIGRATING',
        task: 'migrating',
        hypervisor: hv[0],
      });
      expect(await bench.cloud.migrations(server)).toEqual([]);
    } finally {
      await release();
    }
    expect(await bench.ended(server)).toMatchObject({ status: 'completed', to: hv[1] });
  });

  it('of a server that is deleted meanwhile stays booked on the source for ever', async () => {
    const server = await bench.create('doomed', { on: hv[3], migrates: '120' });
    await bench.cloud.liveMigrate(server, hv[4]);
    const { uuid } = await bench.migrating(server, 'running');

    await bench.nova('DELETE', `/servers/${server}`);

    await bench.until(async () => expect(await bench.cloud.server(server)).toBeUndefined());
    expect(await bench.cloud.migrations(server)).toEqual([]);
    expect(await bench.cloud.allocatedOn(server)).toEqual([]);
    const { servers, migrations, allocations } = await bench.cloud.occupancy(hv[3]);
    expect([servers, migrations]).toEqual([[], []]);
    expect(allocations).toEqual([{ consumer: uuid, resources: expect.stringContaining('2048 MEMORY_MB') }]);
    expect(await bench.dropAllocations(uuid)).toBe(204);
    expect((await bench.cloud.occupancy(hv[3])).allocations).toEqual([]);
    expect(await bench.dropAllocations(uuid)).toBe(404);
    // The hypervisor may go on copying all the same, and would send no other guest away meanwhile.
    await bench.side.crash(hv[3]);
    await bench.side.start(hv[3]);
  });
}
