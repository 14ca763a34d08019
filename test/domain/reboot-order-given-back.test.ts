/** Whether those that cannot be emptied stand in nobody's way, and have their turn again, over any nights. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { whyNoMoreDrains } from '../../src/domain/failed-drains.ts';
import type { Fleet, Hypervisor, Server } from '../../src/domain/fleet.ts';
import { NO_HOLDS } from '../../src/domain/holds.ts';
import { ADMIT_ALL } from '../../src/domain/reboot-gates.ts';
import type { RebootNeed } from '../../src/domain/reboot-need.ts';
import { planReboots, type RebootPlan, type RebootQuestion } from '../../src/domain/reboot-order.ts';
import { type RebootRecord, type RebootRecords, recordOf } from '../../src/domain/reboot-record.ts';
import type { RebootOutcome } from '../../src/domain/reboot-report.ts';
import { reservedReason } from '../../src/domain/reserved.ts';
import { wavesOf } from '../../src/domain/waves.ts';
import { hypervisor, server, size } from '../support/builders.ts';

const TUESDAY = Date.parse('2026-11-24T23:00:00.000Z');
const DAY_MS = 86_400_000;
const STUCK = 'no valid host for web-1';

function needIn(bootId: string): RebootNeed {
  return { need: 'yes', why: 'a kernel waits', bootId, running: '6.1.0-18', next: '6.1.0-28' };
}

/** `back`: its drain failed · `cancelled`: given back because its run was cancelled. */
type End = 'done' | 'back' | 'cancelled' | 'failed';

/** One end a day, the latest on the day `days`. */
function historyOf(ends: readonly End[], days = 0): RebootRecord | undefined {
  let record: RebootRecord | undefined;
  for (const [i, end] of ends.entries())
    record = recordOf(record, ended(end, TUESDAY + (days - ends.length + 1 + i) * DAY_MS));
  return record;
}

function ended(end: End, at: number, bootId = 'boot-1') {
  return {
    at: new Date(at).toISOString(),
    verdict: end === 'done' || end === 'failed' ? end : ('given back' as const),
    why: end === 'back' ? STUCK : `it was ${end}`,
    kernel: '6.1.0-28',
    run: 'r',
    errors: 0,
    ...(end === 'back' && { givenBackIn: bootId }),
  };
}

interface Asked extends Partial<RebootQuestion> {
  readonly hypervisors: readonly Hypervisor[];
  readonly servers?: readonly Server[];
  readonly past?: Readonly<Record<string, RebootRecord | undefined>>;
}

function plan({ hypervisors, servers = [], past = {}, ...more }: Asked): RebootPlan {
  const known = Object.entries(past).filter(([, record]) => record !== undefined);
  const fleet: Fleet = { takenAt: '2026-11-25T22:00:00Z', hypervisors, servers, groups: [] };
  return planReboots({
    fleet,
    needs: Object.fromEntries(hypervisors.map(({ name }) => [name, needIn('boot-1')])),
    armed: true,
    limit: 100,
    mbPerSecond: 100,
    waiting: {},
    maxWaiting: 1,
    holds: { ...NO_HOLDS, records: Object.fromEntries(known) as RebootRecords },
    ...more,
  });
}

function names(all: readonly { readonly name: string }[]): readonly string[] {
  return all.map(({ name }) => name);
}

const three = ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name));
/** hv1 is the cheapest to drain, hv3 costs most. */
const guests = [8, 16, 32].map((gib, i) => server(`s${i}`, `hv${i + 1}`, { size: size(gib) }));

