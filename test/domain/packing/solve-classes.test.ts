import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { FleetFile } from '../../../src/domain/fleet-file.ts';
import { classBound } from '../../../src/domain/packing/class-bound.ts';
import { classOrder } from '../../../src/domain/packing/class-guide.ts';
import { loadSolver } from '../../../src/domain/packing/highs.ts';
import { modelOf } from '../../../src/domain/packing/model.ts';
import { Placement } from '../../../src/domain/packing/placement.ts';
import { polish } from '../../../src/domain/packing/polish.ts';
import { type ClassAsk, solveClasses } from '../../../src/domain/packing/solve-classes.ts';
import { bestEnd, type End, isLegal, isWhole, type Spot } from './support/end-states.ts';
import { fleetOf, hypervisor, server, smallFleets } from './support/small-fleets.ts';

const ALL = Number.POSITIVE_INFINITY;
const solve = await loadSolver();

/** Trying every placement takes long where the machine has much else to do. */
vi.setConfig({ testTimeout: 120_000 });

const FLEETS = fc
  .sample(smallFleets({ hypervisors: [3, 5], servers: [5, 7] }), { seed: 11, numRuns: 40 })
  .map((fleet, i) => ({ number: i + 1, fleet }));

function startOf(fleet: FleetFile): Placement {
  return new Placement(modelOf(fleet, { coolDownHours: 0, maxGibPerHypervisor: ALL }));
}

function endOf({ model, at, count }: Placement): End {
  return {
    emptied: [...model.isCandidate.keys()].filter((h) => model.isCandidate[h] === 1 && count[h] === 0).length,
    moves: at.filter((h, s) => h !== model.home[s]).length,
  };
}

function spotsOf({ model, at, cells }: Placement): Map<string, Spot> {
  const { servers, hypervisors } = model.fleet;
  return new Map(
    servers.map(({ id }, s) => [
      id,
      {
        hypervisor: hypervisors[at[s]!]!.name,
        cells: [0, 1, 2, 3].filter((cell) => (cells[s]! >>> cell) & 1),
      },
    ]),
  );
}

function faultsOf(placement: Placement): string[] {
  const { fleet } = placement.model;
  const spots = spotsOf(placement);
  const faults = fleet.hypervisors.filter(({ name }) => !isLegal(fleet, spots, name)).map(({ name }) => name);
  return isWhole(fleet, spots) ? faults : [...faults, 'affinity'];
}

function goTo(placement: Placement, targets: Readonly<Record<string, string>>): void {
  const { servers, hypervisors } = placement.model.fleet;
  for (const [id, to] of Object.entries(targets)) {
    const s = servers.findIndex((one) => one.id === id);
    placement.take(s);
    placement.put(
      s,
      hypervisors.findIndex(({ name }) => name === to),
    );
  }
}

function ask(more: Partial<ClassAsk> = {}): ClassAsk {
  return { maxMoves: ALL, nodes: 1000, isShuffling: true, ...more };
}

/** Four hypervisors of 8 vCPU, half full: two can be emptied. */
const HALF = fleetOf(
  ['a', 'b', 'c', 'd'].map((name) => hypervisor(name)),
  ['a', 'b', 'c', 'd'].flatMap((name) => [server(`${name}1`, name, 2), server(`${name}2`, name, 2)]),
);

