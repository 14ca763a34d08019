/** Which hypervisors can be emptied together, and with how few moves? Many starts, then many small changes. */
import { classOrder } from './class-guide.ts';
import { cutsOf } from './cuts.ts';
import { Draft } from './draft.ts';
import { drain } from './drain.ts';
import { guidedOrders } from './guide.ts';
import { changeOnce, compare, returnHome, worth } from './improve.ts';
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
/** Starts that are improved before one of them goes on. */
const FINALISTS = 3;
/** Shares of the rounds that are left: for each of them, then for the likeliest; the best gets the rest. */
const HEAT = 0.1;
const LIKELIEST = 0.6;
/** Rounds until one that has gone astray is called back. */
const STRAY = 1000;

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
  for (const start of startsFor(model, limits).take(count)) {
    if (limits.isOver() && finalists.length > 0) break;
    finalists.push({ ...start, draft: startFrom(model, start, limits) });
    finalists.sort((a, b) => compare(b.draft, a.draft));
    thin(finalists);
  }
  let done = 0;
  const go = (one: Started, share: number) => {
    const rounds = Math.floor((limits.iterations - done) * share);
    refine(one, { ...limits, random, done, rounds });
    done += rounds;
  };
  for (const one of finalists) go(one, HEAT);
  go(
    finalists.reduce((best, one) => (worth(one.draft) > worth(best.draft) ? one : best)),
    LIKELIEST,
  );
  const best = () => finalists.reduce((best, one) => (compare(one.draft, best.draft) > 0 ? one : best));
  go(best(), 1);
  return best().draft;
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

function* startsFor(model: Model, { maxMoves, solve, isOver }: SearchLimits): Generator<Start> {
  const tastes = SHARPNESS.map((sharpness) => tasteOf(model, sharpness));
  if (solve !== undefined) {
    const byClass = classOrder(model, { maxMoves, isOver }, solve);
    if (byClass !== undefined) yield { taste: tastes[0]!, order: byClass };
    for (const order of guidedOrders(model, cutsOf(model, maxMoves), solve))
      yield { taste: tastes[0]!, order };
  }
  for (const taste of tastes) {
    const reluctance = reluctanceOf(model, taste);
    for (const share of SHARES) yield { taste, order: orderOf(model, reluctance, share) };
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

/** Rounds may trade hypervisors for moves; now and then, and in the end, it is the best again that goes on. */
function refine(
  { draft, taste, order }: Started,
  limits: SearchLimits & { readonly random: Random; readonly done: number; readonly rounds: number },
): void {
  let best = draft.copy();
  for (let round = 0; round < limits.rounds && !limits.isOver(); round++) {
    if (round % STRAY === 0 && compare(best, draft) > 0) draft.restore(best);
    changeOnce(draft, { ...limits, taste, order, floor: worth(best) });
    if (compare(draft, best) > 0) best = draft.copy();
    limits.progress?.(limits.done + round + 1);
  }
  if (compare(best, draft) > 0) draft.restore(best);
}
