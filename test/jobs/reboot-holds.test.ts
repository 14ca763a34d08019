/** What people and past nights lay down against a campaign: claims, breakers, rings, budgets. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listBreakers, resetBreaker } from '../../src/breakers.ts';
import { claim } from '../../src/claims.ts';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { hypervisor, server, size } from '../support/builders.ts';
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
    expect(first.run.report?.lines?.join('\n')).toMatch(
      /^ {2}the breaker "reboot-hypervisors" is open since .*reset-breaker reboot-hypervisors --reason '…'$/m,
    );
    expect(rebooted()).toEqual(['hv1']);
    expect(second.outcome).toBe('succeeded');
    expect(second.run.children).toEqual([]);
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

  it('does not count a hypervisor that a person has mended, and whose run was resumed', async () => {
    const [hv1, hv2] = [cloud.hosts.get('hv1')!, cloud.hosts.get('hv2')!];
    const options = { maxFailed: 9, breaker: { failures: 2 } };
    hv1.fault = hv2.fault = 'comes back with its old kernel';
    const { run } = await night({ ...options, limit: 1 });
    hv1.fault = undefined;
    hv1.kernel = '6.1.0-28';

    await process.engine.acts.resume(`${run.id}~hv1`, { by: 'kim', why: 'a new kernel is in' });
    await work(process, `${run.id}~hv1`);
    await night(options);

    const records = await process.engine.acts.rows<{ verdict: string }>('reboots');
    expect([records.get('hv1')?.verdict, records.get('hv2')?.verdict]).toEqual(['done', 'failed']);
    expect(await open()).toEqual([]);
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

describe('rings', () => {
  const options = { rings: [{ hypervisors: 1 }, 'all'] };
  beforeEach(() => begin(fleetOf('hv1', 'hv2', 'hv3')));

  it('let one hypervisor run a new kernel for a day before the others do', async () => {
    const first = await night(options);
    const second = await night(options);
    const third = await night({ ...options, ringDays: 0 });

    expect(whyOf(first, 'hypervisor hv1')).toMatch(/^done: /);
    expect(whyOf(first, 'hypervisor hv2')).toBe(
      'held: a later ring of kernel 6.1.0-28: ring 1 (1 hypervisor) comes first',
    );
    expect(whyOf(second, 'hypervisor hv2')).toMatch(
      /^held: ring 2 of kernel 6\.1\.0-28 begins \w{3} \d+ \w{3} \d{4}, when ring 1 has run it for 1 day$/,
    );
    expect(third.run.report?.headline).toBe('2 needed a reboot: 2 done.');
    expect(rebooted()).toEqual(['hv1', 'hv2', 'hv3']);
  });

  it('keep a bad kernel from the second ring, until a person resets its breaker', async () => {
    cloud.hosts.get('hv1')!.fault = 'comes back with its old kernel';
    const lax = { ...options, ringDays: 0, maxFailed: 9 };

    await night(lax);
    const second = await night(lax);

    expect(rebooted()).toEqual(['hv1']);
    expect(whyOf(second, 'hypervisor hv2')).toMatch(
      /^held: the breaker "kernel 6\.1\.0-28" is open since .* \(hv1 failed with it: .*\); when all is well: nightshift reset-breaker 'kernel 6\.1\.0-28'/,
    );
    const name = 'kernel 6.1.0-28';
    await resetBreaker(process.engine.acts, { name, by: 'kim', why: 'a DIMM' }, new Date());
    await night(lax);
    expect(rebooted()).toEqual(['hv1', 'hv2']);
  });
});

describe('budgets', () => {
  it('count what was tried in an earlier campaign of the window, also where it failed', async () => {
    await begin(
      new FakeCloud([
        ...['a1', 'a2', 'a3'].map((name) => hypervisor(name, { zone: 'a' })),
        hypervisor('b1', { zone: 'b' }),
      ]),
    );
    cloud.hosts.get('a1')!.fault = 'comes back with its old kernel';
    const options = { budgets: [{ per: 'zone', atMost: 2 }], maxFailed: 9 };

    await night({ ...options, limit: 1 });
    const second = await night(options);

    expect(rebooted()).toEqual(['a1', 'a2', 'b1']);
    expect(whyOf(second, 'hypervisor a3')).toBe(
      'held: the budget of 2 a window in zone a is spent: 1 tried already, 1 planned before it',
    );
  });
});

describe('empty hypervisors', () => {
  const parallelEmpty = { atOnce: 2, perZone: 9, perRack: 1 };

  it('go several at a time within the limits; those to drain wait until all of them are back', async () => {
    await begin(
      new FakeCloud(
        [
          hypervisor('hv1', { aggregates: ['rack-a'] }),
          hypervisor('hv2', { aggregates: ['rack-a'] }),
          hypervisor('hv3', { traits: ['CUSTOM_RACK_B'] }),
          hypervisor('full'),
          hypervisor('room'),
        ],
        [server('a', 'full')],
      ),
    );
    cloud.hosts.get('room')!.kernel = '6.1.0-28';
    cloud.mayBeOut = 2;

    const worked = await night({ parallelEmpty });

    expect(worked.run.report?.headline).toBe('4 needed a reboot: 4 done.');
    expect(cloud.violations).toEqual([]);
    const calls = cloud.calls.map((call) => call.replace(/ hv[13]$/, ' hv1 or hv3'));
    expect(calls.slice(0, 6)).toEqual([
      ...Array(2).fill('cordon hv1 or hv3'),
      ...Array(2).fill('reboot hv1 or hv3'),
      ...Array(2).fill('uncordon hv1 or hv3'),
    ]);
    expect(calls.slice(6)).toEqual([
      'cordon hv2',
      'reboot hv2',
      'uncordon hv2',
      'cordon full',
      'migrate a',
      'reboot full',
      'uncordon full',
    ]);
  });

  it('that get a guest on the way are drained one at a time all the same', async () => {
    await begin(fleetOf('hv1', 'hv2', 'room'));
    cloud.hosts.get('room')!.kernel = '6.1.0-28';
    let looks = 0;
    const fleet = cloud.fleet.bind(cloud);
    cloud.fleet = async () => {
      looks += 1;
      // After the survey and the plan: before each has its own look.
      if (looks === 3) for (const hv of ['hv1', 'hv2']) cloud.add(server(`late-${hv}`, hv));
      return fleet();
    };

    await night({ parallelEmpty });

    expect(rebooted().toSorted()).toEqual(['hv1', 'hv2']);
    expect(cloud.violations).toEqual([]);
  });

  it('that fail in a wave are all counted, and stop the line after it', async () => {
    await begin(fleetOf('hv1', 'hv2', 'hv3'));
    cloud.mayBeOut = 2;
    for (const name of ['hv1', 'hv2']) cloud.hosts.get(name)!.fault = 'comes back with its old kernel';

    const { outcome, run } = await night({ parallelEmpty });

    expect(outcome).toBe('failed');
    expect(run.error).toBe('left disabled for a person: hv1, hv2');
    expect(run.report?.headline).toBe('3 needed a reboot: 1 not tonight, 2 need you.');
    expect(rebooted().toSorted()).toEqual(['hv1', 'hv2']);
  });
});

describe('the hypervisor that Nightshift itself runs on', () => {
  it('goes last, whatever its drain costs', async () => {
    const servers = [
      server('nightshift', 'hv1', { size: size(1) }),
      server('big', 'hv2', { size: size(64) }),
    ];
    await begin(
      new FakeCloud(
        ['hv1', 'hv2', 'room'].map((name) => hypervisor(name)),
        servers,
      ),
    );
    cloud.hosts.get('room')!.kernel = '6.1.0-28';

    await night({ self: 'nightshift' });

    expect(rebooted()).toEqual(['hv2', 'hv1']);
  });
});

describe('headroom', () => {
  it('holds whatever would leave too little for a failure', async () => {
    const servers = ['hv2', 'hv3'].map((hv) => server(`on-${hv}`, hv, { size: size(100) }));
    await begin(
      new FakeCloud(
        ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
        servers,
      ),
    );
    for (const name of ['hv2', 'hv3']) cloud.hosts.get(name)!.kernel = '6.1.0-28';

    const strict = await night({ headroom: { hypervisors: 1 } });

    expect(rebooted()).toEqual([]);
    expect(whyOf(strict, 'hypervisor hv1')).toBe(
      'held: no headroom, should hv2 fail meanwhile: no other hypervisor has 100 GiB of memory, 25 vCPU, 10 GiB of disk free for on-hv2',
    );
    await night();
    expect(rebooted()).toEqual(['hv1']);
  });
});
