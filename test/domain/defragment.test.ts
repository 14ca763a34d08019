import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planDefragmentation } from '../../src/domain/defragment.ts';
import type { DefragmentPlan, DefragmentPolicy } from '../../src/domain/defragment-plan.ts';
import type { FleetFile } from '../../src/domain/fleet-file.ts';
import { loadSolver } from '../../src/domain/packing/highs.ts';
import { checkPlan } from '../../src/domain/plan-check.ts';
import { bestOf } from './packing/support/all-states.ts';
import { emptiedByGreedy } from './packing/support/greedy.ts';
import { fleetOf, type Given, hypervisor, server, smallFleets } from './packing/support/small-fleets.ts';

const GIB = 1024;
const POLICY: DefragmentPolicy = {
  maxMoves: Infinity,
  wanted: 'max',
  keepEmpty: 0,
  parallel: 20,
  outPerHypervisor: 1,
  inPerHypervisor: 2,
  coolDownHours: 0,
  maxGibPerHypervisor: Infinity,
  seed: 1,
  iterations: 60,
};
const solve = await loadSolver();

function planOf(fleet: FleetFile, policy: Partial<DefragmentPolicy> = {}): DefragmentPlan {
  return planDefragmentation(fleet, { ...POLICY, ...policy }, { solve, isOver: () => false });
}

/** The fleet when the plan is done. */
function after(fleet: FleetFile, plan: DefragmentPlan): FleetFile {
  const moved = new Map(plan.waves.flat().map((move) => [move.server, move]));
  return {
    ...fleet,
    servers: fleet.servers.map((one) => {
      const move = moved.get(one.id);
      return move === undefined
        ? one
        : { ...one, hypervisor: move.to, ...(move.toCells === undefined ? {} : { cells: move.toCells }) };
    }),
  };
}

const whyOf = ({ held }: DefragmentPlan, name: string) =>
  held.find((one) => ('hypervisor' in one ? one.hypervisor : one.server) === name)?.why;

/** hv0 with one small server, hv1 and hv2 with two each; hv0 or more can be emptied. */
const THREE = fleetOf(
  [hypervisor('hv0'), hypervisor('hv1'), hypervisor('hv2')],
  [
    server('a', 'hv0', 1),
    server('b', 'hv1', 2),
    server('c', 'hv1', 2),
    server('d', 'hv2', 3),
    server('e', 'hv2', 2),
  ],
);

