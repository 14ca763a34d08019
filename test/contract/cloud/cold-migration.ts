/** What a cold migration leaves behind until its owner has spoken. */
import { beforeEach, expect, it } from 'vitest';
import type { Bench } from './bench.ts';

export function coldMigrationContract(open: () => Bench): void {
  let bench: Bench;
  let hv: Bench['hv'];
  beforeEach(() => {
    bench = open();
    hv = bench.hv;
  });

  /** A server that was migrated from the second hypervisor to the third, unconfirmed. */
  async function resized(name: string): Promise<string> {
    const server = await bench.create(name, { on: hv[1] });
    await bench.cloud.coldMigrate(server, hv[2]);
    await bench.until(async () =>
      expect(await bench.serverOf(server)).toMatchObject({ status: 'VERIFY_RESIZE' }),
    );
    return server;
  }

  it('still occupies the hypervisor that it left, where Nova lists no server', async () => {
    const server = await resized('left-behind');

    const left = await bench.cloud.occupancy(hv[1]);

    expect(left.servers.map(({ id }) => id)).not.toContain(server);
    const mine = left.migrations.filter(({ serverId }) => serverId === server);
    expect(mine).toMatchObject([{ kind: 'migration', status: 'finished', from: hv[1], to: hv[2] }]);
    expect(left.allocations.map(({ consumer }) => consumer)).toContain(mine[0]?.uuid);
    expect((await bench.cloud.occupancy(hv[2])).servers).toContainEqual({
      id: server,
      name: 'left-behind',
      status: 'VERIFY_RESIZE',
      hypervisor: hv[2],
    });
  });

  it('occupies it no more once it is confirmed', async () => {
    const server = await resized('confirmed');

    await bench.cloud.confirmResize(server);

    await bench.until(async () => expect(await bench.serverOf(server)).toMatchObject({ status: 'ACTIVE' }));
    const [migration] = await bench.cloud.migrations(server);
    expect(migration?.status).toBe('confirmed');
    await bench.until(async () => expect(await bench.cloud.allocatedOn(migration?.uuid ?? '')).toEqual([]));
    const { migrations } = await bench.cloud.occupancy(hv[1]);
    expect(migrations.filter(({ serverId }) => serverId === server)).toEqual([]);
    expect(await bench.cloud.allocatedOn(server)).toEqual([hv[2]]);
    await bench.cloud.confirmResize(server);
  });

  it('goes where the scheduler chooses when no place is named, which is not where it was', async () => {
    const server = await bench.create('anywhere', { on: hv[1] });

    await bench.cloud.coldMigrate(server);

    await bench.until(async () =>
      expect(await bench.serverOf(server)).toMatchObject({ status: 'VERIFY_RESIZE' }),
    );
    const [migration] = await bench.cloud.migrations(server);
    expect(migration).toMatchObject({ kind: 'migration', status: 'finished', from: hv[1] });
    expect(migration?.to).not.toBe(hv[1]);
    const [newest] = await bench.cloud.actions(server);
    expect(newest).toMatchObject({ action: 'migrate', ours: true });
  });

  it('can be reverted, after which the server is where it was', async () => {
    const server = await resized('reverted');

    expect((await bench.act(server, { revertResize: null })).status).toBe(202);

    await bench.until(async () =>
      expect(await bench.serverOf(server)).toMatchObject({ status: 'ACTIVE', hypervisor: hv[1] }),
    );
    expect(await bench.cloud.migrations(server)).toMatchObject([{ status: 'reverted' }]);
    expect(await bench.cloud.allocatedOn(server)).toEqual([hv[1]]);
  });

  it('takes along a stopped server, which stays stopped', async () => {
    const server = await bench.create('asleep', { on: hv[1] });
    await bench.stop(server);
    await bench.act(server, { migrate: { host: bench.hostOf(hv[2]) } });
    await bench.until(async () =>
      expect(await bench.serverOf(server)).toMatchObject({ status: 'VERIFY_RESIZE' }),
    );

    await bench.act(server, { confirmResize: null });

    await bench.until(async () =>
      expect(await bench.serverOf(server)).toMatchObject({ status: 'SHUTOFF', hypervisor: hv[2] }),
    );
  });

  it('forbids to live-migrate the server meanwhile', async () => {
    const server = await resized('waiting');

    await expect(bench.cloud.liveMigrate(server)).rejects.toMatchObject({ status: 409, retryable: false });
  });

  it.each([
    ['its own host', () => bench.hostOf(hv[1]), 'Cannot migrate to the host where the server exists.'],
    ['a host that there is not', () => 'nope', 'Compute host nope could not be found.'],
  ])('is refused to %s', async (_, hostOf, message) => {
    const server = await bench.create('refused', { on: hv[1] });

    const { status, body } = await bench.act(server, { migrate: { host: hostOf() } });

    expect([status, body.badRequest.message]).toEqual([400, message]);
  });

  it('cannot be confirmed when there was none', async () => {
    const server = await bench.create('unmoved', { on: hv[1] });

    const { status, body } = await bench.act(server, { confirmResize: null });

    expect([status, body.conflictingRequest.message]).toEqual([
      409,
      `Cannot 'confirmResize' instance ${server} while it is in vm_state active`,
    ]);
  });
}
