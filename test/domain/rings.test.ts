import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit } from '../../src/domain/admission.ts';
import type { Hypervisor, Server } from '../../src/domain/fleet.ts';
import type { RebootRecord } from '../../src/domain/reboot-record.ts';
import { type Ring, ringGate } from '../../src/domain/rings.ts';
import { hypervisor, needsNone, needsReboot, server } from '../support/builders.ts';

const K = '6.1.0-28';
const DAY_MS = 86_400_000;
const NOW = new Date('2026-11-24T22:41:00Z');
const RINGS: Ring[] = [{ hypervisors: 1 }, { hypervisors: 2 }, { aggregate: 'canary' }, 'all'];
const NAMES = ['hv1', 'hv2', 'hv3', 'hv4', 'hv5', 'hv6', 'hv7'];

interface Case {
  /** When each was proved, days ago. */
  readonly proved?: Readonly<Record<string, number>>;
  readonly is?: Readonly<Record<string, Partial<Hypervisor>>>;
  readonly servers?: readonly Server[];
  readonly records?: Readonly<Record<string, Partial<RebootRecord>>>;
  readonly rings?: readonly Ring[];
  readonly runs?: Readonly<Record<string, string>>;
}

function record(daysAgo: number, more: Partial<RebootRecord> = {}): RebootRecord {
  const at = new Date(NOW.getTime() - daysAgo * DAY_MS).toISOString();
  return { at, verdict: 'done', why: 'rebooted', kernel: K, run: 'r', errors: 0, took: [], ...more };
}

/** Of seven hypervisors, hv5 and hv6 in aggregate canary, those that were not proved want to go. */
function tonight({ proved = {}, is = {}, servers = [], records = {}, rings = RINGS, runs = {} }: Case) {
  const hypervisors = NAMES.map((name) =>
    hypervisor(name, { aggregates: ['hv5', 'hv6'].includes(name) ? ['canary'] : [], ...is[name] }),
  );
  const ready = NAMES.filter((name) => !(name in proved));
  const needs = Object.fromEntries(
    NAMES.map((name) => {
      const need = ready.includes(name) ? needsReboot() : needsNone();
      return [name, runs[name] === undefined ? need : { ...needsReboot(), running: runs[name] }];
    }),
  );
  const known = Object.fromEntries(
    Object.entries(proved).map(([name, days]) => [name, record(days, records[name])]),
  );
  const fleet = { takenAt: NOW.toISOString(), hypervisors, servers, groups: [] };
  const world = { fleet, needs, records: known, ready, now: NOW, zone: 'UTC' };
  const gate = ringGate({ rings, ringDays: 1 }, world);
  const { order, held } = admit(
    ready.map((name) => ({ name })),
    [gate],
    99,
  );
  return {
    go: order.map(({ name }) => name),
    why: Object.fromEntries(held.map((one) => [one.name, one.why])),
  };
}

