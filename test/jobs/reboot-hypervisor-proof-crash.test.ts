/** Whether update, proof, canary and soak end as in the run that nobody killed, wherever its owner dies. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isOver } from '../../src/engine/runs.ts';
import { hypervisor } from '../support/builders.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { UPDATE, UPDATE_PROBE } from '../support/fake-host.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisor~20261124T224100Z';
const CANARY = `nightshift-canary-${ID}`;
const OPTIONS = {
  hypervisor: 'hv1',
  pollMs: 1,
  stopWithinSeconds: 0.3,
  update: UPDATE,
  updateProbe: UPDATE_PROBE,
  checks: { ceph: 'exit 0' },
  canary: { flavor: 'm1.tiny', image: 'cirros', timeoutSeconds: 30 },
  soakMinutes: 0.001,
};
const BOUNDARIES = new Set(['create', 'claim', 'begin', 'finish', 'lease', 'slot', 'tell', 'park', 'end']);
const AT_ONCE = 8;

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** One hypervisor's way, whose first owner dies at the nth boundary of its journal, or just after a call. */
async function way(place: string, { boundary, call }: { boundary?: number; call?: string } = {}) {
  const cloud = new FakeCloud([hypervisor('hv1')]);
  const world = { cloud, handback: new Map<string, readonly string[]>(), armed: true };
  const home = { place, leaseMs: 1500 };
  const boundaries: string[] = [];
  let begun = false;
  const deathAt = ({ script, when, key = '' }: DeathPoint): boolean => {
    if (!begun || !BOUNDARIES.has(script)) return false;
    boundaries.push(`${when} ${script} ${key}`.trim());
    return boundaries.length - 1 === boundary;
  };
  const first = await openProcess(house, REBOOT_JOBS, world, { ...home, deathAt });
  const second = await openProcess(house, REBOOT_JOBS, world, home);
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await first.engine.create({ job: 'reboot-hypervisor', id: ID, options: OPTIONS, trigger, acting: true });
  begun = true;
  cloud.onCall = (made) => {
    if (made !== call) return;
    cloud.onCall = () => {};
    first.die();
  };
  await Promise.race([first.died, first.engine.workFamily(ID)]);
  const asked: string[] = [];
  const run = await eventually('the end of the run', async () => {
    const { run } = await work(second, ID);
    const unknown = run.state === 'needs-decision' && run.steps.find(({ state }) => state === 'unknown');
    if (unknown) {
      asked.push(unknown.key);
      const happened = cloud.calls.includes(unknown.key) ? 'yes' : 'no';
      await second.engine.acts.decide(ID, { step: unknown.key, happened, by: 'kim', why: 'looked' });
    }
    return isOver(run.state) && run;
  });
  const note = run.notes.find(({ subject }) => subject === 'hypervisor hv1');
  return {
    boundaries,
    asked,
    end: {
      state: run.state,
      calls: cloud.calls,
      violations: cloud.violations,
      world: cloud.state,
      handback: [...world.handback.keys()],
      note: note && `${note.verdict}: ${note.why}`.replaceAll(/\d+ m?s\b/g, 'a while'),
    },
  };
}

it('ends as the run that nobody killed, at whichever boundary of the journal its owner dies', async () => {
  const whole = await way('whole');
  const others: object[] = [];
  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const boundary of queue) {
      const { boundaries, asked, end } = await way(`boundary-${boundary}`, { boundary });
      const died = boundaries[boundary];
      const doubt = died === 'after begin reboot hv1' ? ['reboot hv1'] : [];
      if (!isDeepStrictEqual(end, whole.end) || !isDeepStrictEqual(asked, doubt))
        others.push({ died, asked, end });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  expect(others).toEqual([]);
  expect(whole.boundaries.length).toBeGreaterThan(40);
  expect(whole.end.calls).toEqual([
    'cordon hv1',
    'update hv1',
    'reboot hv1',
    'uncordon hv1',
    `create ${CANARY} on hv1`,
    `delete ${CANARY}`,
  ]);
  expect(whole.end.world.servers).toEqual({});
}, 180_000);

it.each(['update hv1', `create ${CANARY} on hv1`, `delete ${CANARY}`])(
  'ends as the run that nobody killed when its owner dies in the middle of "%s"',
  async (call) => {
    const whole = await way(`beside ${call}`);

    const { end, asked } = await way(`amid ${call}`, { call });

    expect(end).toEqual(whole.end);
    expect(asked).toEqual([]);
  },
);
