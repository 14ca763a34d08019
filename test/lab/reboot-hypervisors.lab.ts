/** Whether hypervisors of a real OpenStack are drained, rebooted, proved and given back from the command line. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloud, createServers, disabled, standing } from './support/cloud.ts';
import {
  ADDRESSES,
  bootIdOf,
  domainsOn,
  HYPERVISORS,
  kernelOf,
  labDir,
  NEW_KERNEL,
  OLD_KERNEL,
  resetLab,
  serviceHost,
  setMigrations,
} from './support/lab.ts';
import { type Said, Site } from './support/site.ts';
import { type Seen, watch } from './support/watch.ts';

const [HV01, HV02, HV03, HV04, HV05] = HYPERVISORS;
const ALL = [...HYPERVISORS];

/** All that a reboot changes, and all that a drain does. */
async function everything(): Promise<object> {
  return {
    boots: ALL.map(bootIdOf),
    kernels: ALL.map(kernelOf),
    servers: await standing(),
    out: await disabled(),
  };
}

async function watched(site: Site): Promise<Said & Seen> {
  const watching = await watch();
  const said = await site.nightshift('run', 'reboot-hypervisors', '--go');
  return { ...said, ...(await watching.stop()) };
}

/** `5 needed a reboot: 4 done, 1 held.` as numbers. */
function countsIn(text: string): { all: number; parts: Record<string, number> } {
  const [, all = '', list = ''] = /^(\d+) needed a reboot: (.*)\.$/m.exec(text) ?? [];
  const parts = list.split(', ').map((part) => part.split(/ (.*)/));
  return { all: Number(all), parts: Object.fromEntries(parts.map(([n, what]) => [what, Number(n)])) };
}

describe('five hypervisors that await a kernel', () => {
  let site: Site;
  let servers: Record<'web-1' | 'web-2' | 'frozen' | 'db-1' | 'batch-1' | 'asleep', string>;
  let night: Said & Seen;
  beforeAll(async () => {
    resetLab();
    servers = await createServers({
      'web-1': { on: HV01 },
      'web-2': { on: HV01 },
      frozen: { on: HV02, is: 'PAUSED' },
      'db-1': { on: HV03 },
      asleep: { on: HV03, is: 'SHUTOFF' },
      'batch-1': { on: HV04 },
    });
    site = new Site();
  });
  afterAll(() => site.close());

  it('are left as they are by a dry run, which says what it would do', async () => {
    const before = await everything();

    const { exit, out } = await site.nightshift('run', 'reboot-hypervisors');

    expect(exit).toBe(0);
    expect(out).toContain('Dry run: nothing is changed (to act: --go).');
    expect(out).toContain('5 hypervisors need a reboot. Tonight 5, held 0, not tonight 0.');
    expect(out).toContain(`${OLD_KERNEL} runs, ${NEW_KERNEL} boots next`);
    expect(await everything()).toEqual(before);
    expect(site.mails()).toEqual([]);
  });

  it('are all drained, rebooted, proved and back in service', async () => {
    const before = ALL.map(bootIdOf);

    night = await watched(site);

    expect(night).toMatchObject({ exit: 0, err: '' });
    expect(night.rebooted.toSorted()).toEqual(ALL);
    expect(ALL.map(bootIdOf).filter((boot) => before.includes(boot))).toEqual([]);
    expect(ALL.map(kernelOf)).toEqual(ALL.map(() => NEW_KERNEL));
    expect(await disabled()).toEqual({});
    expect(site.handback()).toEqual([]);
  });

  it('were never out of service two at a time', () => {
    expect(night.mostOut).toBe(1);
  });

  it('lost no server: what ran runs, what was paused is paused, what was stopped is where it was', async () => {
    const { asleep, frozen, ...others } = await standing();

    expect(night.cutOff).toEqual([]);
    expect(Object.values(others).map((said) => said.split(' ')[0])).toEqual(Array(4).fill('ACTIVE'));
    expect(frozen).toMatch(/^PAUSED on /);
    expect((await cloud.migrations(servers.frozen)).at(-1)).toMatchObject({
      from: HV02,
      status: 'completed',
    });
    expect(asleep).toBe(`SHUTOFF on ${HV03}`);
    const { asleep: _, ...awake } = servers;
    expect(new Set(ALL.flatMap((name) => domainsOn(name).running))).toEqual(new Set(Object.values(awake)));
  });

  it('are told of in one mail whose counts add up', () => {
    const [mail, ...others] = site.mails();

    expect(others).toEqual([]);
    expect(mail?.subject).toMatch(/^\[nightshift\] \w{3} \d{1,2} \w{3} \d{4}: 5 rebooted$/);
    expect(countsIn(mail?.text ?? '')).toEqual({ all: 5, parts: { done: 5 } });
    for (const name of ALL) expect(mail?.text).toContain(name);
    expect(night.out).toContain(mail?.text.trim());
  });

  it('are left alone by a second run', async () => {
    const before = await everything();

    const again = await watched(site);

    expect(again).toMatchObject({ exit: 0, err: '', mostOut: 0, rebooted: [] });
    expect(again.out).toContain('No hypervisor needed a reboot.');
    expect(await everything()).toEqual(before);
    expect(site.mails()).toHaveLength(1);
  });
});

