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
  parallelEmpty: { atOnce: 2, perZone: 2 },
};
const AT_ONCE = 8;
/** Each boundary is tried for a campaign without waves; this is about the branches side by side. */
const EVERY = 3;
const BOUNDARIES = new Set(['create', 'claim', 'begin', 'finish', 'lease', 'slot', 'tell', 'park', 'end']);

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** Two empty hypervisors at once, then one to drain; the owner dies at the nth boundary of the journals. */
async function night(place: string, boundary = Number.POSITIVE_INFINITY) {
  const names = ['hv1', 'hv2', 'hv3', 'room'];
  const cloud = new FakeCloud(
    names.map((name) => hypervisor(name)),
    [server('a', 'hv3')],
  );
  cloud.mayBeOut = 2;
  cloud.hosts.get('room')!.kernel = '6.1.0-28';
  const world = { cloud, handback: new Map<string, readonly string[]>(), armed: true };
  const home = { place, leaseMs: 1500 };
  let [seen, begun] = [0, false];
  const deathAt = ({ script }: DeathPoint): boolean => {
    if (!begun || !BOUNDARIES.has(script)) return false;
    seen += 1;
    return seen === boundary;
  };
  const first = await openProcess(house, REBOOT_JOBS, world, { ...home, deathAt });
  const second = await openProcess(house, REBOOT_JOBS, world, home);
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await first.engine.create({ job: 'reboot-hypervisors', id: ID, options: OPTIONS, trigger, acting: true });
  begun = true;
  await Promise.race([first.died, first.engine.workFamily(ID)]);
  const run = await eventually('the end of the run', async () => {
    const { run } = await work(second, ID);
    for (const { id } of await second.engine.runs.list({ state: 'needs-decision' })) {
      const asked = await second.engine.runs.get(id);
      const step = asked?.steps.find(({ state }) => state === 'unknown')?.key ?? '';
      const happened = cloud.calls.includes(step) ? 'yes' : 'no';
      await second.engine.acts.decide(id, { step, happened, by: 'kim', why: 'looked at it' });
    }
    return isOver(run.state) && run;
  });
  const records = await second.engine.acts.rows<{ verdict: string }>('reboots');
  return {
    seen,
    end: {
      state: run.state,
      headline: run.report?.headline,
      notes: run.notes.map(({ subject, verdict }) => `${subject} ${verdict}`).toSorted(),
      calls: cloud.calls.toSorted(),
      drainedLast: cloud.calls.slice(-4),
      world: cloud.state,
      violations: cloud.violations,
      handback: [...world.handback.keys()],
      records: [...records].map(([name, { verdict }]) => `${name} ${verdict}`).toSorted(),
    },
  };
}

it('ends as the night that nobody killed, whenever the owner of several empty hypervisors dies', async () => {
  const whole = await night('waves-whole');
  const others: object[] = [];
  const queue = Array.from({ length: Math.floor(whole.seen / EVERY) }, (_, i) => (i + 1) * EVERY).values();
  const next = async (): Promise<void> => {
    for (const boundary of queue) {
      const { end } = await night(`waves-${boundary}`, boundary);
      if (JSON.stringify(end) !== JSON.stringify(whole.end)) others.push({ boundary, end });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  expect(others).toEqual([]);
  expect(whole.seen).toBeGreaterThan(100);
  expect(whole.end).toMatchObject({
    headline: '3 needed a reboot: 3 done.',
    drainedLast: ['cordon hv3', 'migrate a', 'reboot hv3', 'uncordon hv3'],
    violations: [],
    records: ['hv1 done', 'hv2 done', 'hv3 done'],
  });
}, 240_000);
