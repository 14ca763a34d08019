/** Whether the OpenStack client reads and changes a real Keystone, Nova and Placement as it promises. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { openStackCloud } from '../../src/clients/openstack/cloud.ts';
import { OpenStackError } from '../../src/clients/openstack/error.ts';
import { listServersOn } from '../../src/clients/openstack/servers.ts';
import { openSession } from '../../src/clients/openstack/session.ts';
import { readOpenStackSettings } from '../../src/clients/openstack/settings.ts';
import type { Migration } from '../../src/domain/fleet.ts';

const dir = process.env.LAB_DIR ?? '';
const run = promisify(execFile);
const env = Object.fromEntries(
  [...readFileSync(join(dir, 'openrc'), 'utf8').matchAll(/^export (\w+)=(.*)$/gm)].map((line) => [
    line[1] ?? '',
    line[2] ?? '',
  ]),
);
const settings = readOpenStackSettings({ env, cwd: dir, home: dir });
const cloud = openStackCloud(settings);
const session = openSession(settings);
const hypervisors = [1, 2, 3, 4, 5].map((n) => `hv0${n}.lab.example`) as [
  string,
  string,
  string,
  string,
  string,
];
const [HV01, HV02, HV03, HV04] = hypervisors;

let image: string;
beforeAll(async () => {
  lab('reset');
  lab('servers', '--count', '12');
  writeFileSync(join(dir, 'behaviour.json'), JSON.stringify({ default_seconds: 0 }));
  const { servers } = await session(
    { service: 'compute', method: 'GET', path: '/servers/detail', query: { all_tenants: '1' } },
    z.object({ servers: z.array(z.object({ image: z.object({ id: z.string() }) })) }),
  );
  image = servers[0]?.image.id ?? '';
});
afterAll(() => lab('reset'));

function lab(...args: string[]): void {
  execFileSync(new URL('openstack/up', import.meta.url).pathname, [...args, '--dir', dir]);
}

/** What OpenStack's own command line says. */
async function openstack(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await run('openstack', [...args, '-f', 'json'], { env: { ...process.env, ...env } });
  return JSON.parse(stdout);
}

/** A running server; `migrates` says how its live migrations go. */
async function create(name: string, hypervisor: string, migrates?: string): Promise<string> {
  const body = {
    server: {
      name,
      imageRef: image,
      flavorRef: 'm1.small',
      networks: 'none',
      host: hypervisor.split('.')[0],
      metadata: migrates === undefined ? {} : { 'lab:migrate': migrates },
    },
  };
  const { server } = await session(
    { service: 'compute', method: 'POST', path: '/servers', body },
    z.object({ server: z.object({ id: z.string() }) }),
  );
  await until(async () => expect(await cloud.server(server.id)).toMatchObject({ status: 'ACTIVE' }));
  return server.id;
}

async function act(server: string, body: object): Promise<void> {
  await session({ service: 'compute', method: 'POST', path: `/servers/${server}/action`, body }, z.unknown());
}

async function until<T>(look: () => Promise<T>): Promise<T> {
  return await vi.waitFor(look, { timeout: 90_000, interval: 200 });
}

/** The newest migration once it is no longer under way. */
function ended(server: string): Promise<Migration> {
  return until(async () => {
    const [newest] = await cloud.migrations(server);
    expect(newest?.status).toMatch(/^(completed|error|failed|cancelled)$/);
    return newest as Migration;
  });
}

