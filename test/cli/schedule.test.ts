import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { openRedis } from '../../src/engine/redis.ts';
import { openSite, type Site } from '../support/nightshift.ts';

/** A daemon of the site, on a machine whose clock is behind. */
async function daemonBehind(site: Site, behindMs: number): Promise<Engine> {
  return Engine.open<object>({
    redis: await openRedis({ stateDir: join(site.dir, 'state'), onError: () => {} }),
    stateDir: join(site.dir, 'of-another-machine'),
    jobs: new Map(),
    clientsFor: () => Promise.resolve({}),
    deliver: () => Promise.resolve(),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    mailHost: 'nightshift.test',
    clock: { now: () => new Date(Date.now() - behindMs), realMs: (ms) => ms, isReal: true },
  });
}

it('schedule says which daemon starts nothing by itself, and why', async () => {
  const site = await openSite();
  onTestFinished(() => site.close());
  site.write('night.yaml', 'stateDir: state\njobs: { reboot-hypervisors: { schedule: "30 22 * * *" } }\n');
  const daemon = await daemonBehind(site, 300_000);
  await daemon.start();

  const { out } = await site.nightshift('-c', 'night.yaml', 'schedule');
  await daemon.close();
  const after = await site.nightshift('-c', 'night.yaml', 'schedule');

  expect(out.split('\n')[0]).toMatch(
    /^Daemon \S+ starts nothing by schedule: its clock is 300 s behind Redis's\. Set the clocks of both machines right; it goes on by itself\.$/,
  );
  expect(out).toContain('reboot-hypervisors');
  expect(after.out).not.toContain('Daemon');
});