describe('a hypervisor that was given back', () => {
  it.each<{ what: string; past: Record<string, readonly End[]>; order: string[] }>([
    { what: 'goes last', past: { hv1: ['back'] }, order: ['hv2', 'hv3', 'hv1'] },
    {
      what: 'goes last also after a night that was cancelled',
      past: { hv1: ['back', 'cancelled'] },
      order: ['hv2', 'hv3', 'hv1'],
    },
    {
      what: 'goes last also when it was left to a person since',
      past: { hv1: ['back', 'failed'] },
      order: ['hv2', 'hv3', 'hv1'],
    },
    {
      what: 'has its old turn once it was done',
      past: { hv1: ['back', 'done'] },
      order: ['hv1', 'hv2', 'hv3'],
    },
    {
      what: 'keeps its turn where a person had cancelled it',
      past: { hv1: ['cancelled'] },
      order: ['hv1', 'hv2', 'hv3'],
    },
  ])('$what', ({ past, order }) => {
    const records = Object.fromEntries(Object.entries(past).map(([name, ends]) => [name, historyOf(ends)]));

    expect(names(plan({ hypervisors: three, servers: guests, past: records }).order)).toEqual(order);
  });

  it('goes before those that were given back after it', () => {
    const past = { hv1: historyOf(['back'], 0), hv2: historyOf(['back'], -3), hv3: historyOf(['back'], -1) };

    expect(names(plan({ hypervisors: three, servers: guests, past }).order)).toEqual(['hv2', 'hv3', 'hv1']);
  });

  it('has its old turn once somebody else has rebooted it', () => {
    const past = { hv1: historyOf(['back']) };
    const needs = Object.fromEntries(names(three).map((name) => [name, needIn('boot-2')]));

    expect(names(plan({ hypervisors: three, servers: guests, past, needs }).order)).toEqual([
      'hv1',
      'hv2',
      'hv3',
    ]);
  });

  it('says why it goes last', () => {
    const { order } = plan({ hypervisors: three, servers: guests, past: { hv1: historyOf(['back']) } });

    expect(order.at(-1)).toMatchObject({
      name: 'hv1',
      why: 'a kernel waits; given back on Tue 24 Nov 2026: no valid host for web-1; tried last',
      givenBackAt: '2026-11-24T23:00:00.000Z',
    });
  });

  it('goes behind the one that Nightshift itself runs on', () => {
    const past = { hv2: historyOf(['back']) };

    const { order } = plan({ hypervisors: three, servers: guests, past, self: 's0' });

    expect(names(order)).toEqual(['hv3', 'hv1', 'hv2']);
  });

  it('goes last also when it is reserved, and is no room for those before it', () => {
    const kept = { run: 'defragment-hypervisors~1', until: '2026-11-26T05:00:00Z' };
    const reserved = { hv2: kept };
    const hypervisors = [hypervisor('hv1'), hypervisor('hv2', { disabled: reservedReason(kept) })];
    const past = { hv2: historyOf(['back']) };

    const alone = plan({ hypervisors, servers: [server('a', 'hv1')], reserved, past });
    const empty = plan({ hypervisors, reserved, past });

    expect(names(empty.order)).toEqual(['hv1', 'hv2']);
    expect(names(alone.order)).toEqual(['hv2']);
    expect(alone.held).toEqual([{ name: 'hv1', why: expect.stringMatching(/^no room: /) }]);
  });

  it('holds up no later ring once another one of its ring is done', () => {
    const canary = { aggregates: ['canary'] };
    const hypervisors = [hypervisor('hv1', canary), hypervisor('hv2', canary), hypervisor('hv3')];
    const ofCanary = { ...ADMIT_ALL, rings: [{ aggregate: 'canary' }, 'all' as const], ringDays: 1 };
    const records = { hv1: historyOf(['done']), hv2: historyOf(['back']) } as RebootRecords;
    const done: RebootNeed = { ...needIn('boot-2'), need: 'no', running: '6.1.0-28' } as RebootNeed;
    const needs = { hv1: done, hv2: needIn('boot-1'), hv3: needIn('boot-1') };
    const holds = { ...NO_HOLDS, now: new Date(TUESDAY + 2 * DAY_MS), records };

    expect(names(plan({ hypervisors, needs, holds, admission: ofCanary }).order)).toEqual(['hv3', 'hv2']);
    const last = { ...ofCanary, rings: ofCanary.rings.slice(0, 1) };
    expect(names(plan({ hypervisors, needs, holds, admission: last }).order)).toEqual(['hv2']);
  });

  it('is never before one that could go and was not, whatever the past, wherever it stands', () => {
    const end = fc.constantFrom<End>('done', 'back', 'cancelled', 'failed');
    const one = fc.record({
      ends: fc.array(end, { maxLength: 5 }),
      days: fc.integer({ min: -9, max: 0 }),
      gib: fc.constantFrom(0, 1, 4, 16),
      isReserved: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), (spec, limit) => {
        const kept = { run: 'defragment-hypervisors~1', until: '2026-11-26T05:00:00Z' };
        const isKept = ({ isReserved, gib }: (typeof spec)[number]) => isReserved && gib === 0;
        const hypervisors = spec.map((each, i) =>
          hypervisor(`hv${i}`, isKept(each) ? { disabled: reservedReason(kept) } : {}),
        );
        const servers = spec.flatMap(({ gib }, i) =>
          gib === 0 ? [] : [server(`s${i}`, `hv${i}`, { size: size(gib) })],
        );
        const past = Object.fromEntries(spec.map(({ ends, days }, i) => [`hv${i}`, historyOf(ends, days)]));
        const reserved = Object.fromEntries(
          spec.flatMap((each, i) => (isKept(each) ? [[`hv${i}`, kept]] : [])),
        );

        const planned = plan({ hypervisors, servers, past, reserved, limit, self: 's0' });

        // Judged by the ends alone: the latest that says something is a drain that failed.
        const isKnown = (name: string) =>
          spec[Number(name.slice(2))]?.ends.findLast((each) => each === 'back' || each === 'done') === 'back';
        const waves = wavesOf(planned.order, { atOnce: 3, perZone: 3, perRack: 3 });
        const inOrder = [...names(waves.flat()), ...planned.later];
        const firstKnown = inOrder.findIndex(isKnown);
        if (firstKnown >= 0) expect(inOrder.slice(firstKnown).every(isKnown)).toBe(true);
        for (const wave of waves) if (names(wave).some(isKnown)) expect(wave).toHaveLength(1);
      }),
    );
  });
});

