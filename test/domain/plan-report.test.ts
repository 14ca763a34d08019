import { describe, expect, it } from 'vitest';
import type { DefragmentPlan } from '../../src/domain/defragment-plan.ts';
import { parseFleet } from '../../src/domain/fleet-file.ts';
import { describeDefragmentation, headlineOf } from '../../src/domain/plan-report.ts';

const names = Array.from({ length: 30 }, (_, i) => `hv${i}`);
const fleet = parseFleet(
  JSON.stringify({
    format: 'fleet/1',
    name: 'small',
    hypervisors: names.map((name) => ({ name, vcpus: 64, ramMb: 262_144, diskGb: 100 })),
    servers: names.map((name, i) => ({ id: `s${i}`, hypervisor: name, vcpus: 2, ramMb: 8192, diskGb: 10 })),
  }),
  'small.json',
);

const LIMITS = { parallel: 20, outPerHypervisor: 1, inPerHypervisor: 2 };

const plan: DefragmentPlan = {
  format: 'plan/1',
  fleet: 'small',
  seed: 1,
  waves: [
    [
      { server: 's3', from: 'hv3', to: 'hv0', seconds: 100 },
      { server: 's1', from: 'hv1', to: 'hv0', seconds: 40 },
    ],
    [{ server: 's2', from: 'hv2', to: 'hv0', seconds: 200 }],
  ],
  emptied: ['hv1', 'hv2', 'hv3'],
  emptyBefore: 2,
  emptyAfter: 5,
  bound: 6,
  moves: 3,
  ramMovedMb: 24_576,
  makespanSeconds: 240,
  makespanBound: 200,
  held: [
    { hypervisor: 'hv4', why: '1 of its servers cannot move (sriov)' },
    { server: 's4', why: 'cannot move: sriov' },
    { hypervisor: 'hv5', why: '3 of its servers cannot move (locked, sriov)' },
    { hypervisor: 'hv6', why: 'disabled' },
    { hypervisor: 'hv7', why: '2 of its servers cannot move (locked)' },
    { hypervisor: 'hv8', why: 'disabled' },
  ],
  warnings: [],
};

describe('what people read of a plan', () => {
  it('says what is gained and what it takes', () => {
    const { headline, facts } = describeDefragmentation(fleet, plan, LIMITS);

    expect(headline).toBe(
      '3 moves to empty 3 hypervisors (at most 4 are possible). 2 hypervisors stand empty already.',
    );
    expect(facts).toEqual([
      ['empty', '2 before, 5 after, of 30 hypervisors'],
      ['moves', '24 GiB of memory, in 2 waves'],
      ['takes', '~4 min; no order of these moves takes less than 3 min'],
    ]);
  });

  it('lists hypervisors in the order in which they are empty', () => {
    expect(describeDefragmentation(fleet, plan, LIMITS).emptied).toEqual({
      columns: ['#', 'hypervisor', 'servers', 'GiB', 'empty after'],
      rows: [
        [1, 'hv1', 1, 8, '~40 s'],
        [2, 'hv3', 1, 8, '~2 min'],
        [3, 'hv2', 1, 8, '~3 min'],
      ],
      more: 0,
    });
  });

  it('shows the first of many', () => {
    const { emptied } = describeDefragmentation(fleet, { ...plan, emptied: names }, LIMITS);

    expect(emptied.rows).toHaveLength(12);
    expect(emptied.more).toBe(18);
  });

  it('puts reasons of one kind together, the most frequent first', () => {
    expect(describeDefragmentation(fleet, plan, LIMITS).held.rows).toEqual([
      [3, 'hv4, hv5 and hv7', 'hv4: 1 of its servers cannot move (sriov)'],
      [2, 'hv6 and hv8', 'disabled'],
    ]);
  });

  it('says nothing of moves where there are none', () => {
    const none = { ...plan, waves: [], emptied: [], emptyAfter: 2, moves: 0, makespanSeconds: 0 };

    expect(describeDefragmentation(fleet, none, LIMITS).facts).toEqual([
      ['empty', '2 before, 2 after, of 30 hypervisors'],
    ]);
  });

  it.each([
    [{ moves: 61, emptyBefore: 0, bound: 9 }, 9, '61 moves to empty 9 hypervisors (9 is the most possible).'],
    [{ moves: 1, emptyBefore: 0, bound: 2 }, 1, '1 move to empty 1 hypervisor (at most 2 are possible).'],
    [{ moves: 0, emptyBefore: 0, bound: 3 }, 0, 'No hypervisor can be emptied (at most 3 could be).'],
  ])('has a headline for %j', (given, emptied, headline) => {
    expect(headlineOf(given, emptied)).toBe(headline);
  });
});
