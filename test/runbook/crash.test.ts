import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import type { DeathPoint } from '../support/engine.ts';
import { openWorld, thisMachine, type World, workToEnd } from './support/world.ts';

const ID = 'restart-agents~20261124T224100Z';
const AT_ONCE = 8;
const BOUNDARIES = new Set(['claim', 'begin', 'finish', 'lease', 'release', 'tell', 'end']);

/** Two at a time on three hypervisors, one of which needs nothing; with a step that must not be repeated. */
const JOB = `
summary: Restart the agents, two at a time
options:
  dir: { type: string, required: true }
  night: { type: string, required: true }
targets: { from: hypervisors, where: { aggregate: general }, batch: 2 }
steps:
  - name: announce
    ssh: [sh, -c, 'echo "$1" >> "$2"', sh, announced, "{{ options.dir }}/{{ options.night }}"]
    effect: idempotent
    on: hv1
  - name: restart
    ssh: [sh, -c, 'echo "$1" >> "$2"', sh, "restarted {{ target.name }}", "{{ options.dir }}/{{ options.night }}"]
    effect: idempotent
    unless: { ssh: [echo, "{{ target.name }}"], stdout: hv2 }
  - name: count
    ssh: [sh, -c, 'echo "$1" >> "$2"', sh, "counted {{ target.name }}", "{{ options.dir }}/{{ options.night }}"]
  - name: seen
    wait: { ssh: [grep, -c, "counted {{ target.name }}", "{{ options.dir }}/{{ options.night }}"], within: 1m }
finally:
  - name: unlock
    ssh: [sh, -c, 'echo "$1" >> "$2"', sh, "unlocked {{ target.name }}", "{{ options.dir }}/{{ options.night }}"]
    effect: idempotent
  - mail: { to: operators, template: report }
`;
const CHANGED = JOB.replace('counted', 'miscounted').replace('name: restart', 'name: restart-again');

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

interface Death {
  readonly place: string;
  readonly boundary?: number | string;
  /** What the job's file holds for whoever takes over; null: it is gone. */
  readonly later?: string | null;
  /** How its commands are run; over SSH if left out. */
  readonly clients?: Partial<Clients>;
}

/** A run whose first owner dies somewhere, and what it came to. */
async function night({ place, boundary, later = JOB, clients = {} }: Death) {
  const boundaries: string[] = [];
  const deathAt = (point: DeathPoint): boolean => {
    if (!BOUNDARIES.has(point.script)) return false;
    boundaries.push(`${point.when} ${point.script} ${point.key ?? ''}`.trim());
    return boundaries.length - 1 === boundary || boundaries.at(-1) === boundary;
  };
  const home = { place, leaseMs: 1500, clients };
  const first = await world.process({ 'restart-agents': JOB }, { ...home, deathAt });
  const second = await world.process(later === null ? {} : { 'restart-agents': later }, home);
  await first.engine.create({
    job: 'restart-agents',
    id: ID,
    options: { dir: world.dir, night: place },
    trigger: { kind: 'cli', by: 'kim' },
    acting: true,
  });
  await Promise.race([first.died, first.engine.work(ID)]);

  const asked: string[] = [];
  let run = await workToEnd(second.engine, ID);
  while (run.state === 'needs-decision') {
    const step = run.steps.find(({ state }) => state === 'unknown')?.key ?? '';
    asked.push(step);
    const line = step.replace('count', 'counted');
    const happened = world.lines(place).includes(line) ? 'yes' : 'no';
    await second.engine.acts.decide(ID, { step, happened, by: 'kim', why: 'looked at it' });
    run = await workToEnd(second.engine, ID);
  }
  await second.engine.sendMails();
  const lines = world.lines(place);
  return {
    boundaries,
    asked,
    counted: lines.filter((line) => line.startsWith('counted')).toSorted(),
    end: {
      state: run.state,
      lines: [...new Set(lines)].toSorted(),
      report: run.report,
      notes: run.notes.toSorted((a, b) => (a.subject < b.subject ? -1 : 1)),
      mails: world.house.sent.filter(({ messageId }) => messageId.endsWith(`@${place}>`)).length,
    },
  };
}

/** A step that began and must not be repeated is the one thing that only a person can tell. */
function doubtAfter(boundary: string | undefined): string[] {
  const [, step] = /^(?:after begin|before finish) (count .+)/.exec(boundary ?? '') ?? [];
  return step === undefined ? [] : [step];
}

it('ends as the run that nobody killed, at whichever boundary of the journal its owner dies', async () => {
  const clients = { host: () => thisMachine };
  const whole = await night({ place: 'whole', clients });
  const others: object[] = [];

  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const boundary of queue) {
      const { boundaries, asked, counted, end } = await night({
        place: `boundary-${boundary}`,
        boundary,
        clients,
      });
      const same = isDeepStrictEqual(end, whole.end) && isDeepStrictEqual(counted, whole.counted);
      // The other branch of the batch may have a step under way, of which nobody saw the end either.
      const died = boundaries[boundary];
      const rightlyAsked =
        doubtAfter(died).every((step) => asked.includes(step)) && new Set(asked).size === asked.length;
      if (!same || !rightlyAsked) others.push({ died, asked, counted, end });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  expect(others).toEqual([]);
  expect(whole.boundaries.length).toBeGreaterThan(60);
  expect(whole.end).toMatchObject({
    state: 'succeeded',
    report: { headline: '3 hypervisors: 3 done.' },
    mails: 1,
    lines: [
      'announced',
      ...['counted', 'restarted', 'unlocked'].flatMap((word) =>
        ['hv1', 'hv2', 'hv3'].map((name) => `${word} ${name}`),
      ),
    ].filter((line) => line !== 'restarted hv2'),
  });
}, 180_000);

it.each([
  ['changed', CHANGED],
  ['deleted', null],
])('finishes the definition that it began with when the file was %s meanwhile', async (what, later) => {
  const { end } = await night({ place: `file-${what}`, boundary: 'before begin count hv1', later });

  expect(end.state).toBe('succeeded');
  expect(end.lines).toContain('counted hv3');
  expect(end.lines.join()).not.toContain('miscounted');
});