describe('a campaign over many nights', () => {
  /** What keeps one from going: nothing, for ever, or for so many tries. */
  const tries = fc.constantFrom(0, 0, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 1, 2);
  const one = fc.record({ fails: tries, gib: fc.integer({ min: 0, max: 30 }) });

  it('brings each night one further, or learns of one that cannot go, until all are done that can be', () => {
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 14 }),
        fc.record({ limit: fc.integer({ min: 1, max: 5 }), maxGivenBack: fc.integer({ min: 0, max: 3 }) }),
        (spec, { limit, maxGivenBack }) => {
          const fails = spec.map((each) => each.fails);
          const records: Record<string, RebootRecord> = {};
          const waiting = new Set(spec.map((_, i) => `hv${i}`));
          const neverGo = spec.filter((each) => each.fails === Number.POSITIVE_INFINITY).length;
          let [night, idle] = [0, 0];
          while (waiting.size > neverGo) {
            night += 1;
            const before = { done: waiting.size, known: Object.keys(records).length };
            playNight(night);
            idle = waiting.size < before.done || Object.keys(records).length > before.known ? 0 : idle + 1;
            // Nothing new for as long as each of those that failed needs for another turn: nobody is passed over.
            expect(idle).toBeLessThanOrEqual(2 * Math.ceil(spec.length / limit));
          }

          function playNight(night: number): void {
            const { order } = plan({
              hypervisors: [...waiting].map((name) => hypervisor(name)).concat(hypervisor('spare')),
              servers: spec.flatMap(({ gib }, i) =>
                gib === 0 || !waiting.has(`hv${i}`) ? [] : [server(`s${i}`, `hv${i}`, { size: size(gib) })],
              ),
              needs: Object.fromEntries([...waiting].map((name) => [name, needIn('boot-1')])),
              past: records,
              limit,
            });
            const outcomes: Pick<RebootOutcome, 'name' | 'verdict'>[] = [];
            for (const [minute, { name }] of order.entries()) {
              if (whyNoMoreDrains({ outcomes, order }, maxGivenBack) !== null) break;
              const i = Number(name.slice(2));
              const goes = fails[i] === 0;
              const end = ended(goes ? 'done' : 'back', TUESDAY + night * DAY_MS + minute * 60_000);
              records[name] = recordOf(records[name], end);
              outcomes.push({ name, verdict: end.verdict });
              if (goes) waiting.delete(name);
              else fails[i] = (fails[i] ?? 0) - 1;
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
