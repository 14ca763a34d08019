/** Which hypervisors can be emptied together, and with how few moves? Many starts, then many small changes. */
import { Draft } from './draft.ts';
import { drain, type Effort } from './drain.ts';
import { changeOnce, returnHome } from './improve.ts';
import type { Model } from './model.ts';
import { type Random, randomFrom } from './random.ts';
import { orderOf, type Reluctance, reluctanceOf, type Taste, tasteOf } from './taste.ts';

export interface SearchLimits {
  readonly maxMoves: number;
  /** Hypervisors to be emptied at most. */
  readonly most: number;
  readonly seed: number;
  readonly iterations: number;
  readonly isOver: () => boolean;
  readonly progress?: (rounds: number) => void;
}

/** How much capacity and load count in the order of a start. */
const SHARES = [
  { capacity: 0, load: 0 },
  { capacity: 0.3, load: 0 },
  { capacity: 0.6, load: 0 },
  { capacity: 0.85, load: 0 },
  { capacity: 1, load: 0 },
  { capacity: 0, load: 0.3 },
  { capacity: 0, load: 0.6 },
  { capacity: 0, load: 1 },
  { capacity: 0.3, load: 0.4 },
];
const SHARPNESS = [0.5, 2];

/** The best draft that was found before the rounds, or the time, were up. */
export function search(model: Model, limits: SearchLimits): Draft {
  const random = randomFrom(limits.seed);
  let best = new Draft(model);
  for (const start of starts(model, random)) {
    if (limits.isOver()) break;
    const draft = startFrom(model, start, limits);
    if (isBetter(draft, best)) best = draft;
  }
  return refine(best, limits, random);
}

/** More emptied, then fewer moves, then less moved. */
export function isBetter(one: Draft, other: Draft): boolean {
  if (one.emptied !== other.emptied) return one.emptied > other.emptied;
  if (one.moves !== other.moves) return one.moves < other.moves;
  return one.cost < other.cost;
}

interface Start {
  readonly taste: Taste;
  readonly order: readonly number[];
}

function* starts(model: Model, random: Random): Generator<Start> {
  for (const sharpness of SHARPNESS) {
    const taste = tasteOf(model, sharpness);
    const reluctance = reluctanceOf(model, taste);
    for (const share of SHARES)
      yield { taste, order: orderOf(model, reluctance, { ...share, noise: 0, random }) };
  }
}

function startFrom(model: Model, { taste, order }: Start, { maxMoves, most }: SearchLimits): Draft {
  const draft = new Draft(model);
  const effort: Effort = { taste, maxMoves, ejections: 0 };
  for (const h of order) {
    if (draft.emptied >= most) break;
    drain(draft, h, effort);
    draft.begin();
  }
  returnHome(draft);
  return draft;
}

function refine(draft: Draft, limits: SearchLimits, random: Random): Draft {
  const tastes = SHARPNESS.map((sharpness) => {
    const taste = tasteOf(draft.model, sharpness);
    return { taste, reluctance: reluctanceOf(draft.model, taste) };
  });
  for (let round = 0; round < limits.iterations && !limits.isOver(); round++) {
    changeOnce(draft, { ...limits, random, ...tastes[round % tastes.length]! });
    limits.progress?.(round + 1);
  }
  return draft;
}

export type Tastes = { readonly taste: Taste; readonly reluctance: Reluctance };
