/** How a running server is moved. */
import { beforeEach, expect, it } from 'vitest';
import type { Bench } from './bench.ts';

export function liveMigrationContract(open: () => Bench): void {
  let bench: Bench;
  let hv: Bench['hv'];
  beforeEach(() => {
    bench = open();
    hv = bench.hv;
  });

  it('goes where the scheduler chooses, and Placement agrees', async () => {
    const server = await bench.create('free', { on: hv[0] });

    await bench.cloud.liveMigrate(server);

    const migration = await bench.ended(server);
    expect(migration).toMatchObject({ kind: 'live-migration', status: 'completed', from: hv[0] });
    expect(migration.to).not.toBe(hv[0]);
    expect(await bench.serverOf(server)).toMatchObject({ hypervisor: migration.to, status: 'ACTIVE' });
    expect(await bench.cloud.allocatedOn(server)).toEqual([migration.to]);
    expect(await bench.cloud.allocatedOn(migration.uuid)).toEqual([]);
  });

  it('goes to the hypervisor that is named', async () => {
    const server = await bench.create('sent', { on: hv[0] });

    await bench.cloud.liveMigrate(server, hv[3]);

    expect(await bench.ended(server)).toMatchObject({ status: 'completed', from: hv[0], to: hv[3] });
    expect(await bench.serverOf(server)).toMatchObject({ hypervisor: hv[3] });
  });

  it('books both ends while it runs, and each end sees it', async () => {
    const server = await bench.create('both-ends', { on: hv[0], migrates: 'stuck' });

    await bench.cloud.liveMigrate(server, hv[1]);

    const { id, uuid } = await bench.migrating(server, 'running');
    const [source, target] = [await bench.cloud.occupancy(hv[0]), await bench.cloud.occupancy(hv[1])];
    expect(await bench.cloud.allocatedOn(server)).toEqual([hv[1]]);
    expect(await bench.cloud.allocatedOn(uuid)).toEqual([hv[0]]);
    expect(source.servers.map(({ id }) => id)).toContain(server);
    expect(source.allocations.map(({ consumer }) => consumer)).toContain(uuid);
    expect(target.servers.map(({ id }) => id)).not.toContain(server);
    expect(target.allocations.map(({ consumer }) => consumer)).toContain(server);
    for (const { migrations } of [source, target])
      expect(migrations).toMatchObject([
        { uuid, serverId: server, status: 'running', from: hv[0], to: hv[1] },
      ]);
    expect(await bench.serverOf(server)).toMatchObject({ status: 'MIGRATING', task: 'migrating' });
    await bench.cloud.abortMigration(server, id);
    await bench.ended(server);
  });

  it('tells how far it is', async () => {
    const server = await bench.create('far', { on: hv[0], migrates: '600' });
    await bench.cloud.liveMigrate(server, hv[1]);
    const { id } = await bench.migrating(server, 'running');

    const progress = await bench.until(async () => {
      const seen = await bench.cloud.progress(server, id);
      expect(seen?.processedBytes).toBeGreaterThan(0);
      return seen;
    });

    expect(progress?.totalBytes).toBe(2048 * 1024 * 1024);
    expect(progress?.remainingBytes).toBe(2048 * 1024 * 1024 - (progress?.processedBytes ?? 0));
    await bench.cloud.abortMigration(server, id);
    await bench.ended(server);
    expect(await bench.cloud.progress(server, id)).toBeUndefined();
  });

  it('can be aborted, after which all is as before, and aborting it again is no error', async () => {
    const server = await bench.create('aborted', { on: hv[0], migrates: 'stuck' });
    await bench.cloud.liveMigrate(server, hv[1]);
    const { id, uuid } = await bench.migrating(server, 'running');

    await bench.cloud.abortMigration(server, id);

    expect(await bench.ended(server)).toMatchObject({ id, status: 'cancelled' });
    expect(await bench.serverOf(server)).toMatchObject({ hypervisor: hv[0], status: 'ACTIVE' });
    expect(await bench.cloud.allocatedOn(server)).toEqual([hv[0]]);
    expect(await bench.cloud.allocatedOn(uuid)).toEqual([]);
    await bench.cloud.abortMigration(server, id);
    const again = await bench.nova('DELETE', `/servers/${server}/migrations/${id}`);
    expect([again.status, again.body.conflictingRequest.message]).toEqual([
      409,
      `Instance ${server} is in an invalid state for 'abort live migration'`,
    ]);
  });

  it('can be made to complete, and asking that again is no error', async () => {
    const server = await bench.create('forced', { on: hv[0], migrates: 'stuck' });
    await bench.cloud.liveMigrate(server, hv[1]);
    const { id } = await bench.migrating(server, 'running');

    await bench.cloud.forceComplete(server, id);

    expect(await bench.ended(server)).toMatchObject({ id, status: 'completed', to: hv[1] });
    await bench.cloud.forceComplete(server, id);
  });

  it('waits while another leaves the same hypervisor, and can be aborted while it waits', async () => {
    const first = await bench.create('first', { on: hv[0], migrates: 'stuck' });
    const second = await bench.create('second', { on: hv[0] });
    const third = await bench.create('third', { on: hv[0] });
    await bench.cloud.liveMigrate(first, hv[1]);
    const running = await bench.migrating(first, 'running');
    await bench.cloud.liveMigrate(second, hv[1]);
    await bench.cloud.liveMigrate(third, hv[1]);
    const waiting = await bench.migrating(second, 'queued');
    await bench.migrating(third, 'queued');

    await bench.cloud.abortMigration(second, waiting.id);

    expect(await bench.ended(second)).toMatchObject({ status: 'cancelled' });
    expect(await bench.cloud.allocatedOn(second)).toEqual([hv[0]]);
    await bench.cloud.abortMigration(first, running.id);
    expect(await bench.ended(first)).toMatchObject({ status: 'cancelled' });
    expect(await bench.ended(third)).toMatchObject({ status: 'completed', to: hv[1] });
  });

  it('is listed before those that came earlier', async () => {
    const server = await bench.create('wanderer', { on: hv[0] });
    for (const target of [hv[1], hv[2], hv[0]]) {
      await bench.cloud.liveMigrate(server, target);
      await bench.until(async () =>
        expect(await bench.serverOf(server)).toMatchObject({ hypervisor: target }),
      );
      await bench.ended(server);
    }

    const migrations = await bench.cloud.migrations(server);

    expect(migrations.map(({ from, to }) => [from, to])).toEqual([
      [hv[2], hv[0]],
      [hv[1], hv[2]],
      [hv[0], hv[1]],
    ]);
  });

  it('takes along a server that is locked, for administrators may', async () => {
    const server = await bench.create('locked', { on: hv[0] });
    await bench.act(server, { lock: null });
    expect(await bench.serverOf(server)).toMatchObject({ locked: true });

    await bench.cloud.liveMigrate(server, hv[1]);

    expect(await bench.ended(server)).toMatchObject({ status: 'completed' });
  });
}
