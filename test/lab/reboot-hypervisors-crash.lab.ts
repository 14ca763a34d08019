/**
 * Whether a campaign goes on when the daemon that works it is killed: in a drain, in a reboot before and
 * after the request, and in a proof. One campaign is led through all of them, each on another hypervisor.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cloud, createServers, disabled, migrationOf, standing } from './support/cloud.ts';
import {
  bootIdOf,
  fileOf,
  HYPERVISORS,
  kernelOf,
  NEW_KERNEL,
  resetLab,
  setMigrations,
  until,
} from './support/lab.ts';
import { type Daemon, runOf, Site } from './support/site.ts';
import { type Watch, watch } from './support/watch.ts';

const [HV01, HV02, HV03, HV04] = HYPERVISORS;
const TARGETS = [HV01, HV02, HV03, HV04];
const OWN = '"$LAB_DIR/hosts/$LAB_HOST"';

/** A hypervisor on which one of these files lies waits before it goes on. */
const BEFORE_LISTING = 'hold-listing';
const BEFORE_REBOOT = 'hold-reboot';

let site: Site;
let servers: Record<'web-1' | 'web-2' | 'web-3' | 'web-4', string>;
let watching: Watch;
let daemon: Daemon;
let campaign: string;

beforeAll(async () => {
  resetLab();
  servers = await createServers({
    'web-1': { on: HV01 },
    'web-2': { on: HV02 },
    'web-3': { on: HV03 },
    'web-4': { on: HV04 },
  });
  setMigrations({ [servers['web-1']]: 3 });
  hold(HV02, BEFORE_LISTING);
  hold(HV03, BEFORE_REBOOT);
  site = new Site({
    options: {
      stopWithinSeconds: 8,
      listDomains: `while [ -e ${OWN}/${BEFORE_LISTING} ]; do sleep 0.1; done; virsh list --name`,
      // Every request leaves a line behind, also one that comes too late.
      reboot: `echo asked >> ${OWN}/reboots; while [ -e ${OWN}/${BEFORE_REBOOT} ]; do sleep 0.1; done; systemctl reboot`,
    },
  });
  watching = await watch();
  daemon = await site.daemon();
  campaign = await site.start('--option', `hosts=${TARGETS.join(',')}`);
});
afterAll(async () => {
  for (const name of TARGETS) for (const file of [BEFORE_LISTING, BEFORE_REBOOT]) goOn(name, file);
  await watching.stop();
  await site.close();
});

/** The hypervisor's own run. */
function run(hypervisor: string): string {
  return runOf(campaign, hypervisor);
}

function hold(hypervisor: string, file: string): void {
  writeFileSync(fileOf(hypervisor, file), '');
}

function goOn(hypervisor: string, file: string): void {
  rmSync(fileOf(hypervisor, file), { force: true });
}

/** How often the host was asked to reboot. */
function requests(hypervisor: string): number {
  const file = fileOf(hypervisor, 'reboots');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

/** Kills the daemon and starts another at once; resolves when that one works the hypervisor's run. */
async function takeOver(hypervisor: string, during: string, meanwhile = () => {}): Promise<void> {
  const { claims } = await site.show(run(hypervisor));
  await daemon.kill();
  meanwhile();
  const since = performance.now();
  daemon = await site.daemon();
  await until(async () => expect((await site.show(run(hypervisor))).claims).toBeGreaterThan(claims));
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  process.stdout.write(`killed ${during}: taken over after ${seconds} s\n`);
}

it('joins the migration that was under way when it was killed in a drain', async () => {
  await site.logged(run(HV01), new RegExp(`^migrate ${servers['web-1']} off ${HV01}`), 'begins');
  const { id } = await migrationOf(servers['web-1']);

  await takeOver(HV01, 'in a drain');

  await site.logged(run(HV01), `uncordon ${HV01}`, 'done');
  expect(await cloud.migrations(servers['web-1'])).toMatchObject([{ id, status: 'completed' }]);
  expect(watching.seen().rebooted).toEqual([HV01]);
});

it('asks a person when it was killed in a reboot and the host shows none', async () => {
  await site.logged(run(HV02), `reboot ${HV02}`, 'begins');

  await takeOver(HV02, 'in a reboot, before the request', () => goOn(HV02, BEFORE_LISTING));

  await site.reached(run(HV02), 'needs-decision');
  expect(requests(HV02)).toBe(0);
  expect(watching.seen().rebooted).not.toContain(HV02);
  expect(await disabled()).toMatchObject({ hv02: expect.stringContaining(run(HV02)) });
  expect((await site.nightshift('log', '-f', run(HV02))).exit).toBe(3);
});

it('goes on with the word of the person who typed what the mail says', async () => {
  const mail = await until(() => {
    const [found] = site.mails().filter(({ subject }) => subject.includes('needs you'));
    expect(found?.text).toContain('old boot');
    return found;
  });
  const command = /it did not, do it +(nightshift .*)/.exec(mail?.text ?? '')?.[1] ?? '';

  const { exit, out } = await site.type(command);

  expect({ exit, out }).toEqual({
    exit: 0,
    out: `${run(HV02)}: "reboot ${HV02}" did not happen; it will be done again.\n`,
  });
  await site.logged(run(HV02), `uncordon ${HV02}`, 'done');
  expect(requests(HV02)).toBe(1);
});

it('sees that the reboot happened when it was killed after the request', async () => {
  await until(() => expect(requests(HV03)).toBe(1));

  await takeOver(HV03, 'in a reboot, after the request', () => goOn(HV03, BEFORE_REBOOT));

  await site.logged(run(HV03), `uncordon ${HV03}`, 'done');
  expect(requests(HV03)).toBe(1);
});

it('proves anew when it was killed in a proof', async () => {
  const before = bootIdOf(HV04);
  await site.logged(run(HV04), `reboot ${HV04}`, 'done');
  await until(() => expect(bootIdOf(HV04)).not.toBe(before));

  await takeOver(HV04, 'in a proof');

  const { notes } = await site.reached(campaign, 'succeeded');
  expect(notes.map(({ subject, verdict }) => `${subject} ${verdict}`).toSorted()).toEqual(
    TARGETS.map((name) => `hypervisor ${name} done`),
  );
});

it('has rebooted each hypervisor once, one at a time, and cut no server off', async () => {
  const { rebooted, cutOff, mostOut } = await watching.stop();

  expect(rebooted.toSorted()).toEqual(TARGETS);
  expect(TARGETS.map(requests)).toEqual(TARGETS.map(() => 1));
  expect(cutOff).toEqual([]);
  expect(mostOut).toBe(1);
  expect(TARGETS.map(kernelOf)).toEqual(TARGETS.map(() => NEW_KERNEL));
  expect(await disabled()).toEqual({});
});

it('has moved each server off each hypervisor once, and lost none', async () => {
  for (const [name, id] of Object.entries(servers)) {
    const moves = (await cloud.migrations(id)).map(({ status, from }) => `${name} off ${from} ${status}`);
    expect(new Set(moves).size).toBe(moves.length);
    expect(moves.filter((move) => !move.endsWith(' completed'))).toEqual([]);
  }
  expect(Object.values(await standing()).map((said) => said.split(' ')[0])).toEqual(Array(4).fill('ACTIVE'));
});

it('mails one report at the end', async () => {
  await until(() => {
    const reports = site.mails().filter(({ subject }) => !subject.includes('needs you'));
    expect(reports).toMatchObject([{ subject: expect.stringMatching(/: 4 rebooted$/) }]);
  });
});
