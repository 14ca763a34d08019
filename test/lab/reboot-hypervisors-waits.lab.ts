/**
 * Whether a hypervisor whose server cannot be moved is waited for and holds up nobody, and whether what
 * Nightshift holds can be given back without it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunSummary } from '../../src/engine/runs.ts';
import { cloud, createServers, disabled, migrationOf, openstack, standing } from './support/cloud.ts';
import {
  HYPERVISORS,
  kernelOf,
  NEW_KERNEL,
  OLD_KERNEL,
  resetLab,
  setMigrations,
  until,
} from './support/lab.ts';
import { type Daemon, runOf, Site } from './support/site.ts';
import { type Seen, watch } from './support/watch.ts';

const [, , HV03, HV04, HV05] = HYPERVISORS;
const OPTIONS = { waitPollSeconds: 1 };

describe('a hypervisor whose server cannot be moved', () => {
  let site: Site;
  let servers: Record<'gpu' | 'web', string>;
  let campaign: string;
  let seen: Seen;
  beforeAll(async () => {
    resetLab();
    servers = await createServers({ gpu: { on: HV05, flavor: 'g1.gpu' }, web: { on: HV05 } });
    site = new Site({ options: OPTIONS });
    await site.daemon();
  });
  afterAll(() => site.close());

  it('does not hold up the others, nor the end of the campaign', async () => {
    campaign = await site.start('--option', `hosts=${HV04},${HV05}`);

    const { report } = await site.reached(campaign, 'succeeded');

    expect(report?.headline).toBe('2 needed a reboot: 1 done, 1 waits.');
    expect([HV04, HV05].map(kernelOf)).toEqual([NEW_KERNEL, OLD_KERNEL]);
  });

  it('is waited for while it takes no new servers, by a run that says so', async () => {
    await site.reached(runOf(campaign, HV05), 'waiting');

    // Whoever looks is not waiting at that moment.
    await until(async () =>
      expect(await site.ask<RunSummary[]>('runs', '--state', 'waiting')).toMatchObject([
        {
          id: runOf(campaign, HV05),
          waiting: { for: expect.stringMatching(/gpu .*\(PCI device of class gpu\)/) },
        },
      ]),
    );
    expect((await site.nightshift('why', 'hypervisor', HV05)).out).toMatch(
      new RegExp(`^hypervisor ${HV05}: waits since .*PCI device of class gpu`),
    );
    expect(await disabled()).toEqual({ hv05: expect.stringContaining(runOf(campaign, HV05)) });
    expect(await standing()).toEqual({ gpu: `ACTIVE on ${HV05}`, web: `ACTIVE on ${HV05}` });
    expect(site.handback()).toEqual([expect.stringContaining(`hypervisor show ${HV05}`)]);
  });

  it('is left to that run by the next campaign', async () => {
    const next = await site.start('--option', `hosts=${HV05}`);

    const { report } = await site.reached(next, 'succeeded');
    expect(report?.headline).toBe('1 needed a reboot: 1 waits.');
    expect(report?.lines).toEqual([
      expect.stringMatching(new RegExp(`^waits +${HV05} .*since .*${runOf(campaign, HV05)}`)),
    ]);
  });

  it('is drained, rebooted, proved and given back once the server is deleted', async () => {
    const watching = await watch();
    openstack(`openstack server delete ${servers.gpu}`);

    const { result } = await site.reached(runOf(campaign, HV05), 'succeeded');

    seen = await watching.stop();
    expect(result).toMatchObject({ verdict: 'done', why: expect.stringContaining(NEW_KERNEL) });
    expect(seen).toMatchObject({ rebooted: [HV05], cutOff: [] });
    expect(kernelOf(HV05)).toBe(NEW_KERNEL);
    expect((await standing()).web).toMatch(/^ACTIVE on (?!hv05)/);
    expect(await disabled()).toEqual({});
    expect(site.handback()).toEqual([]);
    expect(await site.ask<RunSummary[]>('runs', '--state', 'waiting')).toEqual([]);
  });
});

describe('a cloud whose Nightshift is gone, with its Redis, in the middle of a drain', () => {
  let site: Site;
  let servers: Record<'gpu' | 'web', string>;
  let daemon: Daemon;
  beforeAll(async () => {
    resetLab();
    servers = await createServers({ gpu: { on: HV05, flavor: 'g1.gpu' }, web: { on: HV03 } });
    setMigrations({ [servers.web]: 'stuck' });
    site = new Site({ options: OPTIONS });
    daemon = await site.daemon();
  });
  afterAll(() => site.close());

  it('is left with hypervisors disabled that nobody works on', async () => {
    await site.reached(await site.start('--option', `hosts=${HV05}`), 'succeeded');
    await until(async () => expect(Object.keys(await disabled())).toEqual(['hv05']));
    await site.start('--option', `hosts=${HV03}`);
    await migrationOf(servers.web);

    await daemon.kill();
    site.loseRedis();

    expect(Object.keys(await disabled()).toSorted()).toEqual(['hv03', 'hv05']);
  });

  it('is given back by what lies on the disk, typed into a shell that knows OpenStack alone', async () => {
    openstack(site.handback().join(''));

    expect(await disabled()).toEqual({});
    expect([HV03, HV05].map(kernelOf)).toEqual([OLD_KERNEL, OLD_KERNEL]);
    expect((await standing()).gpu).toBe(`ACTIVE on ${HV05}`);
    const [migration] = await cloud.migrations(servers.web);
    await cloud.abortMigration(servers.web, migration?.id ?? '');
    await until(async () => expect((await standing()).web).toBe(`ACTIVE on ${HV03}`));
  });
});
