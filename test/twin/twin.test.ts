/** Whether the simulated cloud repeats itself, goes wrong when it is told to, and outlives its process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openStackCloud } from '../../src/clients/openstack/cloud.ts';
import { sshHosts } from '../../src/clients/ssh.ts';
import { BOOT_PROBE, parseBoot } from '../../src/domain/host-boot.ts';
import { makeSshKeys } from '../../src/twin/hosts.ts';
import { beginLiveMigration } from '../../src/twin/live-migration.ts';
import { reboot } from '../../src/twin/power.ts';
import { type Seed, seedWorld } from '../../src/twin/seed.ts';
import { HANDLERS } from '../../src/twin/simulate.ts';
import type { State } from '../../src/twin/state.ts';
import { fastClock, openTestTwin, type TestTwin } from '../support/twin.ts';

const AT = Date.UTC(2026, 10, 24, 22);
const DEMO: Seed = { seed: 7, hypervisors: 24, servers: 310, at: AT };

let opened: TestTwin | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

async function open(options: Parameters<typeof openTestTwin>[0] = {}): Promise<TestTwin> {
  opened = await openTestTwin({ servers: 20, ...options });
  return opened;
}

function until<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { timeout: 20_000, interval: 10 });
}

/** A running server on the first hypervisor that may go anywhere in its zone. */
function someServer({ servers }: State): string {
  const server = Object.values(servers).find(
    ({ host, vmState, flavor, group }) =>
      host === 'hv01' && vmState === 'active' && flavor !== 'g1.gpu' && group === undefined,
  );
  if (server === undefined) throw new Error('no server of this seed can be moved off hv01');
  return server.id;
}

describe('a simulated cloud out of a seed', () => {
  it('is the same again, ids included, and another one from another seed', () => {
    const [one, again, other] = [7, 7, 8].map((seed) => seedWorld({ ...DEMO, seed }, HANDLERS).state);

    expect(again).toEqual(one);
    expect(Object.keys(other?.servers ?? {})[0]).not.toBe(Object.keys(one?.servers ?? {})[0]);
  });

  it('goes through the same events when the same is asked at the same times', () => {
    const night = (steps: number[]) => {
      const world = seedWorld(DEMO, HANDLERS);
      const { state } = world;
      world.advance(AT + 1000);
      beginLiveMigration(world, state.servers[someServer(state)]!, null);
      reboot(world, world.named('hv20'));
      for (const ms of steps) world.advance(AT + 1000 + ms);
      return state;
    };

    // However often somebody looks meanwhile.
    expect(night([600_000])).toEqual(night([1, 200, 777, 20_000, 20_001, 300_000, 600_000]));
    expect(night([600_000]).migrations).toMatchObject([{ status: 'completed' }]);
  });

  it('has what there is to find in a cloud', () => {
    const { state } = seedWorld(DEMO, HANDLERS);
    const hypervisors = Object.values(state.hypervisors);
    const servers = Object.values(state.servers);
    const some = (count: number) => expect(count).toBeGreaterThan(0);

    expect([hypervisors.length, servers.length]).toEqual([24, 310]);
    expect(hypervisors.filter(({ disabled }) => disabled)).toMatchObject([
      { disabledReason: 'disk swap, ask Kim' },
    ]);
    expect(hypervisors.filter(({ kernels }) => kernels.length === 2)).toHaveLength(15);
    expect(state.users.map(({ email }) => email)).toContain('alice@alpha.example');
    some(servers.filter(({ vmState }) => vmState === 'stopped').length);
    some(servers.filter(({ flavor }) => flavor === 'g1.gpu').length);
    some(hypervisors.filter(({ host }) => servers.every((server) => server.host !== host)).length);
    for (const { id, policy } of state.groups) {
      const hosts = servers.filter(({ group }) => group === id).map(({ host }) => host);
      expect([policy, hosts.length, new Set(hosts).size]).toEqual(['anti-affinity', 3, 3]);
    }
  });

  it('books nothing twice and nowhere more than there is', () => {
    const world = seedWorld(DEMO, HANDLERS);

    for (const { host, stock } of Object.values(world.state.hypervisors)) {
      const used = world.used(host);
      expect(used.vcpus).toBeLessThanOrEqual(stock.vcpus * stock.cpuRatio);
      expect(used.ramMb).toBeLessThanOrEqual(stock.ramMb - stock.reservedRamMb);
      expect(used.diskGb).toBeLessThanOrEqual(stock.diskGb);
    }
    expect(Object.keys(world.state.allocations).toSorted()).toEqual(
      Object.keys(world.state.servers).toSorted(),
    );
  });

  it('says so when there is no room for all its servers', () => {
    expect(() => seedWorld({ ...DEMO, hypervisors: 2 }, HANDLERS)).toThrow(
      /2 hypervisors have no room for .*ask for fewer/,
    );
  });
});

