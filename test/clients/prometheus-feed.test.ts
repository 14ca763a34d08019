import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openPrometheusFeed, type PrometheusFeedSettings } from '../../src/clients/prometheus-feed.ts';

const APT = 'apt_upgrades_pending';
const YUM = 'yum_upgrades_pending';
const REBOOT = 'node_reboot_required';
const SECURITY = 'Debian:bookworm-security/oldstable-security';
const MIXED = 'Ubuntu:22.04/jammy-security,Ubuntu:22.04/jammy-updates';
const PLAIN = 'Debian:bookworm/oldstable';
const never = new AbortController().signal;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

type Metrics = Readonly<Record<string, readonly Series[]>>;

/** One series of a target, which is called `vm1` and so on. */
function of(machine: string, value: string, more: Record<string, string> = {}): Series {
  const labels = {
    job: 'vms',
    instance: `${machine}:9100`,
    instance_id: `id-${machine}`,
    instance_name: machine,
  };
  return { metric: { ...labels, ...more }, value: [1_795_253_642.492, value] };
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

/** Answers as Prometheus was seen to; `status` and `body` instead of that. */
async function prometheus(metrics: Metrics, instead: { status?: number; body?: object } = {}) {
  const asked: URLSearchParams[] = [];
  const server = createServer(({ url = '' }, response) => {
    const query = new URL(url, 'http://prometheus').searchParams;
    asked.push(query);
    const result = metrics[query.get('query')?.replace(/\{.*/, '') ?? ''] ?? [];
    const answer = { status: 'success', data: { resultType: 'vector', result }, ...instead.body };
    response
      .writeHead(instead.status ?? 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const settings: PrometheusFeedSettings = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets: { job: 'vms' },
    labels: { serverId: 'instance_id', host: 'instance_name', address: 'instance' },
    securityOrigins: { apt: ['*-security*'], yum: ['*'] },
  };
  return {
    asked,
    poll: (more: Partial<PrometheusFeedSettings> = {}) =>
      openPrometheusFeed('exporters', { ...settings, ...more }).poll(never),
  };
}

describe('a poll of Prometheus', () => {
  it('counts pending security updates, and says whether a reboot is required', async () => {
    const { poll } = await prometheus({
      up: [of('vm1', '1'), of('vm2', '1')],
      [APT]: [
        of('vm1', '8', { origin: SECURITY, arch: 'all' }),
        of('vm1', '46', { origin: SECURITY, arch: 'amd64' }),
        of('vm1', '33', { origin: PLAIN, arch: 'amd64' }),
        of('vm2', '12', { origin: MIXED, arch: 'amd64' }),
      ],
      [REBOOT]: [of('vm1', '0'), of('vm2', '1')],
    });

    const { takenAt, hosts, ...told } = await poll();

    expect(told).toEqual({ feed: 'exporters', complete: true, warnings: [], listsClean: true });
    expect(hosts).toEqual([
      {
        hostname: 'vm1',
        serverId: 'id-vm1',
        lastReport: takenAt,
        findings: [],
        rebootRequired: false,
        securityUpdates: 54,
      },
      {
        hostname: 'vm2',
        serverId: 'id-vm2',
        lastReport: takenAt,
        findings: [],
        rebootRequired: true,
        securityUpdates: 12,
      },
    ]);
  });

  it('asks for the machines that are meant, all as of one instant', async () => {
    const { poll, asked } = await prometheus({ up: [of('vm1', '1')], [REBOOT]: [of('vm1', '0')] });
    const { takenAt } = await poll({ targets: { job: 'vms|more', site: 'a"b\\d' } });

    expect(asked.map((query) => query.get('query'))).toEqual(
      ['up', APT, YUM, REBOOT].map((metric) => `${metric}{job=~"vms|more",site=~"a\\"b\\\\d"}`),
    );
    expect(new Set(asked.map((query) => query.get('time')))).toEqual(new Set([takenAt]));
  });

  it('counts what yum has pending by the origins that the site chose, all of them unless told otherwise', async () => {
    const { poll } = await prometheus({
      up: [of('vm1', '1')],
      [YUM]: [of('vm1', '9', { origin: 'appstream' }), of('vm1', '4', { origin: 'baseos' })],
    });

    expect((await poll()).hosts).toMatchObject([{ securityUpdates: 13 }]);
    expect((await poll({ securityOrigins: { apt: [], yum: ['base*'] } })).hosts).toMatchObject([
      { securityUpdates: 4 },
    ]);
  });

  it('is of a machine once, also where two exporters tell the same of it', async () => {
    const second = { instance: 'vm1:9200' };
    const { poll } = await prometheus({
      up: [of('vm1', '1'), of('vm1', '1', second)],
      [APT]: [of('vm1', '3', { origin: SECURITY }), of('vm1', '3', { origin: SECURITY, ...second })],
      [REBOOT]: [of('vm1', '1'), of('vm1', '0', second)],
    });

    expect((await poll()).hosts).toMatchObject([{ securityUpdates: 3, rebootRequired: true }]);
  });

  it.each([
    { instance: '172.16.105.23:9100', addresses: ['172.16.105.23'] },
    { instance: '[2001:db8::1]:9100', addresses: ['2001:db8::1'] },
    { instance: '2001:db8::1', addresses: ['2001:db8::1'] },
    { instance: 'web-1.example.org:9100', addresses: undefined },
  ])('finds the address in $instance: $addresses', async ({ instance, addresses }) => {
    const { poll } = await prometheus({
      up: [of('vm1', '1', { instance })],
      [REBOOT]: [of('vm1', '0', { instance })],
    });

    expect((await poll()).hosts[0]?.addresses).toEqual(addresses);
  });

  it('has the project where a label says its id', async () => {
    const { poll } = await prometheus({
      up: [of('vm1', '1', { project_id: 'p1' })],
      [REBOOT]: [of('vm1', '0', { project_id: 'p1' })],
    });
    const labels = { serverId: 'none', host: 'instance_name', address: 'instance', projectId: 'project_id' };

    expect((await poll({ labels })).hosts).toMatchObject([{ hostname: 'vm1', projectId: 'p1' }]);
  });
});

describe('a trap of Prometheus', () => {
  it('nothing pending: there is a series all the same, without an origin', async () => {
    const { poll } = await prometheus({
      up: [of('vm1', '1')],
      [APT]: [of('vm1', '0', { origin: '', arch: '' })],
    });

    expect((await poll()).hosts).toMatchObject([{ securityUpdates: 0 }]);
  });

  it('no series of a machine that is up: its collector is missing, and that is not good news', async () => {
    const { poll } = await prometheus({
      up: [of('vm1', '1'), of('vm\n2', '1')],
      [APT]: [of('vm1', '0', { origin: '' })],
    });
    const told = await poll();

    expect(told.hosts.map(({ hostname }) => hostname)).toEqual(['vm1']);
    expect(told.complete).toBe(true);
    expect(told.warnings).toEqual([
      '1 machine answers and tells nothing of updates or reboots, so they count as not reporting: "vm\\n2"',
    ]);
  });

  it('a target that is down: it is not listed, though its last series may still be there', async () => {
    const { poll } = await prometheus({
      up: [of('vm1', '1'), of('vm2', '0')],
      [APT]: [of('vm1', '1', { origin: SECURITY }), of('vm2', '0', { origin: '' })],
    });

    expect((await poll()).hosts.map(({ hostname }) => hostname)).toEqual(['vm1']);
  });

  it.each([
    {
      what: 'no target fits',
      metrics: {},
      words: 'knows no target that fits `targets` ("job=vms")',
      retryable: false,
    },
    {
      what: 'every target is down',
      metrics: { up: [of('vm1', '0'), of('vm2', '0')] },
      words: 'none of 2 targets answers',
      retryable: true,
    },
    {
      what: 'no machine has a collector',
      metrics: { up: [of('vm1', '1'), of('vm2', '1')] },
      words: 'of 2 machines that answer none tells of updates',
      retryable: false,
    },
  ])('$what: the feed is broken, instead of everybody silent', async ({ metrics, words, retryable }) => {
    const { poll } = await prometheus(metrics);

    await expect(poll()).rejects.toMatchObject({ retryable, message: expect.stringContaining(words) });
  });

  it('warnings beside an answer: something may be missing from it', async () => {
    const metrics = { up: [of('vm1', '1')], [REBOOT]: [of('vm1', '0')] };
    const { poll } = await prometheus(metrics, { body: { warnings: ['store-2: deadline exceeded'] } });
    const told = await poll();

    expect(told).toMatchObject({ complete: false, hosts: [{ hostname: 'vm1' }] });
    expect(told.warnings).toEqual(['Prometheus warns: "store-2: deadline exceeded"']);
  });

  it.each([
    { status: 422, retryable: false, words: 'was answered 422' },
    { status: 503, retryable: true, words: 'was answered 503' },
    { status: 200, retryable: false, words: 'something unexpected: status' },
  ])('status: error, with $status, is no answer', async ({ status, retryable, words }) => {
    const body = { status: 'error', errorType: 'execution', error: 'query timed out' };
    const { poll } = await prometheus({ up: [of('vm1', '1')] }, { status, body });

    await expect(poll()).rejects.toMatchObject({
      name: 'MonitoringError',
      retryable,
      message: expect.stringContaining(words),
    });
  });

  it.each([
    { value: 'NaN', count: 0 },
    { value: '-3', count: 0 },
    { value: '0.5', count: 1 },
    { value: '+Inf', count: 100_000 },
    { value: '1e300', count: 100_000 },
  ])('a machine that makes $value up has $count updates pending', async ({ value, count }) => {
    const { poll } = await prometheus({
      up: [of('vm1', '1')],
      [APT]: [of('vm1', value, { origin: SECURITY })],
    });

    expect((await poll()).hosts).toMatchObject([{ securityUpdates: count }]);
  });
});