describe('the fleet', () => {
  it('is what OpenStack’s own command line reads', async () => {
    const [fleet, nodes, servers, services] = await Promise.all([
      cloud.fleet(),
      openstack('--os-compute-api-version', '2.87', 'hypervisor', 'list', '--long'),
      openstack('server', 'list', '--all-projects', '--long'),
      openstack('compute', 'service', 'list', '--service', 'nova-compute'),
    ]);

    expect(fleet.hypervisors.map(({ name }) => name)).toEqual(
      nodes.map((node) => String(node['Hypervisor Hostname'])).toSorted(),
    );
    expect(fleet.hypervisors.map(({ used }) => [used.vcpus, used.ramMb])).toEqual(
      nodes
        .toSorted((a, b) => String(a['Hypervisor Hostname']).localeCompare(String(b['Hypervisor Hostname'])))
        // Nova counts what the hypervisor keeps for itself as used memory; Placement does not.
        .map((node) => [node['vCPUs Used'], Number(node['Memory MB Used']) - 4096]),
    );
    expect(new Set(fleet.hypervisors.map(({ name, zone }) => `${name.split('.')[0]} ${zone}`))).toEqual(
      new Set(services.map((service) => `${String(service['Host'])} ${String(service['Zone'])}`)),
    );
    expect(new Set(fleet.servers.map(({ id, name, status }) => `${id} ${name} ${status}`))).toEqual(
      new Set(servers.map((row) => [row['ID'], row['Name'], row['Status']].join(' '))),
    );
    expect(fleet.servers.filter(({ pinned }) => pinned !== undefined)).toMatchObject([
      { name: 'vm02', pinned: 'PCI device of class gpu' },
    ]);
    expect(fleet.groups).toMatchObject([{ name: 'spread', policy: 'anti-affinity', maxPerHost: 1 }]);
  });

  it('is used as its servers say, wherever they are', async () => {
    const { hypervisors, servers } = await cloud.fleet();

    for (const { name, used } of hypervisors) {
      const here = servers.filter(({ hypervisor }) => hypervisor === name);
      expect(here.reduce((sum, { size }) => sum + size.vcpus, 0)).toBe(used.vcpus);
      expect(here.reduce((sum, { size }) => sum + size.diskGb, 0)).toBe(used.diskGb);
    }
  });

  it('can be read while a compute service has just died, which newer microversions answer with 500', async () => {
    lab('host', 'hv03', 'crash');
    try {
      const [fleet, newer] = await Promise.all([
        cloud.fleet(),
        openstack('--os-compute-api-version', '2.88', 'hypervisor', 'list', '--long').catch(String),
      ]);

      expect(newer).toContain('MessagingTimeout');
      expect(fleet.hypervisors).toHaveLength(5);
    } finally {
      lab('host', 'hv03', 'agent');
    }
    await until(async () => expect(await cloud.service(HV03)).toMatchObject({ up: true }));
  });
});

describe('a compute service', () => {
  it('is disabled with a reason and enabled again, and is heard from meanwhile', async () => {
    const before = await cloud.service(HV02);

    await cloud.cordon(HV02, 'nightshift reboot-hypervisors~20261124T224100Z');
    await cloud.cordon(HV02, 'nightshift reboot-hypervisors~20261124T224100Z');

    expect(await cloud.service(HV02)).toMatchObject({
      id: before.id,
      up: true,
      disabled: 'nightshift reboot-hypervisors~20261124T224100Z',
    });
    const { hypervisors } = await cloud.fleet();
    expect(hypervisors[1]).toMatchObject({
      disabled: 'nightshift reboot-hypervisors~20261124T224100Z',
      traits: expect.arrayContaining(['COMPUTE_STATUS_DISABLED']),
    });
    await cloud.uncordon(HV02);
    await cloud.uncordon(HV02);
    expect(await cloud.service(HV02)).not.toHaveProperty('disabled');
    await until(async () => expect((await cloud.service(HV02)).heardAt > before.heardAt).toBe(true));
  });
});

describe('a live migration', () => {
  it('goes where the scheduler chooses', async () => {
    const server = await create('free', HV01);

    await cloud.liveMigrate(server);

    const { status, from, to } = await ended(server);
    expect([status, from]).toEqual(['completed', HV01]);
    expect(await cloud.server(server)).toMatchObject({ hypervisor: to, status: 'ACTIVE' });
    expect(await cloud.allocatedOn(server)).toEqual([to]);
  });

  it('goes to the hypervisor that is named', async () => {
    const server = await create('sent', HV01);

    await cloud.liveMigrate(server, HV04);

    expect(await ended(server)).toMatchObject({ status: 'completed', to: HV04, kind: 'live-migration' });
    expect(await cloud.allocatedOn(server)).toEqual([HV04]);
  });

  it.each([
    ['fail', 'failed'],
    ['refuse', 'error'],
    ['prefail', 'failed'],
  ])('that is made to %s leaves the server whole where it was', async (migrates, status) => {
    const server = await create(migrates, HV01, migrates);

    await cloud.liveMigrate(server, HV02);

    // Nova calls some `error` first, and `failed` once it has rolled them back.
    await until(async () => expect(await ended(server)).toMatchObject({ status }));
    await until(async () => expect(await cloud.allocatedOn(server)).toEqual([HV01]));
    expect(await cloud.server(server)).toMatchObject({ hypervisor: HV01, status: 'ACTIVE' });
  });

  it('that never ends tells its progress, is seen at both ends, and can be aborted', async () => {
    const server = await create('stuck', HV01, 'stuck');

    await cloud.liveMigrate(server, HV02);

    const record = await until(async () => {
      const [newest] = await cloud.migrations(server);
      expect(newest).toMatchObject({ status: 'running', from: HV01, to: HV02 });
      return newest as Migration;
    });
    const progress = await until(async () => {
      const seen = await cloud.progress(server, record.id);
      expect(seen?.totalBytes).toBe(2048 * 1024 * 1024);
      return seen;
    });
    expect(progress?.processedBytes).toBe((progress?.totalBytes ?? 0) - (progress?.remainingBytes ?? 0));
    const busy = await cloud.liveMigrate(server).catch((error: unknown) => error);
    expect(busy).toBeInstanceOf(OpenStackError);
    expect(busy).toMatchObject({ status: 409, retryable: true, requestId: expect.stringMatching(/^req-/) });
    const [source, target] = [await cloud.occupancy(HV01), await cloud.occupancy(HV02)];
    expect(source.migrations).toMatchObject([{ uuid: record.uuid }]);
    expect(source.allocations.map(({ consumer }) => consumer)).toContain(record.uuid);
    expect(target.migrations).toMatchObject([{ uuid: record.uuid }]);
    expect(target.allocations.map(({ consumer }) => consumer)).toContain(server);

    await cloud.abortMigration(server, record.id);

    expect(await ended(server)).toMatchObject({ id: record.id, status: 'cancelled' });
    await until(async () => expect(await cloud.allocatedOn(server)).toEqual([HV01]));
    expect(await cloud.progress(server, record.id)).toBeUndefined();
    await cloud.abortMigration(server, record.id);
  });

  it('of a stopped server is refused for good', async () => {
    const server = await create('stopped', HV01);
    await act(server, { 'os-stop': null });
    await until(async () => expect(await cloud.server(server)).toMatchObject({ status: 'SHUTOFF' }));

    const error = await cloud.liveMigrate(server).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ status: 409, retryable: false });
  });
});