describe('a simulated cloud over HTTP', () => {
  it('answers a reading of 310 servers on 24 hypervisors within a second', async () => {
    const { cloud } = await open({ hypervisors: 24, servers: 310 });
    await cloud.fleet();
    const began = performance.now();

    const fleet = await cloud.fleet();

    expect(performance.now() - began).toBeLessThan(1000);
    expect([fleet.hypervisors.length, fleet.servers.length]).toEqual([24, 310]);
  });

  it('is read whole through pages of seven rows', async () => {
    const { cloud } = await open({ hypervisors: 9, servers: 60, rowsPerPage: 7 });

    const { hypervisors, servers } = await cloud.fleet();

    expect([hypervisors.length, servers.length]).toEqual([9, 60]);
  });

  it('lets nobody in for longer than a token lasts, so that one signs in again', async () => {
    const { cloud, twin } = await open({ pace: { tokenMs: 100_000 } });
    await cloud.fleet();
    await twin.world.sleep(101_000);

    expect((await cloud.fleet()).hypervisors).toHaveLength(5);
  });

  it.each([
    [500, 2],
    [503, 2],
    [429, 1],
    ['reset', 2],
  ] as const)(
    'answers with %s as often as it is told to, which the client outlasts',
    async (answer, times) => {
      const { cloud, twin } = await open();
      const fault = {
        service: 'compute',
        method: 'GET',
        path: '/v2.1/servers/detail',
        answer,
        times,
      } as const;
      twin.faults.api.push({ ...fault });

      expect((await cloud.fleet()).servers).toHaveLength(20);
      expect(twin.faults.api).toEqual([{ ...fault, times: 0 }]);
    },
  );

  it('does not answer when it is told not to', async () => {
    const { settings, twin } = await open();
    twin.faults.api.push({ service: 'placement', answer: 'silence' });
    const cloud = openStackCloud({ ...settings, timing: { answerMs: 200, retryForMs: 0 } });

    await expect(cloud.fleet()).rejects.toMatchObject({
      retryable: true,
      message: expect.stringMatching(/got no answer/),
    });
  });

  it('loses one of its cells and shows the servers of the other', async () => {
    const { cloud, twin } = await open({ cells: 2 });
    const { state } = twin.world;
    twin.faults.cells['cell2'] = 'silent';

    const { servers } = await cloud.occupancy('hv01.twin.example');

    const unseen = Object.values(state.servers).filter(
      ({ host }) => state.hypervisors[host ?? '']?.cell === 'cell2',
    );
    expect(unseen.length).toBeGreaterThan(0);
    expect(
      servers
        .filter(({ status }) => status === 'UNKNOWN')
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(unseen.map(({ id }) => id).toSorted());
  });
});

describe('what is made to go wrong in a simulated cloud', () => {
  it('takes a live migration that is never heard of again', async () => {
    const { cloud, twin } = await open();
    const id = someServer(twin.world.state);
    twin.faults.migrations[id] = 'vanish';

    await cloud.liveMigrate(id);
    await twin.world.sleep(60_000);

    expect(await cloud.server(id)).toMatchObject({ status: 'MIGRATING' });
    expect(await cloud.migrations(id)).toEqual([]);
  });

  it.each([
    ['refuse', 'error'],
    ['fail', 'failed'],
    ['prefail', 'failed'],
    [3, 'completed'],
  ] as const)(
    'ends a live migration that is to %s as %s, whatever the metadata say',
    async (fault, status) => {
      const { cloud, twin } = await open();
      const id = someServer(twin.world.state);
      twin.world.state.servers[id]!.metadata['lab:migrate'] = 'stuck';
      twin.faults.migrations[id] = fault;

      await cloud.liveMigrate(id);

      await until(async () => expect(await cloud.migrations(id)).toMatchObject([{ status }]));
    },
  );

  const NAME = 'hv02.twin.example';

  async function rebooted({ hosts, twin }: TestTwin) {
    const host = hosts.host(NAME);
    const before = twin.world.named(NAME).boot;
    const asked = await host.run(['sudo', '-n', 'systemctl', 'reboot'], { timeoutMs: 10_000 });
    await twin.world.sleep(120_000);
    const boot = host.run(['sh', '-c', BOOT_PROBE], { timeoutMs: 10_000 }).then(parseBoot, String);
    return { before, asked, after: await boot };
  }

  it('denies a reboot', async () => {
    const world = await open();
    world.twin.faults.reboots[NAME] = 'denied';

    const { before, asked, after } = await rebooted(world);

    expect(asked).toMatchObject({ exit: 1, stderr: expect.stringContaining('Access denied') });
    expect(after).toMatchObject({ bootId: before.id });
  });

  it('takes a reboot and does nothing', async () => {
    const world = await open();
    world.twin.faults.reboots[NAME] = 'ignored';

    const { before, asked, after } = await rebooted(world);

    expect(asked.exit).toBe(0);
    expect(after).toMatchObject({ bootId: before.id });
  });

  it('never comes back from a reboot', async () => {
    const world = await open();
    world.twin.faults.reboots[NAME] = 'never back';

    const { after } = await rebooted(world);

    expect(after).toContain('ECONNREFUSED');
    expect(await world.cloud.service(NAME)).toMatchObject({ up: false });
  });

  it('comes back on its old kernel', async () => {
    const world = await open();
    world.twin.faults.reboots[NAME] = 'old kernel';

    const { before, after } = await rebooted(world);

    expect(after).toMatchObject({ running: before.kernel, bootId: expect.not.stringContaining(before.id) });
  });

  it('comes back without its compute service', async () => {
    const world = await open();
    world.twin.faults.reboots[NAME] = 'no service';

    const { before, after } = await rebooted(world);

    expect(after).toMatchObject({ bootId: expect.not.stringContaining(before.id) });
    expect(await world.cloud.service(NAME)).toMatchObject({ up: false });
  });

  it('fails the live migrations to a hypervisor that goes down under them', async () => {
    const { cloud, twin } = await open();
    const id = someServer(twin.world.state);
    twin.faults.migrations[id] = 'stuck';
    await cloud.liveMigrate(id, NAME);
    await until(async () => expect(await cloud.migrations(id)).toMatchObject([{ status: 'running' }]));

    reboot(twin.world, twin.world.named(NAME));

    await until(async () => expect(await cloud.migrations(id)).toMatchObject([{ status: 'failed' }]));
    expect(await cloud.server(id)).toMatchObject({ status: 'ACTIVE', hypervisor: 'hv01.twin.example' });
    expect(await cloud.allocatedOn(id)).toEqual(['hv01.twin.example']);
  });

  it('has keys that can be read, whatever ssh2 makes', () => {
    const keys = Array.from({ length: 1000 }, makeSshKeys).flatMap(({ host, user }) => [host, user]);

    expect(keys.filter((key) => ssh2.utils.parseKey(key) instanceof Error)).toEqual([]);
  });

  it('lets in nobody whom it does not know', async () => {
    const { ssh } = await open();
    const hosts = sshHosts({ ...ssh, user: 'mallory' });

    await expect(hosts.host(NAME).run(['true'], { timeoutMs: 10_000 })).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('does not let mallory in'),
    });
    hosts.close();
  });

  it('ends a command that nobody waits for any more', async () => {
    const { hosts } = await open();

    const sleeping = hosts.host(NAME).run(['sleep', '1000000'], { timeoutMs: 300 });

    await expect(sleeping).rejects.toMatchObject({
      sent: true,
      message: expect.stringContaining('timed out after 0.3 s'),
    });
  });
});