describe('planDefragmentation', () => {
  it('empties the one that costs the fewest moves', () => {
    const plan = planOf(THREE);

    expect(plan).toMatchObject({ emptied: ['hv0'], emptyBefore: 0, emptyAfter: 1, bound: 1, moves: 1 });
    expect(plan.waves).toEqual([[expect.objectContaining({ server: 'a', from: 'hv0' })]]);
    expect(plan.held).toEqual([
      { hypervisor: 'hv1', why: 'no room for 1 of its 2 servers elsewhere: 8 GiB and 2 vCPUs missing' },
      { server: 'c', why: 'may go to 1 other hypervisor in use, and none has room' },
      { hypervisor: 'hv2', why: 'no room for 1 of its 3 servers elsewhere: 8 GiB and 2 vCPUs missing' },
      { server: 'e', why: 'may go to 1 other hypervisor in use, and none has room' },
    ]);
  });

  it.each<[string, Partial<DefragmentPolicy>, Partial<DefragmentPlan>, string]>([
    [
      'no budget at all',
      { maxMoves: 0 },
      { emptyAfter: 0, moves: 0, bound: 0 },
      'the budget of no moves is used up',
    ],
    [
      'as many wanted as there are',
      { wanted: 0 },
      { emptyAfter: 0, moves: 0, bound: 0 },
      'not needed: no empty hypervisors wanted, and as many there are',
    ],
    [
      'it is not worth emptying',
      { worth: ['hv1'] },
      { emptied: ['hv1'], moves: 2 },
      'not among those that are worth emptying',
    ],
    [
      'nothing is worth a GiB',
      { maxGibPerHypervisor: 3 },
      { emptyAfter: 0, moves: 0 },
      'too dear: 4 GiB would move, and one hypervisor is worth 3 GiB (maxGibPerHypervisor)',
    ],
  ])('holds hv0 when %s, and says so', (_, policy, expected, why) => {
    const plan = planOf(THREE, policy);

    expect(plan).toMatchObject(expected);
    expect(whyOf(plan, 'hv0')).toBe(why);
  });

  it.each<[string, Given, Given, string, string | undefined]>([
    [
      'is disabled',
      { enabled: false, disabledReason: 'disk swap, ask Kim' },
      {},
      'disabled: disk swap, ask Kim',
      undefined,
    ],
    ['is down', { up: false }, {}, 'down', undefined],
    [
      'has a server with a device',
      {},
      { pinned: 'pci-passthrough' },
      '1 of its servers cannot move (pci-passthrough)',
      'cannot move: pci-passthrough',
    ],
    [
      'has a server that is locked',
      {},
      { locked: true },
      '1 of its servers cannot move (locked)',
      'cannot move: locked',
    ],
    [
      'has a server that cannot be moved',
      {},
      { movable: false },
      '1 of its servers cannot move (not movable)',
      'cannot move: not movable',
    ],
    [
      'has a server of a trait that no other has',
      { traits: ['X'] },
      { requiredTraits: ['X'] },
      'no room for 1 of its 1 server elsewhere: 4 GiB and 1 vCPU missing',
      'no other hypervisor is legal for it',
    ],
    [
      'has a server bound to its zone',
      { az: 'az1' },
      { az: 'az1' },
      'no room for 1 of its 1 server elsewhere: 4 GiB and 1 vCPU missing',
      'no other hypervisor is legal for it',
    ],
    [
      'is in a cell of its own',
      { cell: 'c2' },
      {},
      'no room for 1 of its 1 server elsewhere: 4 GiB and 1 vCPU missing',
      'no other hypervisor is legal for it',
    ],
    [
      'has a newer CPU',
      { cpu: ['HW_CPU_X86_AVX512F'] },
      {},
      'no room for 1 of its 1 server elsewhere: 4 GiB and 1 vCPU missing',
      'no other hypervisor is legal for it',
    ],
  ])('holds a hypervisor that %s', (_, hypervisorMore, serverMore, why, serverWhy) => {
    const fleet = fleetOf(
      [hypervisor('hv0', hypervisorMore), hypervisor('hv1')],
      [
        server('a', 'hv0', 1, serverMore),
        ...['b', 'c', 'd'].map((id) => server(id, 'hv1', 2, { pinned: 'gpu' })),
      ],
    );
    const plan = planOf(fleet);

    expect(plan).toMatchObject({ emptyAfter: 0, moves: 0, emptied: [], bound: 0 });
    expect(whyOf(plan, 'hv0')).toBe(why);
    expect(whyOf(plan, 'a')).toBe(serverWhy);
    expect(whyOf(plan, 'hv1')).toBe('3 of its servers cannot move (gpu)');
  });

  it('leaves a server alone for a while after it was moved', () => {
    const moved = { lastMovedAt: '2026-11-21T00:30:00Z' };
    const fleet = {
      ...fleetOf(
        [hypervisor('hv0'), hypervisor('hv1')],
        [server('a', 'hv0', 1, moved), server('b', 'hv1', 4, { pinned: 'gpu' })],
      ),
      takenAt: '2026-11-21T03:45:00Z',
    };

    expect(whyOf(planOf(fleet, { coolDownHours: 24 }), 'hv0')).toBe(
      '1 of its servers cannot move (last moved 3 h ago; servers stay 24 h where they were put)',
    );
    expect(planOf(fleet, { coolDownHours: 3 }).emptied).toEqual(['hv0']);
  });

  it('stops at as many empty ones as are wanted, those that were empty before among them', () => {
    const fleet = fleetOf(
      [...Array(6).keys()].map((h) => hypervisor(`hv${h}`)),
      [0, 1, 2, 3, 4].map((h) => server(`s${h}`, `hv${h}`, 1)),
    );

    expect(planOf(fleet, { wanted: 3 })).toMatchObject({ emptyBefore: 1, emptyAfter: 3, moves: 2, bound: 3 });
    expect(planOf(fleet)).toMatchObject({ emptyAfter: 5, moves: 4, bound: 5 });
    expect(planOf(fleet, { wanted: 1 }).moves).toBe(0);
  });

  it('never puts a server on a hypervisor that was empty', () => {
    const fleet = fleetOf(
      [hypervisor('hv0', { vcpus: 64, ramMb: 256 * GIB }), hypervisor('hv1'), hypervisor('hv2')],
      [server('a', 'hv1', 5), server('b', 'hv2', 5)],
    );

    expect(planOf(fleet)).toMatchObject({ emptyBefore: 1, emptyAfter: 1, moves: 0 });
  });

  it('moves a group of affinity as one, and none that is broken', () => {
    const hypervisors = [hypervisor('hv0'), hypervisor('hv1')];
    const servers = [
      server('a', 'hv0', 1),
      server('b', 'hv0', 1),
      server('c', 'hv1', 3),
      server('d', 'hv1', 3),
    ];
    const together = (members: string[]) => [{ id: 'g', policy: 'affinity', members }];

    const whole = planOf(fleetOf(hypervisors, servers, together(['a', 'b'])));
    expect(whole).toMatchObject({ emptied: ['hv0'], moves: 2 });
    const broken = planOf(fleetOf(hypervisors, servers, together(['a', 'c'])));
    expect(broken.moves).toBe(0);
    expect(broken.warnings).toEqual([
      'affinity is broken already: a, c are on several hypervisors; they are left where they are',
    ]);
  });

  it.each([
    { policy: 'soft-anti-affinity', to: 'hv2' },
    { policy: 'soft-affinity', to: 'hv1' },
  ])('respects $policy where that costs nothing', ({ policy, to }) => {
    const crowd = [...Array(6).keys()].map((i) => server(`p${i}`, `hv${i + 3}`, 8, { pinned: 'gpu' }));
    const plan = planOf(
      fleetOf(
        [...Array(9).keys()].map((h) => hypervisor(`hv${h}`)),
        [
          server('a', 'hv0', 2),
          server('b', 'hv1', 4, { pinned: 'gpu' }),
          server('c', 'hv2', 4, { pinned: 'gpu' }),
          ...crowd,
        ],
        [{ id: 'g', policy, members: ['a', 'b'] }],
      ),
    );

    expect(plan.waves.flat()).toEqual([expect.objectContaining({ server: 'a', to })]);
  });

  it('plans around what is violated already, with a warning for each', () => {
    const fleet = fleetOf(
      [
        hypervisor('hv0', { vcpus: 2 }),
        hypervisor('hv1'),
        hypervisor('hv2', { numa: [{ vcpus: 4, ramMb: 16 * GIB }] }),
      ],
      [
        server('a', 'hv0', 2),
        server('b', 'hv0', 2),
        server('c', 'hv1', 1),
        server('d', 'hv2', 2, { numa: 1 }),
      ],
      [{ id: 'g', policy: 'anti-affinity', members: ['a', 'b'] }],
    );
    const plan = planOf(fleet);

    expect(checkPlan(fleet, plan).violations).toEqual([]);
    expect(plan.warnings).toEqual([
      '1 hypervisor over-full already, takes nothing more: hv0',
      'the NUMA cells of 1 server are unknown, so nothing that needs cells goes where they are: d',
      'anti-affinity is violated already in 1 group; no move makes it worse: g',
    ]);
  });

  it('gives back what would leave no room for the loss of the fullest, and takes empty ones for room', () => {
    const packed = (spare: Given[]) =>
      fleetOf(
        [hypervisor('hv0', { vcpus: 16, ramMb: 64 * GIB }), hypervisor('hv1'), hypervisor('hv2'), ...spare],
        [server('a', 'hv0', 6), server('b', 'hv1', 5), server('c', 'hv2', 5)],
      );

    expect(planOf(packed([]))).toMatchObject({ emptied: ['hv1', 'hv2'] });
    const plan = planOf(packed([]), { keepEmpty: 1 });
    expect(plan).toMatchObject({ emptied: [], moves: 0 });
    expect(whyOf(plan, 'hv1')).toBe(
      'emptying it would leave no room for the loss of 1 hypervisor (keepEmpty)',
    );
    expect(planOf(packed([hypervisor('hv3')]), { keepEmpty: 1 })).toMatchObject({ emptyAfter: 3 });
  });

  it('ends at once when time is up, with a plan that is legal', () => {
    const plan = planDefragmentation(THREE, POLICY, { isOver: () => true });

    expect(checkPlan(THREE, plan).violations).toEqual([]);
    expect(plan.emptyAfter).toBe(1);
  });
});