describe('the occupancy of a hypervisor', () => {
  it('has a resize that left it and awaits its confirmation, until that comes', async () => {
    const server = await create('resized', HV02);
    await act(server, { migrate: { host: 'hv03' } });
    await until(async () => expect(await cloud.server(server)).toMatchObject({ status: 'VERIFY_RESIZE' }));
    const others = (await cloud.fleet()).servers.filter(({ hypervisor }) => hypervisor === HV02);

    const left = await cloud.occupancy(HV02);

    expect(left.servers.map(({ id }) => id).toSorted()).toEqual(others.map(({ id }) => id).toSorted());
    expect(left.migrations).toMatchObject([{ serverId: server, status: 'finished', from: HV02, to: HV03 }]);
    expect(left.allocations.map(({ consumer }) => consumer)).toContain(left.migrations[0]?.uuid);
    await act(server, { confirmResize: null });
    await until(async () => expect((await cloud.occupancy(HV02)).migrations).toEqual([]));
    await until(async () => {
      const consumers = (await cloud.occupancy(HV02)).allocations.map(({ consumer }) => consumer);
      expect(consumers.toSorted()).toEqual(others.map(({ id }) => id).toSorted());
    });
  });

  it('has every server of a silent cell, where Nova’s list of the hypervisor is empty', async () => {
    const before = await cloud.occupancy(HV01);
    expect(before.servers).not.toEqual([]);
    const release = await silenceCell();
    try {
      const [occupancy, listed] = await Promise.all([cloud.occupancy(HV01), listServersOn(session, 'hv01')]);

      expect(listed).toEqual([]);
      expect(occupancy.allocations).toEqual(before.allocations);
      for (const { id } of before.servers)
        expect(occupancy.servers).toContainEqual({ id, name: '', status: 'UNKNOWN', hypervisor: '' });
    } finally {
      await release();
    }
    await until(async () => expect((await cloud.occupancy(HV01)).servers).toEqual(before.servers));
    await until(async () => expect(await cloud.service(HV01)).toMatchObject({ up: true }));
  });
});

/** Holds the tables of the cell's database, so that Nova waits for it in vain, until `release`. */
async function silenceCell(): Promise<() => Promise<void>> {
  const { ports }: { ports: { mariadb: number } } = JSON.parse(readFileSync(join(dir, 'lab.json'), 'utf8'));
  const login = ['--host=127.0.0.1', `--port=${ports.mariadb}`, '--user=lab', '--password=lab'];
  const client = spawn('mariadb', [...login, '--unbuffered', 'nova']);
  const closed = once(client, 'close');
  const tables = ['instances', 'services', 'compute_nodes', 'migrations'].map((table) => `${table} WRITE`);
  client.stdin.write(`LOCK TABLES ${tables.join(', ')}; SELECT 'held';\n`);
  const answer = await Promise.race([once(client.stdout, 'data'), closed]);
  expect(String(answer)).toContain('held');
  return async () => {
    client.stdin.end();
    await closed;
  };
}
