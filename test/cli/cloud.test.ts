import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RunRecord } from '../../src/engine/runs.ts';
import { type FakeOpenStack, type Reply, startFakeOpenStack } from '../clients/openstack/fake-openstack.ts';
import { openSite, type Site } from '../support/nightshift.ts';

let cloud: FakeOpenStack;
let site: Site;
beforeEach(async () => {
  cloud = await startFakeOpenStack();
  site = await openSite({ env: environment() });
});
afterEach(async () => {
  await site.close();
  await cloud.stop();
});

function environment(): Record<string, string> {
  return {
    OS_AUTH_URL: `${cloud.url}/identity/v3`,
    OS_USERNAME: 'admin',
    OS_PASSWORD: 'secret',
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_ID: 'default',
    OS_PROJECT_DOMAIN_ID: 'default',
  };
}

const AWAY: Reply = { status: 503, headers: { 'retry-after': '600' }, body: 'maintenance' };

it('asks the cloud that the environment names', async () => {
  const { exit, out } = await site.nightshift('run', 'count-hypervisors');

  expect(out).toContain('5 hypervisors.\nhv01.lab.example\n');
  expect(exit).toBe(0);
});

it.each<{ what: string; arrange: () => void; error: RegExp }>([
  {
    what: 'Keystone is away',
    arrange: () => cloud.instead('POST /auth/tokens', AWAY),
    error: /Keystone: signing in to the cloud of OS_AUTH_URL was answered 503: maintenance/,
  },
  {
    what: 'Nova answers 500',
    arrange: () =>
      cloud.instead('GET /os-hypervisors/detail', { ...AWAY, status: 500, body: 'Unexpected API Error.' }),
    error: /Nova: GET \/os-hypervisors\/detail .*500/,
  },
  {
    what: 'Nova answers 409',
    arrange: () => cloud.instead('GET /os-hypervisors/detail', { status: 409, body: {} }),
    error: /Nova: GET \/os-hypervisors\/detail .*409/,
  },
])('fails the run, says why and how to go on when $what, and resume does', async ({ arrange, error }) => {
  arrange();

  const failed = await site.nightshift('run', 'count-hypervisors');
  const [, id = ''] = /nightshift resume (\S+)/.exec(failed.out) ?? [];

  expect(failed.exit).toBe(1);
  expect(/error +(.*)/.exec(failed.out)?.[1]).toMatch(error);
  const resumed = await site.nightshift('resume', id);
  expect(resumed.out).toContain('5 hypervisors.');
  expect(resumed.exit).toBe(0);
});

it('signs in anew when a token was revoked', async () => {
  cloud.instead('GET /os-hypervisors/detail', { status: 401, body: {} });

  const { exit } = await site.nightshift('run', 'count-hypervisors');

  expect(exit).toBe(0);
  expect(cloud.keystone.requests).toHaveLength(2);
});

it('may be left with Ctrl-C while Nova says nothing, and is taken up again', async () => {
  cloud.instead('GET /os-hypervisors/detail', 'silence');
  const running = site.start('run', 'count-hypervisors');
  await expect.poll(() => cloud.log, { timeout: 10_000 }).toContain('GET /os-hypervisors/detail');

  running.child.kill('SIGINT');
  const { exit, out } = await running.ended;
  const [, id = ''] = /nightshift resume (\S+)/.exec(out) ?? [];

  expect(exit).toBe(75);
  expect((await site.json<RunRecord>('show', id)).state).toBe('queued');
  expect((await site.nightshift('resume', id)).out).toContain('5 hypervisors.');
});

it.each<[string, Record<string, string>, RegExp]>([
  ['the password is wrong', { OS_PASSWORD: 'hunter2' }, /Keystone: .*401/],
  ['no cloud is configured', { OS_AUTH_URL: '' }, /OpenStack: 1 fault in its settings/],
  [
    'half of it is missing',
    { OS_PASSWORD: '', OS_USERNAME: '' },
    /the cloud of OS_AUTH_URL: 2 faults in its settings/,
  ],
])('fails the run at once when %s, and no secret is said', async (_, env, error) => {
  const other = await openSite({ env: { ...environment(), ...env } });
  try {
    const { exit, out, err } = await other.nightshift('run', 'count-hypervisors');

    expect(/error +(.*)/.exec(out)?.[1]).toMatch(error);
    expect(out + err).not.toContain('hunter2');
    expect(exit).toBe(1);
  } finally {
    await other.close();
  }
});
