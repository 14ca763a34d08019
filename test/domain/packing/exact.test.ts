import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { planDefragmentation } from '../../../src/domain/defragment.ts';
import type { FleetFile } from '../../../src/domain/fleet-file.ts';
import { exactWays, type Way } from '../../../src/domain/packing/exact.ts';
import { modelOf } from '../../../src/domain/packing/model.ts';
import { sequence } from '../../../src/domain/packing/sequence.ts';
import { checkPlan } from '../../../src/domain/plan-check.ts';
import { bestOf } from './support/all-states.ts';
import { replayed } from './support/replay.ts';
import { fleetOf, hypervisor, server, smallFleets } from './support/small-fleets.ts';

const POLICY = { coolDownHours: 0, maxGibPerHypervisor: Number.POSITIVE_INFINITY };
const ANY = { maxMoves: Number.POSITIVE_INFINITY, most: Number.POSITIVE_INFINITY, states: 1e6 };
const LIMITS = { parallel: 20, outPerHypervisor: 1, inPerHypervisor: 2 };

/** Of the pool in which there is anything to move; in these fleets it is one at most. */
function waysOf(fleet: FleetFile, limits = ANY): readonly Way[] | undefined {
  const model = modelOf(fleet, POLICY);
  const mover = model.canMove.indexOf(1);
  return exactWays(model, mover === -1 ? 0 : model.poolOf[model.home[mover]!]!, limits);
}

/** Looking at all states takes long where the machine has much else to do. */
vi.setConfig({ testTimeout: 180_000 });

const figures = (ways: readonly Way[] | undefined) =>
  ways?.map(({ emptied, moves, cost }) => ({ emptied, moves, cost }));

/** One of them needs a detour. */
const POOLS = fc.sample(smallFleets({ hypervisors: [3, 5], servers: [5, 7] }), {
  seed: 7,
  numRuns: 60,
});

describe('exactWays', () => {
  it.each(POOLS.map((fleet, i) => ({ pool: i + 1, fleet })))(
    'finds what a walk through all states finds, in pool $pool',
    ({ fleet }) => {
      expect(figures(waysOf(fleet))).toEqual(bestOf(fleet));
    },
  );

  it('is what the planner does with each of the pools', () => {
    const policy = {
      ...POLICY,
      ...LIMITS,
      maxMoves: Number.POSITIVE_INFINITY,
      wanted: 'max' as const,
      keepEmpty: 0,
      seed: 1,
      iterations: 20,
    };
    for (const fleet of POOLS) {
      const plan = planDefragmentation(fleet, policy, { isOver: () => false });
      const best = waysOf(fleet)!.at(-1)!;

      expect(checkPlan(fleet, plan, policy).violations).toEqual([]);
      expect([plan.emptied.length, plan.moves]).toEqual([best.emptied, best.moves]);
    }
  });

  it('leads through legal states to what it says, in each of the pools', () => {
    let ways = 0;
    let detours = 0;
    for (const fleet of POOLS) {
      const model = modelOf(fleet, POLICY);
      for (const way of waysOf(fleet)!) {
        const target = model.home.slice();
        for (const { servers, to } of way.legs) for (const s of servers) target[s] = to;
        const found = sequence(model, model.home, target, { ...LIMITS, ordered: way.legs });
        const { waves } = found;

        expect(found.dropped).toEqual([]);
        detours += found.detours;
        expect(waves.flat().length).toBe(way.moves);
        const { complaints, homes } = replayed(fleet, waves, LIMITS);
        expect(complaints).toEqual([]);
        const used = new Set(homes.values());
        const had = new Set(fleet.servers.map(({ hypervisor }) => hypervisor));
        const emptied = fleet.hypervisors.filter(
          ({ name, enabled }) => enabled && had.has(name) && !used.has(name),
        );
        expect(emptied.length).toBe(way.emptied);
        ways++;
      }
    }
    expect(ways).toBeGreaterThan(POOLS.length);
    expect(detours).toBeGreaterThan(0);
  });

  const twoInTheWay = fleetOf(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [server('a', 'hv1', 5), server('b', 'hv2', 2), server('c', 'hv2', 2), server('d', 'hv3', 3)],
  );

  it('prefers few moves to little cost', () => {
    expect(figures(waysOf(twoInTheWay))).toEqual([
      { emptied: 0, moves: 0, cost: 0 },
      { emptied: 1, moves: 1, cost: 3 * 4096 },
    ]);
  });

  it('stays within the budget of moves, and stops at so many as are wanted', () => {
    expect(figures(waysOf(twoInTheWay, { ...ANY, maxMoves: 0 }))).toEqual([
      { emptied: 0, moves: 0, cost: 0 },
    ]);
    expect(figures(waysOf(twoInTheWay, { ...ANY, most: 0 }))).toEqual([{ emptied: 0, moves: 0, cost: 0 }]);
  });

  it('gives up when there are more states than it may look at', () => {
    expect(waysOf(twoInTheWay, { ...ANY, states: 3 })).toBeUndefined();
    expect(waysOf(twoInTheWay, { ...ANY, states: 3, most: 0 })).toHaveLength(1);
  });
});
