/** What of a draft can be done, move by move? What cannot, or overruns the budget, gives its hypervisor back. */
import type { Limits } from '../move-order.ts';
import type { Draft } from './draft.ts';
import { giveBack, returnHome } from './improve.ts';
import { type Sequence, sequence } from './sequence.ts';
import type { TinyLegs } from './tiny-pools.ts';

export interface Settled {
  readonly sequence: Sequence;
  /** Hypervisors that stay in use because of it, and why. */
  readonly givenBack: ReadonlyMap<number, string>;
}

/** Ends, because each round empties fewer; the draft is then what the sequence leads to. `tiny`: legs that are in order already. */
export function settle(
  draft: Draft,
  limits: Limits & { readonly maxMoves: number },
  tiny: TinyLegs,
): Settled {
  const { model, placement } = draft;
  const givenBack = new Map<number, string>();
  for (;;) {
    const touched = new Set([...givenBack.keys()].map((h) => model.poolOf[h]!));
    const ordered = [...tiny].filter(([pool]) => !touched.has(pool)).flatMap(([, legs]) => legs);
    const found = sequence(model, model.home, placement.at, { ...limits, ordered });
    const moves = movesOf(found);
    if (found.dropped.length === 0 && moves <= limits.maxMoves) return { sequence: found, givenBack };
    const stuck = new Map(
      found.dropped.map(({ server, why }) => [
        model.home[server]!,
        `no order of moves frees it: ${model.fleet.servers[server]!.id}: ${why}`,
      ]),
    );
    if (stuck.size === 0)
      for (const h of dearest(draft, moves - limits.maxMoves))
        stuck.set(h, `with detours, emptying it would overrun the budget of ${limits.maxMoves} moves`);
    if (!giveAllBack(draft, stuck, givenBack)) return { sequence: empty(draft, givenBack), givenBack };
  }
}

export function movesOf({ waves }: Pick<Sequence, 'waves'>): number {
  return waves.reduce((sum, wave) => sum + wave.length, 0);
}

/** False when none of them was to be emptied: then the way is barred by servers that only make room. */
function giveAllBack(
  draft: Draft,
  stuck: ReadonlyMap<number, string>,
  givenBack: Map<number, string>,
): boolean {
  const before = draft.emptied;
  for (const [h, why] of stuck) {
    if (draft.model.isCandidate[h] === 0 || draft.placement.count[h] !== 0) continue;
    giveBack(draft, h);
    givenBack.set(h, why);
  }
  returnHome(draft);
  return draft.emptied < before;
}

/** The emptied hypervisors with most servers, so many that they stand for the moves in excess. */
function dearest({ model, placement }: Draft, excess: number): number[] {
  const servers = (h: number) => model.aboard.start[h + 1]! - model.aboard.start[h]!;
  const emptied = [...model.isCandidate.keys()]
    .filter((h) => model.isCandidate[h] === 1 && placement.count[h] === 0)
    .toSorted((a, b) => servers(b) - servers(a) || a - b);
  let left = excess;
  return emptied.filter((h) => {
    const isNeeded = left > 0;
    left -= servers(h);
    return isNeeded;
  });
}

/** The last resort: no move at all. */
function empty(draft: Draft, givenBack: Map<number, string>): Sequence {
  const { model, placement } = draft;
  for (const [h, is] of model.isCandidate.entries())
    if (is === 1 && placement.count[h] === 0) {
      giveBack(draft, h);
      givenBack.set(h, 'no order of moves frees it');
    }
  for (const [s, home] of model.home.entries())
    if (placement.at[s] !== home) draft.move(s, home, model.cellsAtHome[s]);
  return { waves: [], detours: 0, dropped: [] };
}
