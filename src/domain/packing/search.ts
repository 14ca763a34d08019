/** Which hypervisors can be emptied together, and with how few moves? Many starts, then many small changes. */
import { cutsOf } from './cuts.ts';
import { Draft } from './draft.ts';
import { drain } from './drain.ts';
import { guidedOrders } from './guide.ts';
import { changeOnce, compare, returnHome } from './improve.ts';
import type { Model } from './model.ts';
import type { Solve } from './program.ts';
import { type Random, randomFrom } from './random.ts';
import { orderOf, reluctanceOf, type Taste, tasteOf } from './taste.ts';

export interface SearchLimits {
  readonly maxMoves: number;
  /** Hypervisors to be emptied at most. */
  readonly most: number;
  readonly seed: number;
  readonly iterations: number;
  readonly isOver: () => boolean;
  readonly progress?: (rounds: number) => void;
  readonly solve?: Solve;
}

/** How much capacity and load count in the order of a start; the number of servers is the rest. */
const SHARES = [
  { capacity: 0, load: 0 },
  { capacity: 0.3, load: 0 },
  { capacity: 0.6, load: 0 },
  { capacity: 0.85, load: 0 },
  { capacity: 1, load: 0 },
  { capacity: 0, load: 0.6 },
  { capacity: 0, load: 1 },
  { capacity: 0.3, load: 0.4 },
];
const SHARPNESS = [0.5, 2];
/** Starts × servers × hypervisors, at most: some seconds. */
const STARTS_WORK = 3e9;
/** Starts that are improved before the best of them goes on. */
const FINALISTS = 3;
/** Rounds that each of them gets, at most, and of the rounds there are. */
const HEAT = 300;
const HEAT_SHARE = 0.1;

interface Start {
  readonly taste: Taste;
  readonly order: readonly number[];
}

interface Started extends Start {
  readonly draft: Draft;
}

/** The best draft that was found before the rounds, or the time, were up. */
export function search(model: Model, limits: SearchLimits): Draft {
  if (limits.most <= 0 || !model.isCandidate.includes(1)) return new Draft(model);
  const random = randomFrom(limits.seed);
  const finalists: Started[] = [];
  const count = Math.max(2, Math.floor(STARTS_WORK / (model.serverCount * model.hypervisorCount)));
  for (const start of startsFor(model, limits, random).take(count)) {
    if (limits.isOver() && finalists.length > 0) break;
    finalists.push({ ...start, draft: startFrom(model, start, limits) });
    finalists.sort((a, b) => compare(b.draft, a.draft));
    thin(finalists);
  }
  const heat = Math.min(HEAT, Math.floor(limits.iterations * HEAT_SHARE));
  for (const [i, one] of finalists.entries())
    refine(one, { ...limits, iterations: heat, random, done: i * heat });
  const best = finalists.reduce((best, one) => (compare(one.draft, best.draft) > 0 ? one : best));
  const done = heat * finalists.length;
  refine(best, { ...limits, iterations: limits.iterations - done, random, done });
  return best.draft;
}

/** Keeps the best, and those that empty somewhat fewer with fewer moves. */
function thin(finalists: Started[]): void {
  let fewest = Infinity;
  const kept = finalists.filter(({ draft }) => {
    const isKept = draft.moves < fewest;
    fewest = Math.min(fewest, draft.moves);
    return isKept;
  });
  finalists.splice(0, finalists.length, ...kept.slice(0, FINALISTS));
}

function* startsFor(model: Model, { maxMoves, solve }: SearchLimits, random: Random): Generator<Start> {
  const tastes = SHARPNESS.map((sharpness) => tasteOf(model, sharpness));
  if (solve !== undefined)
    for (const order of guidedOrders(model, cutsOf(model, maxMoves), solve))
      yield { taste: tastes[0]!, order };
  for (const taste of tastes) {
    const reluctance = reluctanceOf(model, taste);
    for (const share of SHARES)
      yield { taste, order: orderOf(model, reluctance, { ...share, noise: 0, random }) };
  }
}

function startFrom(model: Model, { taste, order }: Start, { maxMoves, most }: SearchLimits): Draft {
  const draft = new Draft(model);
  for (const h of order) {
    if (draft.emptied >= most) break;
    drain(draft, h, { taste, maxMoves });
    draft.begin();
  }
  returnHome(draft);
  return draft;
}

function refine(
  { draft, taste, order }: Started,
  limits: SearchLimits & { readonly random: Random; readonly done: number },
): void {
  for (let round = 0; round < limits.iterations && !limits.isOver(); round++) {
    changeOnce(draft, { ...limits, taste, order });
    limits.progress?.(limits.done + round + 1);
  }
}
