/** What people and past nights lay down against a campaign: claims, breakers, rings, budgets. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listBreakers, resetBreaker } from '../../src/breakers.ts';
import { claim } from '../../src/claims.ts';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { hypervisor } from '../support/builders.ts';
import { type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';

const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };
const TRIGGER = { kind: 'cli', by: 'kim' } as const;
const DAY_MS = 86_400_000;

let house: House;
let place = 0;
let nights = 0;
let cloud: FakeCloud;
let world: World;
let process: TestEngine<Clients>;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

function fleetOf(...names: string[]): FakeCloud {
  return new FakeCloud(names.map((name) => hypervisor(name)));
}

/** The campaigns of a test share an installation. */
async function begin(fleet: FakeCloud): Promise<void> {
  place += 1;
  nights = 0;
  cloud = fleet;
  world = { cloud, handback: new Map(), armed: true };
  process = await openProcess(house, REBOOT_JOBS, world, { place: `holds-${place}` });
}

async function night(options: Record<string, Json> = {}, acting = true): Promise<Worked> {
  nights += 1;
  const id = `reboot-hypervisors~2026112${nights}T224100Z`;
  await process.engine.create({
    job: 'reboot-hypervisors',
    id,
    options: { ...QUICK, ...options },
    trigger: TRIGGER,
    acting,
  });
  return work(process, id);
}

function whyOf({ run }: Worked, subject: string): string | undefined {
  const note = run.notes.find((one) => one.subject === subject);
  return note && `${note.verdict}: ${note.why}`;
}

function rebooted(): string[] {
  return cloud.calls.filter((call) => call.startsWith('reboot ')).map((call) => call.slice(7));
}

describe('a claim', () => {
  const until = new Date(Date.now() + 3 * DAY_MS);
  const KIM = { hypervisor: 'hv1', by: 'kim', reason: 'disk swap', until };

  beforeEach(() => begin(fleetOf('hv1', 'hv2')));

  it('holds its hypervisor, and the campaign says who claims it, until when and why', async () => {
    await claim(process.engine.acts, KIM, new Date());

    const worked = await night();

    expect(whyOf(worked, 'hypervisor hv1')).toMatch(
      /^held: claimed by kim until \w{3} \d+ \w{3} \d{4} .*: disk swap$/,
    );
    expect(rebooted()).toEqual(['hv2']);
  });

  it('holds a hypervisor that is claimed between plan and turn', async () => {
    cloud.onCall = (call) => {
      if (call === 'cordon hv1') void claim(process.engine.acts, { ...KIM, hypervisor: 'hv2' }, new Date());
    };

    const worked = await night();

    expect(whyOf(worked, 'hypervisor hv2')).toMatch(/^held: claimed by kim/);
    expect(rebooted()).toEqual(['hv1']);
  });

  it('on what is no hypervisor is said to hold nothing', async () => {
    await claim(process.engine.acts, { ...KIM, hypervisor: 'hv11' }, new Date());

    const worked = await night();

    expect(whyOf(worked, 'claim hv11')).toBe('holds nothing: no hypervisor is called hv11');
    expect(rebooted()).toEqual(['hv1', 'hv2']);
  });
});

describe('the breaker', () => {
  beforeEach(() => begin(fleetOf('hv1', 'hv2', 'hv3', 'hv4')));
  const open = async () => (await listBreakers(process.engine.acts)).filter(({ state }) => state === 'open');

  it('opens when more fail than may; until a person resets it, campaigns plan and do nothing', async () => {
    cloud.hosts.get('hv1')!.fault = 'comes back with its old kernel';

    const first = await night();
    const second = await night();

    expect(first.outcome).toBe('failed');
    expect(rebooted()).toEqual(['hv1']);
    expect(second.outcome).toBe('succeeded');
    expect(second.run.steps.map(({ key }) => key)).toEqual(['needs', 'plan', 'breakers']);
    expect(whyOf(second, 'breaker reboot-hypervisors')).toMatch(
      /^open: the breaker "reboot-hypervisors" is open since .* \(hv1 was left disabled, and maxFailed=0\); when all is well: nightshift reset-breaker reboot-hypervisors --reason '…'$/,
    );
    expect(second.run.report?.lines?.join('\n')).toContain(
      'not tonight  3 (the breaker "reboot-hypervisors"',
    );

    await resetBreaker(
      process.engine.acts,
      { name: 'reboot-hypervisors', by: 'kim', why: 'a DIMM' },
      new Date(),
    );
    const third = await night();

    expect(third.outcome).toBe('succeeded');
    expect(rebooted()).toEqual(['hv1', 'hv2', 'hv3', 'hv4']);
    expect(await open()).toEqual([]);
  });

  it('opens when so many have failed in so many days, however few in a night', async () => {
    const options = { maxFailed: 9, breaker: { failures: 2 } };
    for (const name of ['hv1', 'hv2']) cloud.hosts.get(name)!.fault = 'comes back with its old kernel';

    await night({ ...options, limit: 1 });
    expect(await open()).toEqual([]);
    await night(options);

    expect(rebooted()).toEqual(['hv1', 'hv2']);
    expect(await open()).toMatchObject([
      { name: 'reboot-hypervisors', why: '2 hypervisors left disabled within 7 days: hv1 and hv2' },
    ]);
  });

  it('does not keep a person from naming one hypervisor', async () => {
    cloud.hosts.get('hv1')!.fault = 'comes back with its old kernel';
    await night();
    const id = 'reboot-hypervisor~20261125T090000Z';
    const options = { ...QUICK, hypervisor: 'hv2' };

    await process.engine.create({ job: 'reboot-hypervisor', id, options, trigger: TRIGGER, acting: true });
    const worked = await work(process, id);

    expect(whyOf(worked, 'hypervisor hv2')).toMatch(/^done: /);
  });
});