/** One of them needs a detour. */
const TINY = fc.sample(smallFleets({ hypervisors: [3, 5], servers: [5, 7] }), { seed: 7, numRuns: 60 });

describe('planDefragmentation on tiny pools', () => {
  it.each(TINY.map((fleet, i) => ({ pool: i + 1, fleet })))(
    'is as good as a walk through all states, in empty hypervisors and in moves, in pool $pool',
    ({ fleet }) => {
      const best = bestOf(fleet).at(-1)!;
      const plan = planOf(fleet);

      expect({ emptied: plan.emptied.length, moves: plan.moves }).toEqual({
        emptied: best.emptied,
        moves: best.moves,
      });
      expect(checkPlan(fleet, plan).violations).toEqual([]);
    },
  );
});

describe('planDefragmentation on any fleet', () => {
  const fleets = smallFleets({ hypervisors: [6, 10], servers: [14, 30] });
  const budgets = fc.constantFrom(3, 8, Infinity);
  const runs = { numRuns: 60 };

  it('violates nothing, keeps its budget and its bound, and counts everything once', () => {
    fc.assert(
      fc.property(fleets, budgets, (fleet, maxMoves) => {
        const plan = planOf(fleet, { maxMoves });
        expect(checkPlan(fleet, plan, { ...POLICY, maxMoves }).violations).toEqual([]);
        expect(plan.emptyAfter).toBeLessThanOrEqual(plan.bound);
        const held = plan.held.flatMap((one) => ('hypervisor' in one ? [one.hypervisor] : []));
        expect(new Set(held).size).toBe(held.length);
        expect(plan.emptyAfter + held.length).toBe(fleet.hypervisors.length);
      }),
      runs,
    );
  });

  it('is never worse than greedy', () => {
    fc.assert(
      fc.property(fleets, budgets, (fleet, maxMoves) => {
        const plan = planOf(fleet, { maxMoves });
        expect(plan.emptied.length).toBeGreaterThanOrEqual(emptiedByGreedy(fleet, maxMoves));
      }),
      runs,
    );
  });

  it('finds nothing to do on its own result', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const plan = planOf(fleet);
        expect(planOf(after(fleet, plan)).moves).toBe(0);
      }),
      runs,
    );
  });

  it('is the same for the same seed', () => {
    fc.assert(
      fc.property(fleets, fc.nat(), (fleet, seed) => {
        expect(planOf(fleet, { seed })).toEqual(planOf(fleet, { seed }));
      }),
      { numRuns: 20 },
    );
  });
});