describe('a night in which much goes wrong', () => {
  const THEIRS = 'disk swap, ask Kim';
  let site: Site;
  let servers: Record<'stubborn' | 'willing' | 'theirs' | 'refusing', string>;
  let night: Said & Seen;
  beforeAll(async () => {
    resetLab();
    servers = await createServers({
      stubborn: { on: HV01 },
      willing: { on: HV01 },
      theirs: { on: HV02 },
      refusing: { on: HV04 },
    });
    setMigrations({ [servers.stubborn]: 'fail', [servers.refusing]: 'refuse' });
    await cloud.cordon(HV02, THEIRS);
    site = new Site({ knownHosts: withChangedKey(HV03) });
    night = await watched(site);
  });
  afterAll(() => site.close());

  it('ends with the other one rebooted', () => {
    expect(night).toMatchObject({ exit: 0, err: '', mostOut: 1, cutOff: [], rebooted: [HV05] });
    expect(kernelOf(HV05)).toBe(NEW_KERNEL);
  });

  it('gives back a hypervisor whose guest cannot be copied, with its guests whole', async () => {
    const { stubborn, willing } = await standing();

    expect(kernelOf(HV01)).toBe(OLD_KERNEL);
    expect(await disabled()).not.toHaveProperty(serviceHost(HV01));
    expect(stubborn).toBe(`ACTIVE on ${HV01}`);
    expect(willing).toMatch(/^ACTIVE on /);
    expect(await cloud.migrations(servers.stubborn)).toMatchObject([{ status: 'failed' }]);
    expect(site.handback()).toEqual([]);
  });

  it('gives back a hypervisor whose guest Nova refuses to move', async () => {
    const { refusing } = await standing();

    expect(kernelOf(HV04)).toBe(OLD_KERNEL);
    expect(await disabled()).not.toHaveProperty(serviceHost(HV04));
    expect(refusing).toBe(`ACTIVE on ${HV04}`);
    // Once for a target that was named, and once for any.
    const ends = (await cloud.migrations(servers.refusing)).map(({ status }) => status);
    expect(new Set(ends)).toEqual(new Set(['error']));
  });

  it('leaves somebody else’s cordon alone, with what runs there', async () => {
    const { theirs } = await standing();

    expect(await disabled()).toEqual({ [serviceHost(HV02)]: THEIRS });
    expect(theirs).toBe(`ACTIVE on ${HV02}`);
    expect(kernelOf(HV02)).toBe(OLD_KERNEL);
  });

  it('does not touch a hypervisor whose host key has changed', async () => {
    expect(kernelOf(HV03)).toBe(OLD_KERNEL);
    expect(await disabled()).not.toHaveProperty(serviceHost(HV03));
  });

  it('is told in a mail that has every hypervisor once, with the reason', () => {
    const [mail] = site.mails();

    expect(mail?.subject).toMatch(/: 1 rebooted, 2 given back$/);
    expect(countsIn(mail?.text ?? '')).toEqual({ all: 5, parts: { done: 1, 'given back': 2, held: 2 } });
    expect(mail?.text).toMatch(new RegExp(`^given back +${HV01} .*stubborn .*ended as failed`, 'm'));
    expect(mail?.text).toMatch(new RegExp(`^given back +${HV04} .*refusing .*ended as error`, 'm'));
    expect(mail?.text).toMatch(new RegExp(`^held +${HV02} .*disabled by somebody else: "${THEIRS}"`, 'm'));
    expect(mail?.text).toMatch(new RegExp(`^held +${HV03} .*host key`, 'm'));
  });

  it.each([
    [HV01, 'given back'],
    [HV02, 'held'],
    [HV03, 'held'],
    [HV05, 'done'],
  ])('answers why %s is %s', async (name, verdict) => {
    const { exit, out } = await site.nightshift('why', 'hypervisor', name);

    expect(exit).toBe(0);
    expect(out).toMatch(new RegExp(`^hypervisor ${name}: ${verdict}, `));
  });
});

/** The lab's known hosts with another key for one hypervisor. */
function withChangedKey(hypervisor: string): string {
  const other = join(labDir, 'ssh/other_host_key');
  execFileSync('sh', ['-c', `rm -f "$0" && ssh-keygen -q -t ed25519 -N '' -f "$0"`, other]);
  const [type, key] = readFileSync(`${other}.pub`, 'utf8').split(' ');
  const [ip, port] = ADDRESSES[hypervisor]?.split(':') ?? [];
  const lines = readFileSync(join(labDir, 'ssh/known_hosts'), 'utf8').split('\n');
  const changed = lines.map((line) =>
    line.startsWith(`[${ip}]:${port} `) ? `[${ip}]:${port} ${type} ${key}` : line,
  );
  writeFileSync(`${other}.known_hosts`, changed.join('\n'));
  return `${other}.known_hosts`;
}