describe('a simulated cloud that is kept in a file', () => {
  it('goes on where it was when it is opened again, with its keys, and with what is under way', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ns-kept-'));
    const keepIn = join(dir, 'twin.json');
    const clock = fastClock();
    const first = await openTestTwin({ servers: 20, clock, keepIn });
    const id = someServer(first.twin.world.state);
    await first.cloud.cordon('hv01.twin.example', 'mine');
    first.twin.faults.migrations[id] = 200;
    await first.cloud.liveMigrate(id);
    await until(async () => expect(await first.cloud.migrations(id)).toMatchObject([{ status: 'running' }]));
    await first.close();

    const second = await open({ seed: 99, hypervisors: 3, clock, keepIn });

    expect(second.twin.ssh.key).toBe(first.twin.ssh.key);
    expect(await second.cloud.service('hv01.twin.example')).toMatchObject({ disabled: 'mine' });
    expect((await second.cloud.fleet()).servers).toHaveLength(20);
    await until(async () =>
      expect(await second.cloud.migrations(id)).toMatchObject([{ status: 'completed' }]),
    );
    expect(
      await second.hosts.host('hv01.twin.example').run(['hostname'], { timeoutMs: 10_000 }),
    ).toMatchObject({
      stdout: 'hv01.twin.example\n',
    });
    rmSync(dir, { recursive: true, force: true });
  });
});
