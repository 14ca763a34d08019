import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isOver } from '../../src/engine/runs.ts';
import { hypervisor, server } from '../support/builders.ts';
import { DEFRAGMENT_JOBS } from '../support/defragment-jobs.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { openProcess, work } from '../support/run-job.ts';

const ID = 'defragment-hypervisors~20261124T220000Z';
const OPTIONS = { pollMs: 1, migrateAtLeastSeconds: 20, iterations: 5, keepEmpty: 0 };
const AT_ONCE = 8;
/** Every script of a run's life, but the renewals that the clock sends. */
const BOUNDARIES = new Set(['create', 'claim', 'begin', 'finish', 'lease', 'slot', 'tell', 'park', 'end']);

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

interface Death {
  /** Names the place where it happens, apart from all others. */
  readonly place: string;
  /** The nth boundary of the journal. */
  readonly boundary?: number;
  /** In the middle of a step: just after this call was carried out. */
  readonly call?: string;
}

/**
 * A night on a cloud of its own, whose first owner dies somewhere. One migration fails, so that what is left is
 * planned anew and its hypervisor given back; in the end a person cancels the wait for the campaign.
 */
async function night({ place, boundary, call }: Death) {
  const cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [
      ...['a', 'b'].map((id, i) => server(id, `hv${i + 1}`)),
      ...['c', 'd', 'e'].map((id) => server(id, 'hv3')),
    ],
  );
  cloud.faults.set('b', 'rolled back');
  cloud.mayBeOut = 3;
  const world = { cloud, handback: new Map<string, readonly string[]>(), armed: true };
  const home = { place, leaseMs: 1500 };
  const boundaries: string[] = [];
  let begun = false;
  const deathAt = (point: DeathPoint): boolean => {
    if (!BOUNDARIES.has(point.script)) return false;
    boundaries.push(`${point.when} ${point.script} ${point.key ?? ''}`.trim());
    return boundaries.length - 1 === boundary;
  };
  const first = await openProcess(house, DEFRAGMENT_JOBS, world, {
    ...home,
    deathAt: (point) => begun && deathAt(point),
  });
  const second = await openProcess(house, DEFRAGMENT_JOBS, world, home);
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await first.engine.create({
    job: 'defragment-hypervisors',
    id: ID,
    options: OPTIONS,
    trigger,
    acting: true,
  });
  begun = true;
  cloud.onCall = (made) => {
    if (made !== call) return;
    cloud.onCall = () => {};
    first.die();
  };
  await Promise.race([first.died, first.engine.workFamily(ID)]);
  const run = await eventually('the end of the run', async () => {
    const { run } = await work(second, ID);
    return isOver(run.state) && run;
  });
  const kept = { ...cloud.state, handback: [...world.handback.keys()] };
  const keeper = `${ID}~reserved`;
  await second.engine.acts.cancel(keeper, { by: 'kim', why: 'over' });
  await eventually('the end of the wait', async () => isOver((await work(second, keeper)).run.state));
  await second.engine.sendMails();
  const mails = house.sent.filter(({ messageId }) => messageId.endsWith(`@${place}>`));
  return {
    boundaries,
    violations: cloud.violations,
    end: {
      state: run.state,
      // Those that begin together go in any order.
      calls: cloud.calls.toSorted(),
      kept: timeless(kept),
      world: timeless(cloud.state),
      handback: [...world.handback.keys()],
      report: timeless(run.report),
      notes: timeless(run.notes.toSorted((a, b) => (a.subject < b.subject ? -1 : 1))),
      mails: mails.map(({ subject }) => subject),
    },
  };
}

function timeless(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll(/\w{3} \d+ \w{3} \d{4} \d\d:\d\d UTC/g, 'then')
    .replaceAll(/ \(try \d\)/g, '')
    .replaceAll(/until \d\d:\d\d UTC/g, 'until then')
    .replaceAll(/migration-?\s?\d+/g, 'migration');
}

it('ends as the run that nobody killed, at whichever boundary of the journal its owner dies', async () => {
  const whole = await night({ place: 'whole' });
  const others: object[] = [];

  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const boundary of queue) {
      const { boundaries, violations, end } = await night({ place: `boundary-${boundary}`, boundary });
      if (isDeepStrictEqual(end, whole.end) && violations.length === 0) continue;
      others.push({ boundary: boundaries[boundary], violations, end });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  expect(others).toEqual([]);
  expect(whole.boundaries.length).toBeGreaterThan(80);
  expect(whole.end).toMatchObject({
    state: 'succeeded',
    handback: [],
    calls: [
      'cordon hv1',
      'cordon hv2',
      'migrate a to hv3',
      'migrate b to hv3',
      'uncordon hv1',
      'uncordon hv2',
    ],
  });
  expect(whole.end.kept).toContain('reserved for reboot-hypervisors until then');
  expect(whole.end.mails).toHaveLength(1);
}, 300_000);

it.each(['cordon hv1', 'migrate a to hv3', 'migrate b to hv3', 'uncordon hv2', 'uncordon hv1'])(
  'ends as the run that nobody killed when its owner dies in the middle of "%s"',
  async (call) => {
    const whole = await night({ place: `beside ${call}` });

    const { violations, end } = await night({ place: `amid ${call}`, call });

    expect(end).toEqual(whole.end);
    expect(violations).toEqual([]);
  },
);