describe('rings', () => {
  it.each<{ what: string; given: Case; go: string[]; why?: Record<string, string> }>([
    { what: 'hold nobody where there are none', given: { rings: [] }, go: NAMES },
    {
      what: 'begin with one',
      given: {},
      go: ['hv1'],
      why: { hv2: `a later ring of kernel ${K}: ring 1 (1 hypervisor) comes first` },
    },
    {
      what: 'hold the second for a day',
      given: { proved: { hv1: 0.5 } },
      go: [],
      why: {
        hv2: `ring 2 of kernel ${K} begins Wed 25 Nov 2026, when ring 1 has run it for 1 day`,
        hv5: `ring 2 of kernel ${K} begins Wed 25 Nov 2026, when ring 1 has run it for 1 day`,
      },
    },
    { what: 'go on with the second after it', given: { proved: { hv1: 1 } }, go: ['hv2', 'hv3'] },
    {
      what: 'fill a ring that was begun another night',
      given: { proved: { hv1: 3, hv2: 1.5 } },
      go: ['hv3'],
      why: { hv4: `a later ring of kernel ${K}: ring 2 (2 hypervisors) comes first` },
    },
    {
      what: 'take an aggregate whole',
      given: { proved: { hv1: 5, hv2: 3, hv3: 3 } },
      go: ['hv5', 'hv6'],
      why: { hv4: `a later ring of kernel ${K}: ring 3 (aggregate canary) comes first` },
    },
    {
      what: 'end with all',
      given: { proved: { hv1: 9, hv2: 7, hv3: 7, hv5: 2, hv6: 2 } },
      go: ['hv4', 'hv7'],
    },
    {
      what: 'count a member of the aggregate that went in an earlier ring',
      given: { proved: { hv5: 9, hv2: 7, hv6: 7 } },
      go: ['hv1', 'hv3', 'hv4', 'hv7'],
    },
    {
      what: 'take nobody after the last',
      given: { rings: [{ hypervisors: 1 }], proved: { hv1: 2 } },
      go: [],
      why: { hv2: `no ring of kernel ${K} takes it: the last is ring 1` },
    },
    {
      what: 'count nobody who was proved with another kernel',
      given: { proved: { hv1: 9 }, records: { hv1: { kernel: '6.1.0-18' } } },
      go: ['hv2'],
    },
    {
      what: 'count nobody whose drain was given back',
      given: { proved: { hv1: 9 }, records: { hv1: { verdict: 'given back' } } },
      go: ['hv2'],
    },
  ])('$what', ({ given, go, why = {} }) => {
    const answer = tonight(given);

    expect(answer.go).toEqual(go);
    expect(answer.why).toMatchObject(why);
  });

  it.each<{ what: string; given: Case; sick: string }>([
    {
      what: 'its service is down',
      given: { is: { hv1: { up: false } } },
      sick: 'the compute service of hv1 is down (ring 1)',
    },
    {
      what: 'somebody has disabled it since',
      given: { is: { hv1: { disabled: 'crashed' } } },
      sick: 'hv1 is disabled by somebody else: "crashed" (ring 1)',
    },
    {
      what: 'somebody went back to the old kernel',
      given: { runs: { hv1: '6.1.0-18' } },
      sick: 'hv1 runs 6.1.0-18 again (ring 1)',
    },
    {
      what: 'it has more servers in ERROR than before',
      given: { servers: [server('a', 'hv1', { status: 'ERROR' })] },
      sick: 'hv1 has 1 server in ERROR, 0 before (ring 1)',
    },
  ])('hold all later ones when of the first $what', ({ given, sick }) => {
    const { go, why } = tonight({ ...given, proved: { hv1: 9 } });

    expect(go).toEqual([]);
    expect(why.hv2).toBe(`ring 2 of kernel ${K} is held: ${sick}`);
  });

  it('go on in spite of servers that were in ERROR before', () => {
    const servers = [server('a', 'hv1', { status: 'ERROR' })];

    expect(tonight({ servers, proved: { hv1: 9 }, records: { hv1: { errors: 1 } } }).go).toEqual([
      'hv2',
      'hv3',
    ]);
  });

  it('never let a kernel onto more hypervisors than the rings that are done and the next one', () => {
    const days = fc.constantFrom(0.2, 0.9, 1, 2, 30);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...NAMES), days), (proved) => {
        const { go } = tonight({ proved, rings: [{ hypervisors: 1 }, { hypervisors: 2 }, 'all'] });

        const ages = Object.values(proved).toSorted((a, b) => b - a);
        // Independent of the code: how many of the first n are there, each ring a day after the last of the one before.
        const [first, , third] = ages;
        const most =
          first === undefined ? 1 : first < 1 ? 0 : third === undefined ? 3 - ages.length : third < 1 ? 0 : 7;
        expect(go.length).toBeLessThanOrEqual(most);
        if (Object.keys(proved).length < NAMES.length && most > 0) expect(go.length).toBeGreaterThan(0);
      }),
    );
  });
});