describe('solveClasses', () => {
  it.each(FLEETS)('finds the best of all placements, and knows that it is: fleet $number', ({ fleet }) => {
    for (const maxMoves of [ALL, 2]) {
      const { placement, isProven } = solveClasses(startOf(fleet), ask({ maxMoves }), solve);
      expect(endOf(placement)).toEqual(bestEnd(fleet, maxMoves));
      expect(isProven).toBe(true);
      expect(faultsOf(placement)).toEqual([]);
    }
  });

  it.each([
    { how: 'with servers leaving only what is emptied', more: { isShuffling: false } },
    { how: 'with few places looked at', more: { isSketch: true } },
    { how: 'with hardly any search', more: { nodes: 0 } },
  ])('$how is legal, within the budget, no better than the best, and claims nothing', ({ more }) => {
    for (const { fleet } of FLEETS) {
      const start = startOf(fleet);
      const { placement, isProven } = solveClasses(start, ask({ ...more, maxMoves: 3 }), solve);
      const [end, best] = [endOf(placement), bestEnd(fleet, 3)];
      expect(faultsOf(placement)).toEqual([]);
      expect(end.moves).toBeLessThanOrEqual(3);
      expect(end.emptied).toBeLessThanOrEqual(best.emptied);
      if (isProven) expect(end).toEqual(best);
    }
  });

  it('finds the best among the places that matter, where there are many', () => {
    const names = Array.from({ length: 75 }, (_, h) => `hv${h}`);
    // Of 70 sizes; three fit on a hypervisor, never four.
    const fleet = fleetOf(
      names.map((name) => hypervisor(name)),
      names.flatMap((name, h) =>
        [0, 1].map((i) => server(`${name}-${i}`, name, 2, { ramMb: 8200 + 8 * ((2 * h + i) % 70) })),
      ),
    );
    const { placement, isProven, columns } = solveClasses(
      startOf(fleet),
      ask({ isKernel: true, isShuffling: false, nodes: 1 }),
      solve,
    );
    expect(columns).toBeGreaterThan(5000);
    expect(endOf(placement)).toEqual({ emptied: 25, moves: 50 });
    expect(faultsOf(placement)).toEqual([]);
    expect(isProven).toBe(false);
  });

  it('keeps what it was given where nothing is better, and says so', () => {
    const full = fleetOf(
      [hypervisor('a'), hypervisor('b')],
      [server('a1', 'a', 5), server('b1', 'b', 4), server('b2', 'b', 2)],
    );
    const start = startOf(full);
    expect(solveClasses(start, ask(), solve)).toMatchObject({ placement: start, isProven: true });
  });

  it('moves servers among the hypervisors looked at, and counts the moves made elsewhere', () => {
    const start = startOf(HALF);
    goTo(start, { d1: 'c', d2: 'c' });
    const look = (maxMoves: number) =>
      endOf(solveClasses(start, ask({ hypervisors: [0, 1], maxMoves }), solve).placement);
    expect(look(4)).toEqual({ emptied: 2, moves: 4 });
    expect(look(3)).toEqual({ emptied: 1, moves: 2 });
  });

  it('empties no more than wanted', () => {
    const { placement } = solveClasses(startOf(HALF), ask({ maxEmpty: 1 }), solve);
    expect(endOf(placement)).toEqual({ emptied: 1, moves: 2 });
  });

  it('empties as many as are asked for with the fewest moves, or says that it cannot be', () => {
    const start = startOf(HALF);
    const one = solveClasses(start, ask({ minEmpty: 1 }), solve);
    expect(endOf(one.placement)).toEqual({ emptied: 1, moves: 2 });
    const three = solveClasses(start, ask({ minEmpty: 3 }), solve);
    expect(three).toMatchObject({ placement: start, isSettled: true, isProven: true });
  });

  it('gives the same answer to the same question', () => {
    for (const { fleet } of FLEETS.slice(0, 5)) {
      const [one, other] = [1, 2].map(() => solveClasses(startOf(fleet), ask({ seed: 3 }), solve));
      expect(one!.placement.at).toEqual(other!.placement.at);
    }
  });

  it('answers with what it was given where the solver cannot', () => {
    const start = startOf(HALF);
    const { placement, isProven } = solveClasses(start, ask(), () => ({
      status: 'unknown',
      x: new Float64Array(0),
      objective: ALL,
      bound: -ALL,
      reducedCost: new Float64Array(0),
    }));
    expect([placement, isProven]).toEqual([start, false]);
  });

  it('leaves an over-full hypervisor as it is, and does not claim to know all', () => {
    const fleet = fleetOf(
      [hypervisor('a'), hypervisor('b', { vcpus: 4 }), hypervisor('c')],
      [
        server('a1', 'a', 2),
        server('b1', 'b', 3),
        server('b2', 'b', 2, { movable: false }),
        server('c1', 'c', 2),
      ],
    );
    const { placement, isProven } = solveClasses(startOf(fleet), ask(), solve);
    expect(endOf(placement)).toEqual({ emptied: 1, moves: 1 });
    expect(isProven).toBe(false);
  });
});

