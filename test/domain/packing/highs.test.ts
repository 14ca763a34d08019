import { describe, expect, it } from 'vitest';
import { loadSolver } from '../../../src/domain/packing/highs.ts';
import { Entries, type Program, ProgramDraft, restrictedTo } from '../../../src/domain/packing/program.ts';
import { randomFrom } from '../../../src/domain/packing/random.ts';

const solve = await loadSolver();

/** Worth and weight of things, each once, into a bag. */
function bag(things: readonly (readonly [worth: number, weight: number])[], room: number): Program {
  const draft = new ProgramDraft();
  const weights = new Entries();
  for (const [worth, weight] of things) weights.add(draft.column(-worth, 1), weight);
  draft.row(-Infinity, room, weights);
  return draft.done();
}

/** Every bag there is. */
function bestBag(things: readonly (readonly [number, number])[], room: number): number {
  let best = 0;
  for (let chosen = 0; chosen < 1 << things.length; chosen++) {
    const inside = things.filter((_, i) => (chosen >>> i) & 1);
    if (inside.reduce((sum, [, weight]) => sum + weight, 0) > room) continue;
    best = Math.max(
      best,
      inside.reduce((sum, [worth]) => sum + worth, 0),
    );
  }
  return best;
}

/** To halve several sums at once: easy to come near to, hard to prove. */
function hard(): Program {
  const random = randomFrom(3);
  const draft = new ProgramDraft();
  const columns = Array.from({ length: 40 }, () => draft.column(0, 1));
  for (let row = 0; row < 4; row++) {
    const entries = new Entries();
    let sum = 0;
    for (const column of columns) {
      const factor = Math.floor(random() * 1000);
      sum += factor;
      entries.add(column, factor);
    }
    entries.add(draft.column(1, 1e5), 1);
    entries.add(draft.column(1, 1e5), -1);
    draft.row(Math.floor(sum / 2), Math.floor(sum / 2), entries);
  }
  return draft.done();
}

describe('the solver', () => {
  it('the least cost in whole numbers is what trying all of them finds', () => {
    const random = randomFrom(7);
    for (let round = 0; round < 20; round++) {
      const things = Array.from(
        { length: 10 },
        () => [1 + Math.floor(random() * 40), 1 + Math.floor(random() * 30)] as const,
      );
      const { status, objective, x } = solve(bag(things, 60), {});
      expect(status).toBe('optimal');
      expect(-objective).toBe(bestBag(things, 60));
      expect([...x].filter((value) => value !== 0 && value !== 1)).toEqual([]);
    }
  });

  it('with fractions allowed the answer is a bound, and says what a column more would bring', () => {
    const { objective, bound, x, reducedCost } = solve(
      bag(
        [
          [60, 10],
          [100, 20],
          [120, 30],
        ],
        50,
      ),
      { isRelaxed: true },
    );
    expect(objective).toBeCloseTo(-240);
    expect(bound).toBeCloseTo(-240);
    expect(x[2]).toBeCloseTo(2 / 3);
    expect(reducedCost[0]).toBeCloseTo(-20);
  });

  it.each([
    { rows: 'allow nothing', lower: -1, status: 'optimal' },
    { rows: 'want something', lower: 1, status: 'infeasible' },
  ])('a program without columns is $status where its rows $rows', ({ lower, status }) => {
    const draft = new ProgramDraft();
    draft.row(lower, 5, new Entries());
    expect(solve(draft.done(), {}).status).toBe(status);
  });

  it('what cannot be is infeasible', () => {
    const draft = new ProgramDraft();
    const both = new Entries();
    both.add(draft.column(1, 1), 2);
    both.add(draft.column(1, 1), 2);
    draft.row(3, 3, both);
    expect(solve(draft.done(), {}).status).toBe('infeasible');
  });

  it('at the limit of nodes the best known is the answer, the same each time', () => {
    const first = solve(hard(), { nodes: 30, seed: 5 });
    expect(first.status).toBe('feasible');
    expect(first.bound).toBeLessThan(first.objective);
    const start = first.x;
    expect(solve(hard(), { nodes: 30, seed: 5 })).toEqual(first);
    expect(solve(hard(), { nodes: 1, start }).objective).toBeLessThanOrEqual(first.objective);
  });

  it('a solver that is told to stop stops, with what it was given to begin with', () => {
    const start = solve(hard(), { nodes: 1 }).x;
    let asked = 0;
    const { status, objective } = solve(hard(), {
      start,
      isOver: () => {
        asked++;
        return true;
      },
    });
    expect(asked).toBeGreaterThan(0);
    expect(status).toBe('feasible');
    expect(objective).toBeLessThan(Infinity);
  });

  it('of a program some columns may be left out, and the rows that they alone were in', () => {
    const draft = new ProgramDraft();
    const [a, b] = [draft.column(-1, 5), draft.column(-1, 5)];
    const onlyA = new Entries();
    onlyA.add(a, 1);
    draft.row(-Infinity, 2, onlyA);
    const onlyB = new Entries();
    onlyB.add(b, 1);
    draft.row(-Infinity, 3, onlyB);
    const rest = restrictedTo(draft.done(), Int32Array.of(b));
    expect(rest.rowUpper).toEqual(Float64Array.of(3));
    expect(solve(rest, {}).objective).toBe(-3);
  });
});
