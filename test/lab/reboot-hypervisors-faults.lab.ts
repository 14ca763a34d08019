/** Whether a hypervisor that something goes wrong with is left as people can live with, and what they do about it is minded. */
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  cloud,
  complete,
  createServers,
  disabled,
  migrationOf,
  openstack,
  sendTo,
  standing,
} from './support/cloud.ts';
import {
  atMachine,
  bootIdOf,
  FALLS_BACK,
  fileOf,
  HYPERVISORS,
  kernelOf,
  NEW_KERNEL,
  NO_RETURN,
  OLD_KERNEL,
  resetLab,
  setMigrations,
  until,
} from './support/lab.ts';
import { runOf, Site } from './support/site.ts';
import { watch } from './support/watch.ts';

const [HV01, HV02, HV03, HV04, HV05] = HYPERVISORS;

let site: Site;
let servers: Record<'minded' | 'stays' | 'lands' | 'busy', string>;

beforeAll(async () => {
  resetLab();
  servers = await createServers({
    minded: { on: HV03 },
    stays: { on: HV04 },
    lands: { on: HV05 },
    busy: { on: HV05 },
  });
  site = new Site();
  await site.daemon();
});
afterAll(() => site.close());
beforeEach(() => setMigrations({}));

it('leaves disabled what boots its old kernel and what does not come back, and tells a person', async () => {
  writeFileSync(fileOf(HV01, FALLS_BACK), '');
  writeFileSync(fileOf(HV02, NO_RETURN), '');

  const run = await start([HV01, HV02], { maxFailed: 2, backWithinMinutes: 0.3 });

  await site.reached(run, 'failed');
  const text = await mailed('2 need you');
  expect(text).toMatch(new RegExp(`^ +${HV01} .*kernel ${OLD_KERNEL} runs, ${NEW_KERNEL} was expected`, 'm'));
  expect(text).toMatch(new RegExp(`^ +${HV02} .*it does not answer`, 'm'));
  expect(await disabled()).toEqual({
    hv01: expect.stringContaining(runOf(run, HV01)),
    hv02: expect.stringContaining(runOf(run, HV02)),
  });
  expect(site.handback()).toHaveLength(2);
});

it('goes on with both where they stopped, once somebody has been at the machines', async () => {
  const text = await mailed('2 need you');
  const commands = [...text.matchAll(/go on, when repaired: +(nightshift .*)/g)].map(
    ([, typed = '']) => typed,
  );
  rmSync(fileOf(HV01, FALLS_BACK));
  rmSync(fileOf(HV02, NO_RETURN));
  await Promise.all([atMachine(HV01, 'reboot'), atMachine(HV02, 'on')]);
  const boots = [HV01, HV02].map(bootIdOf);

  for (const command of commands) expect(await site.type(command)).toMatchObject({ exit: 0 });

  const runs = commands.map((command) => command.split(' ').at(-1) ?? '');
  for (const run of runs)
    expect((await site.reached(run, 'succeeded')).result).toMatchObject({ verdict: 'done' });
  expect(runs).toHaveLength(2);
  expect([HV01, HV02].map(kernelOf)).toEqual([NEW_KERNEL, NEW_KERNEL]);
  expect([HV01, HV02].map(bootIdOf)).toEqual(boots);
  expect(await disabled()).toEqual({});
  expect(site.handback()).toEqual([]);
});

it('neither reboots nor enables what somebody else has taken in the middle of its drain', async () => {
  setMigrations({ [servers.minded]: 'stuck' });
  const run = await start([HV03]);
  const migration = await migrationOf(servers.minded);

  openstack(
    'openstack compute service set --disable --disable-reason "memory errors, ask Kim" hv03 nova-compute',
  );
  await complete(servers.minded, migration);

  const { result } = await site.reached(runOf(run, HV03), 'succeeded');
  expect(result).toMatchObject({
    verdict: 'given back',
    why: expect.stringContaining('disabled by somebody else: "memory errors, ask Kim"'),
  });
  expect(await disabled()).toEqual({ hv03: 'memory errors, ask Kim' });
  expect(kernelOf(HV03)).toBe(OLD_KERNEL);
  expect(site.handback()).toEqual([]);
  await cloud.uncordon(HV03);
});

it('moves away a server that was on its way when the cordon came and lands in the middle of the drain', async () => {
  setMigrations({ [servers.lands]: 'stuck', [servers.stays]: 'stuck' });
  const coming = await sendTo(servers.lands, HV04);
  const watching = await watch();
  const run = await start([HV04]);
  const going = await migrationOf(servers.stays);

  await complete(servers.lands, coming);
  await until(async () => expect((await standing()).lands).toBe(`ACTIVE on ${HV04}`));
  setMigrations({});
  await complete(servers.stays, going);

  const { result } = await site.reached(runOf(run, HV04), 'succeeded');
  expect(result).toMatchObject({ verdict: 'done' });
  expect((await cloud.migrations(servers.lands))[0]).toMatchObject({ from: HV04, status: 'completed' });
  expect(await watching.stop()).toMatchObject({ rebooted: [HV04], cutOff: [] });
});

it('aborts a migration that is stuck, and moves the server to another hypervisor', async () => {
  setMigrations({ [servers.busy]: 'stuck once' });

  const run = await start([HV05], { mbPerSecond: 10_000, migrateAtLeastSeconds: 5 });

  const { result } = await site.reached(runOf(run, HV05), 'succeeded');
  expect(result).toMatchObject({ verdict: 'done' });
  const [second, first, ...others] = await cloud.migrations(servers.busy);
  expect(others).toEqual([]);
  expect([first?.status, second?.status]).toEqual(['cancelled', 'completed']);
  expect(second?.to).not.toBe(first?.to);
});

async function start(
  hypervisors: readonly string[],
  options: Readonly<Record<string, number>> = {},
): Promise<string> {
  const all = { hosts: hypervisors.join(','), ...options };
  return await site.start(...Object.entries(all).flatMap(([key, value]) => ['--option', `${key}=${value}`]));
}

/** The text of the mail with this in its subject, once it came. */
async function mailed(subject: string): Promise<string> {
  return await until(() => {
    const found = site.mails().find((mail) => mail.subject.includes(subject));
    expect(found).toBeDefined();
    return found?.text ?? '';
  });
}