describe('polish', () => {
  const limits = { maxMoves: ALL, most: ALL, bound: ALL, seed: 1, isOver: () => false };

  it('brings a placement to the best there is', () => {
    for (const { fleet } of FLEETS) {
      const { placement } = polish(startOf(fleet), limits, solve);
      expect(endOf(placement)).toEqual(bestEnd(fleet));
      expect(faultsOf(placement)).toEqual([]);
    }
  });

  it.each([2, 3, 4])('brings a placement to the best there is, told that at most %i can be', (bound) => {
    const { placement, isProven } = polish(startOf(HALF), { ...limits, bound }, solve);
    expect(endOf(placement)).toEqual({ emptied: 2, moves: 4 });
    expect(isProven).toBe(true);
  });

  it('saves moves where no more can be emptied', () => {
    const start = startOf(HALF);
    goTo(start, { a1: 'd', a2: 'd', b1: 'c', b2: 'c', d1: 'c', d2: 'c', c1: 'd', c2: 'd' });
    expect(endOf(start)).toEqual({ emptied: 2, moves: 8 });
    const { placement, isProven } = polish(start, { ...limits, bound: 2 }, solve);
    expect(endOf(placement)).toEqual({ emptied: 2, moves: 4 });
    expect(isProven).toBe(true);
  });

  it('stops when it is told to', () => {
    const start = startOf(HALF);
    expect(polish(start, { ...limits, isOver: () => true }, solve)).toEqual({
      placement: start,
      isProven: false,
    });
  });
});

describe('classBound', () => {
  it('is never below what can be emptied', () => {
    for (const { fleet } of FLEETS)
      for (const maxMoves of [ALL, 2])
        expect(classBound(startOf(fleet).model, maxMoves, solve)).toBeGreaterThanOrEqual(
          bestEnd(fleet, maxMoves).emptied,
        );
  });

  it('is unknown where not everything can be said in rows', () => {
    const overFull = fleetOf(
      [hypervisor('a', { vcpus: 2 }), hypervisor('b')],
      [server('a1', 'a', 3), server('b1', 'b', 2)],
    );
    expect(classBound(startOf(overFull).model, ALL, solve)).toBeUndefined();
  });
});

describe('classOrder', () => {
  it('names each candidate once, the cheapest to empty before those that must stay', () => {
    const fleet = fleetOf(
      [hypervisor('full'), hypervisor('light'), hypervisor('half'), hypervisor('pinned')],
      [
        ...[1, 2, 3].map((i) => server(`full${i}`, 'full', 2)),
        server('light1', 'light', 1),
        ...[1, 2].map((i) => server(`half${i}`, 'half', 2)),
        server('pinned1', 'pinned', 1, { movable: false }),
      ],
    );
    expect(classOrder(startOf(fleet).model, { maxMoves: 3 }, solve)).toEqual([1, 2, 0]);
  });

  it('names each candidate of a large fleet once, the same way each time', () => {
    const names = Array.from({ length: 1200 }, (_, h) => `hv${h}`);
    const fleet = fleetOf(
      names.map((name) => hypervisor(name)),
      names.flatMap((name, h) => [
        server(`${name}-a`, name, 2),
        ...(h % 3 === 0 ? [] : [server(`${name}-b`, name, 3)]),
      ]),
    );
    const { model } = startOf(fleet);
    const order = classOrder(model, { maxMoves: 300 }, solve)!;
    expect(order.toSorted((a, b) => a - b)).toEqual([...names.keys()]);
    expect(order.slice(0, 250).filter((h) => h % 3 !== 0)).toEqual([]);
    expect(classOrder(model, { maxMoves: 300 }, solve)).toEqual(order);
  });

  it('is unknown when the solver is stopped', () => {
    const stopped = () => solve(IMPOSSIBLE, {});
    expect(classOrder(startOf(HALF).model, { maxMoves: ALL }, stopped)).toBeUndefined();
  });
});

/** Twice as much as there is. */
const IMPOSSIBLE = {
  cost: Float64Array.of(1),
  upper: Float64Array.of(1),
  rowLower: Float64Array.of(2),
  rowUpper: Float64Array.of(2),
  rowStart: Int32Array.of(0, 1),
  columns: Int32Array.of(0),
  factors: Float64Array.of(1),
};
