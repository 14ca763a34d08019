import { afterAll, beforeAll, expect, it } from 'vitest';
import rebootHypervisors from '../../jobs/reboot-hypervisors.ts';
import { isOver, type RunRecord } from '../../src/engine/runs.ts';
import { hypervisor, server } from '../support/builders.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { openProcess, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisors~20261124T224100Z';
const OPTIONS = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 0.3 };
const AT_ONCE = 8;

type Process = Awaited<ReturnType<typeof openProcess>>;

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** A night on a cloud of its own, whose first owner dies at the nth boundary of the journal, if at any. */
async function night(nth = -1) {
  const cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [server('a', 'hv1'), server('stopped', 'hv1', { status: 'SHUTOFF' })],
  );
  cloud.hosts.get('hv3')!.kernel = '6.1.0-28';
  const world = { cloud, handback: new Map<string, readonly string[]>(), armed: true };
  const place = { place: `death-${nth}`, leaseMs: 1500 };
  const boundaries: string[] = [];
  const deathAt = (point: DeathPoint): boolean => {
    if (!['begin', 'finish', 'lease', 'release', 'end'].includes(point.script)) return false;
    boundaries.push(`${point.when} ${point.script} ${point.key ?? ''}`.trim());
    return boundaries.length - 1 === nth;
  };
  const first = await openProcess(house, rebootHypervisors, world, { ...place, deathAt });
  const second = await openProcess(house, rebootHypervisors, world, place);
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await first.engine.create({ job: 'job', id: ID, options: OPTIONS, trigger, acting: true });

  await Promise.race([first.died, first.engine.work(ID)]);
  const run = await eventually('the end of the run', async () => {
    const { run, outcome } = await work(second, ID);
    if (outcome === 'needs-decision') await decide(second, run, cloud);
    return isOver(run.state) && run;
  });
  await second.engine.sendMails();
  const mails = house.sent.filter(({ messageId }) => messageId.endsWith(`@death-${nth}>`));
  return {
    boundaries,
    violations: cloud.violations,
    end: {
      state: run.state,
      calls: cloud.calls,
      world: cloud.state,
      handback: [...world.handback.keys()],
      report: timeless(run.report),
      notes: timeless(run.notes),
      mails: mails.length,
    },
  };
}

/** A person looks whether the host rebooted, and says so. */
async function decide({ engine }: Process, run: RunRecord, { calls }: FakeCloud): Promise<void> {
  const step = run.steps.find(({ state }) => state === 'unknown')?.key ?? '';
  const happened = calls.includes(step) ? 'yes' : 'no';
  await engine.acts.decide(ID, { step, happened, by: 'kim', why: 'looked at it' });
}

function timeless(value: unknown): string {
  return JSON.stringify(value).replaceAll(/\d+ m?s\b/g, 'a while');
}

it('ends as the run that nobody killed, at whichever boundary of the journal its owner dies', async () => {
  const whole = await night();
  const ends: string[] = [];

  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const nth of queue) {
      const { boundaries, violations, end } = await night(nth);
      const asWhole = JSON.stringify(end) === JSON.stringify(whole.end) && violations.length === 0;
      ends.push(asWhole ? 'the same' : `${boundaries[nth]}: ${JSON.stringify({ violations, end })}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  expect(whole.end.calls).toEqual([
    'cordon hv2',
    'reboot hv2',
    'uncordon hv2',
    'cordon hv1',
    'migrate a',
    'reboot hv1',
    'uncordon hv1',
  ]);
  expect(ends.filter((end) => end !== 'the same')).toEqual([]);
  expect(ends.length).toBeGreaterThan(70);
}, 180_000);
