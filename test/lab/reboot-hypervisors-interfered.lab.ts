/** Whether a run minds what others do to the cloud meanwhile, and what operators say to it while it goes on. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silenceCell } from './support/cell.ts';
import { act, cloud, createServers, disabled, listedOn, migrationOf, standing } from './support/cloud.ts';
import {
  domainsOn,
  HYPERVISORS,
  kernelOf,
  NEW_KERNEL,
  OLD_KERNEL,
  resetLab,
  setMigrations,
  until,
} from './support/lab.ts';
import { runOf, Site } from './support/site.ts';

const [HV01, HV02, HV03, HV04, HV05] = HYPERVISORS;

let site: Site;
let servers: Record<'resized' | 'halted' | 'web-1' | 'web-2' | 'busy' | 'asleep', string>;
let release: (() => Promise<void>) | undefined;

beforeAll(async () => {
  resetLab();
  servers = await createServers({
    resized: { on: HV01 },
    halted: { on: HV03 },
    'web-1': { on: HV04 },
    'web-2': { on: HV04 },
    busy: { on: HV05 },
    asleep: { on: HV05, is: 'SHUTOFF' },
  });
  site = new Site();
});
afterAll(async () => {
  await release?.();
  await site.close();
});

it('refuses to reboot a hypervisor that a server left by a resize which nobody has confirmed', async () => {
  await act(servers.resized, 'migrate', 'VERIFY_RESIZE', { host: 'hv02' });
  expect(await listedOn(HV01)).toEqual([]);

  const hosts = `hosts=${HV01},${HV02}`;
  const { exit, out } = await site.nightshift('run', 'reboot-hypervisors', '--go', '--option', hosts);

  expect(exit).toBe(0);
  expect(out).toMatch(
    new RegExp(`^given back +${HV01} .*migration \\d+ of .* is not over \\(finished\\)`, 'm'),
  );
  expect(out).toMatch(new RegExp(`^held +${HV02} .*resized .*has a resize that nobody has confirmed`, 'm'));
  expect([HV01, HV02].map(kernelOf)).toEqual([OLD_KERNEL, OLD_KERNEL]);
  expect(await disabled()).toEqual({});
  await act(servers.resized, 'revertResize', 'ACTIVE');
  expect(await standing()).toMatchObject({ resized: `ACTIVE on ${HV01}` });
});

it('begins nothing in a freeze, aborts its migration in a halt, and ends well when thawed', async () => {
  setMigrations({ [servers.halted]: 'stuck' });
  await site.daemon();
  await site.nightshift('freeze', '--reason', 'storage is slow');

  const run = await site.start('--option', `hosts=${HV03}`);
  const { waiting } = await site.reached(run, 'waiting');
  expect(waiting?.for).toContain('storage is slow');
  expect(await disabled()).toEqual({});

  await site.nightshift('thaw');
  const { id } = await migrationOf(servers.halted);
  const { exit, out } = await site.nightshift('halt', '--reason', 'storage is gone');
  expect({ exit, out }).toEqual({ exit: 0, out: expect.stringContaining('storage is gone') });
  await site.reached(runOf(run, HV03), 'waiting');
  expect(await cloud.migrations(servers.halted)).toMatchObject([{ id, status: 'cancelled' }]);
  expect(await standing()).toMatchObject({ halted: `ACTIVE on ${HV03}` });
  expect(await disabled()).toEqual({ hv03: expect.stringContaining(run) });

  setMigrations({});
  await site.nightshift('thaw');
  await site.reached(run, 'succeeded');
  expect(kernelOf(HV03)).toBe(NEW_KERNEL);
  expect((await cloud.migrations(servers.halted)).map(({ status }) => status)).toEqual([
    'completed',
    'cancelled',
  ]);
  expect(await disabled()).toEqual({});
});

it('gives a hypervisor back when it is cancelled in the middle of its drain', async () => {
  setMigrations({ [servers.resized]: 'stuck' });
  const run = await site.start('--option', `hosts=${HV01}`);
  const { id } = await migrationOf(servers.resized);

  const { exit, out } = await site.nightshift('cancel', run, '--reason', 'not tonight');

  expect({ exit, out }).toEqual({
    exit: 0,
    out: `${run} is asked to stop; it puts back what it holds first.\n`,
  });
  await site.reached(run, 'cancelled');
  expect((await cloud.migrations(servers.resized))[0]).toMatchObject({ id, status: 'cancelled' });
  expect(await standing()).toMatchObject({ resized: `ACTIVE on ${HV01}` });
  expect(kernelOf(HV01)).toBe(OLD_KERNEL);
  expect(await disabled()).toEqual({});
  expect(site.handback()).toEqual([]);
  expect((await site.nightshift('log', '-f', run)).exit).toBe(1);
});

it('refuses to reboot what Nova calls empty while its cell is down, and goes on when it is back', async () => {
  setMigrations({ [servers.busy]: 5 });
  const run = await site.start('--option', `hosts=${HV05}`);
  await migrationOf(servers.busy);
  await site.nightshift('freeze', '--reason', 'the database is moved');
  await site.reached(runOf(run, HV05), 'waiting');
  await act(servers.asleep, 'os-start', 'ACTIVE');
  release = await silenceCell();

  const [listed] = await Promise.all([listedOn(HV05), site.nightshift('thaw')]);

  expect(listed).toEqual([]);
  const { notes } = await site.reached(run, 'failed');
  expect(notes).toMatchObject([{ verdict: 'needs you', why: expect.stringContaining('a cell is down') }]);
  await release();
  release = undefined;
  await until(async () => expect(await standing()).toMatchObject({ asleep: `ACTIVE on ${HV05}` }));
  expect(kernelOf(HV05)).toBe(OLD_KERNEL);
  expect(domainsOn(HV05).running).toEqual([servers.asleep]);
  expect(await disabled()).toEqual({ hv05: expect.stringContaining(run) });

  const mail = await until(() => {
    const found = site.mails().find(({ text }) => text.includes(run) && text.includes('Needs you'));
    expect(found).toBeDefined();
    return found;
  });
  const command = /go on, when repaired: +(nightshift .*)/.exec(mail?.text ?? '')?.[1] ?? '';
  expect(await site.type(command)).toMatchObject({
    exit: 0,
    out: expect.stringContaining(`${runOf(run, HV05)} goes on.`),
  });
  const { result } = await site.reached(runOf(run, HV05), 'succeeded');
  expect(result).toMatchObject({
    verdict: 'given back',
    why: expect.stringContaining('1 domain active on the host'),
  });
  expect(await disabled()).toEqual({});
  expect(kernelOf(HV05)).toBe(OLD_KERNEL);
});
