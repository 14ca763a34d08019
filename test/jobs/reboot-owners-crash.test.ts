/** A wait for owners whose process dies anywhere ends as the one that nobody killed, and no owner is told twice. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isOver } from '../../src/engine/runs.ts';
import { hypervisor, server } from '../support/builders.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisor~20261124T224100Z';
const OPTIONS = {
  hypervisor: 'hv1',
  wait: true,
  gated: true,
  pollMs: 1,
  stopWithinSeconds: 0.3,
  waitPollSeconds: 0.01,
  owners: { ask: true, noticeHours: 0, gatherMinutes: 0 },
};
const GPU = { pinned: 'PCI device of class gpu' };
const BOUNDARIES = new Set([
  'create',
  'claim',
  'begin',
  'finish',
  'lease',
  'slot',
  'release',
  'tell',
  'park',
  'end',
]);
const AT_ONCE = 8;

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** Alice agrees at once by metadata; of bob an operator notes what he answers. */
async function wait(place: string, answer: 'yes' | 'no', boundary?: number) {
  const cloud = new FakeCloud(
    ['hv1', 'hv2'].map((name) => hypervisor(name)),
    [server('gpu-a', 'hv1', GPU), server('gpu-b', 'hv1', { ...GPU, userId: 'bob' })],
  );
  cloud.hosts.get('hv2')!.kernel = '6.1.0-28';
  for (const user of ['alice', 'bob']) cloud.users.set(user, `${user}@alpha.example`);
  cloud.servers.get('gpu-a')!.metadata = { 'nightshift:drain': 'stop' };
  const world = { cloud, handback: new Map<string, readonly string[]>(), armed: true };
  const boundaries: string[] = [];
  let begun = false;
  const deathAt = ({ script, when, key }: DeathPoint): boolean => {
    if (!begun || !BOUNDARIES.has(script)) return false;
    boundaries.push(`${when} ${script} ${key ?? ''}`.trim());
    return boundaries.length - 1 === boundary;
  };
  const home = { place, leaseMs: 1500 };
  const first = await openProcess(house, REBOOT_JOBS, world, { ...home, deathAt });
  const second = await openProcess(house, REBOOT_JOBS, world, home);
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await first.engine.create({ job: 'reboot-hypervisor', id: ID, options: OPTIONS, trigger, acting: true });
  await first.engine.acts.approve(ID, { key: 'stop gpu-b', answer, by: 'kim', why: 'bob said so' });
  begun = true;
  const asked: string[] = [];

  await Promise.race([first.died, first.engine.workFamily(ID)]);
  const run = await eventually('the end of the run', async () => {
    const { run } = await work(second, ID);
    if (run.state === 'needs-decision') {
      const step = run.steps.find(({ state }) => state === 'unknown')?.key ?? '';
      const happened = cloud.calls.includes(step) ? 'yes' : 'no';
      await second.engine.acts.decide(ID, { step, happened, by: 'kim', why: 'looked at it' });
      asked.push(step);
    }
    return isOver(run.state) && run;
  });
  await second.engine.sendMails();
  const mails = house.sent.filter(
    ({ messageId, to }) => messageId.endsWith(`@${place}>`) && to[0] !== 'ops@example.org',
  );
  return {
    boundaries,
    asked,
    end: {
      state: run.state,
      calls: cloud.calls,
      world: cloud.state,
      violations: cloud.violations,
      handback: [...world.handback.keys()],
      notes: run.notes.map(({ subject, verdict }) => `${subject} ${verdict}`).toSorted(),
      mails: mails.map(({ to }) => to.join(', ')).toSorted(),
    },
  };
}

/** The end of the one that nobody killed, and whatever ended otherwise. */
async function killEverywhere(answer: 'yes' | 'no') {
  const whole = await wait(`whole-${answer}`, answer);
  const others: object[] = [];

  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const boundary of queue) {
      const { asked, end } = await wait(`${answer}-${boundary}`, answer, boundary);
      const doubt = /^after begin (reboot .+)/.exec(whole.boundaries[boundary] ?? '')?.slice(1) ?? [];
      if (!isDeepStrictEqual(end, whole.end) || !isDeepStrictEqual(asked, doubt))
        others.push({ boundary: whole.boundaries[boundary], asked, end });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return { whole, others };
}

it('ends the same at whichever boundary of the journal its owner dies', async () => {
  const { whole, others } = await killEverywhere('yes');

  expect(others).toEqual([]);
  expect(whole.end).toMatchObject({
    state: 'succeeded',
    violations: [],
    calls: [
      'cordon hv1',
      'stop gpu-a',
      'stop gpu-b',
      'reboot hv1',
      'start gpu-a',
      'start gpu-b',
      'uncordon hv1',
    ],
    mails: ['alice@alpha.example', 'bob@alpha.example'],
  });
  expect(whole.boundaries.length).toBeGreaterThan(60);
}, 180_000);

it('ends the same also where one refuses', async () => {
  const { whole, others } = await killEverywhere('no');

  expect(others).toEqual([]);
  expect(whole.end).toMatchObject({
    state: 'succeeded',
    violations: [],
    calls: ['cordon hv1', 'uncordon hv1'],
    mails: ['alice@alpha.example'],
  });
  expect(whole.end.notes).toContain('server gpu-b refused');
  expect(whole.boundaries).toContainEqual(expect.stringMatching(/^before finish remember who refused/));
}, 180_000);
