import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isOver } from '../../src/engine/runs.ts';
import { hypervisor, server } from '../support/builders.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisors~20261124T224100Z';
const OPTIONS = {
  pollMs: 1,
  migrateAtLeastSeconds: 20,
  stopWithinSeconds: 0.3,
  allow: { cold: true, stop: true },
};
const wish = (value: string) => ({ metadata: { 'nightshift:drain': value } });
const AT_ONCE = 8;
/** Every script of a run's life, but the renewals that the clock sends. */
const BOUNDARIES = new Set(['create', 'claim', 'begin', 'finish', 'lease', 'slot', 'tell', 'park', 'end']);

type Process = Awaited<ReturnType<typeof openProcess>>;

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

interface Death {
  /** Beside a guest that is live-migrated, one that wishes to be migrated cold, and one to be stopped. */
  readonly wishes?: true;
  /** Names the place where it happens, apart from all others. */
  readonly place: string;
  /** At a boundary of the journal: the nth, or by its words. */
  readonly boundary?: number | string;
  /** In the middle of a step: just after this call was carried out. */
  readonly call?: string;
  /** What has happened by the time that somebody takes over. */
  readonly meanwhile?: (cloud: FakeCloud) => void;
}

/** A night on a cloud of its own, whose first owner dies somewhere. */
async function night({ place, boundary, call, meanwhile, wishes }: Death) {
  const cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [server('a', 'hv1'), server('stopped', 'hv1', { status: 'SHUTOFF' })],
  );
  cloud.hosts.get('hv3')!.kernel = '6.1.0-28';
  if (wishes) for (const kind of ['cold', 'stop']) cloud.add(server(kind, 'hv1', wish(kind)));
  const world = { cloud, handback: new Map<string, readonly string[]>(), armed: true };
  const home = { place, leaseMs: 1500 };
  const boundaries: string[] = [];
  let begun = false;
  const deathAt = (point: DeathPoint): boolean => {
    if (!BOUNDARIES.has(point.script)) return false;
    boundaries.push(`${point.when} ${point.script} ${point.key ?? ''}`.trim());
    const here = boundaries.length - 1 === boundary || boundaries.at(-1) === boundary;
    if (here) meanwhile?.(cloud);
    return here;
  };
  const first = await openProcess(house, REBOOT_JOBS, world, {
    ...home,
    deathAt: (point) => begun && deathAt(point),
  });
  const second = await openProcess(house, REBOOT_JOBS, world, home);
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await first.engine.create({ job: 'reboot-hypervisors', id: ID, options: OPTIONS, trigger, acting: true });

  begun = true;

  cloud.onCall = (made) => {
    if (made !== call) return;
    cloud.onCall = () => {};
    meanwhile?.(cloud);
    first.die();
  };
  await Promise.race([first.died, first.engine.workFamily(ID)]);
  const asked: string[] = [];
  const run = await eventually('the end of the run', async () => {
    const { run } = await work(second, ID);
    for (const { id } of await second.engine.runs.list({ state: 'needs-decision' }))
      asked.push(await decide(second, id, cloud));
    return isOver(run.state) && run;
  });
  await second.engine.sendMails();
  const mails = house.sent.filter(({ messageId }) => messageId.endsWith(`@${place}>`));
  return {
    boundaries,
    asked,
    violations: cloud.violations,
    end: {
      state: run.state,
      calls: cloud.calls,
      world: cloud.state,
      handback: [...world.handback.keys()],
      report: timeless(run.report),
      notes: timeless(run.notes.toSorted((a, b) => (a.subject < b.subject ? -1 : 1))),
      mails: mails.length,
    },
  };
}

/** A person looks whether the host rebooted, and says so; the answer is the step that they were asked about. */
async function decide({ engine }: Process, id: string, { calls }: FakeCloud): Promise<string> {
  const run = await engine.runs.get(id);
  const step = run?.steps.find(({ state }) => state === 'unknown')?.key ?? '';
  const happened = calls.includes(step) ? 'yes' : 'no';
  await engine.acts.decide(id, { step, happened, by: 'kim', why: 'looked at it' });
  return step;
}

/** A reboot that began, and of which the world shows nothing, is the one thing that only a person can tell. */
function doubtAfter(boundary: string | undefined): string[] {
  const [, step] = /^after begin (reboot .+)/.exec(boundary ?? '') ?? [];
  return step === undefined ? [] : [step];
}

function timeless(value: unknown): string {
  return JSON.stringify(value).replaceAll(/\d+ m?s\b/g, 'a while');
}

it('ends as the run that nobody killed, at whichever boundary of the journal its owner dies', async () => {
  const whole = await night({ place: 'whole', wishes: true });
  const others: object[] = [];

  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const boundary of queue) {
      const place = `boundary-${boundary}`;
      const { boundaries, asked, violations, end } = await night({ place, boundary, wishes: true });
      const same = isDeepStrictEqual(end, whole.end) && violations.length === 0;
      const rightlyAsked = isDeepStrictEqual(asked, doubtAfter(boundaries[boundary]));
      if (!same || !rightlyAsked) others.push({ boundary: boundaries[boundary], asked, violations, end });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  expect(others).toEqual([]);
  expect(whole.boundaries.length).toBeGreaterThan(80);
  expect(whole.end.mails).toBe(1);
  expect(whole.end.calls).toEqual([
    'cordon hv2',
    'reboot hv2',
    'uncordon hv2',
    'cordon hv1',
    'migrate a',
    'migrate cold cold',
    'confirm cold',
    'stop stop',
    'reboot hv1',
    'start stop',
    'uncordon hv1',
  ]);
}, 180_000);

it.each([
  'cordon hv1',
  'migrate a',
  'migrate cold cold',
  'confirm cold',
  'stop stop',
  'reboot hv1',
  'start stop',
  'uncordon hv1',
])('ends as the run that nobody killed when its owner dies in the middle of "%s"', async (call) => {
  const whole = await night({ place: `beside ${call}`, wishes: true });

  const { violations, end } = await night({ place: `amid ${call}`, call, wishes: true });

  expect(end).toEqual(whole.end);
  expect(violations).toEqual([]);
});

it('does not ask again for a migration that failed while nobody watched', async () => {
  const { end } = await night({ place: 'unwatched', call: 'migrate a', meanwhile: rollBackMigration });

  expect(end.calls.slice(-3)).toEqual(['cordon hv1', 'migrate a', 'uncordon hv1']);
  expect(end.notes).toContain('its migration 1 ended as failed');
});

it('moves a guest that was started while nobody watched the drain', async () => {
  const { end, violations } = await night({ place: 'boarded', call: 'cordon hv1', meanwhile: startStopped });

  expect(end.calls).toContain('migrate stopped');
  expect(violations).toEqual([]);
});

it('does not reboot under a guest that was started after the drain', async () => {
  const { end } = await night({
    place: 'late',
    boundary: 'before begin reboot hv1',
    meanwhile: startStopped,
  });

  expect(end.calls.slice(-3)).toEqual(['cordon hv1', 'migrate a', 'uncordon hv1']);
  expect(end.notes).toContain('not rebooted: 1 domain active on the host: stopped');
});

function rollBackMigration(cloud: FakeCloud): void {
  cloud.faults.set('a', 'rolled back');
  for (let second = 0; second < 20; second += 1) cloud.tick();
}

function startStopped(cloud: FakeCloud): void {
  cloud.servers.get('stopped')!.status = 'ACTIVE';
}
