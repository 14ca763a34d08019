/** Can a hypervisor be emptied as things stand? All of its servers go elsewhere, or none. */
import type { Draft } from './draft.ts';
import { eject } from './eject.ts';
import { bestFor, NOWHERE } from './room.ts';
import type { Taste } from './taste.ts';

export interface Effort {
  readonly taste: Taste;
  /** Migrations that the whole plan may have. */
  readonly maxMoves: number;
  /** Ways tried to make room for a server by moving another one on. */
  readonly ejections: number;
}

/** Empties it; false, and nothing changed, when that cannot be. */
export function drain(draft: Draft, hypervisor: number, effort: Effort): boolean {
  const { taste, maxMoves } = effort;
  const { model, placement } = draft;
  const mark = draft.mark();
  draft.close(hypervisor);
  const servers = [...placement.on(hypervisor)].toSorted(
    (a, b) => taste.size[model.kindOf[b]!]! - taste.size[model.kindOf[a]!]! || a - b,
  );
  for (const server of servers) {
    if (placement.at[server] !== hypervisor) continue;
    if ((!moveUnit(draft, server, taste) && !eject(draft, server, effort)) || draft.moves > maxMoves) {
      draft.undo(mark);
      return false;
    }
  }
  return true;
}

/** Moves a server, or the whole unit that it belongs to, to the best place; false and nothing changed if there is none. */
export function moveUnit(draft: Draft, server: number, taste: Taste): boolean {
  const { units, unitOf } = draft.model;
  const unit = unitOf[server]!;
  const from = units.start[unit]!;
  const to = units.start[unit + 1]!;
  if (to - from === 1) {
    const place = bestFor(draft, server, taste.scarcity, taste.core);
    if (place === NOWHERE) return false;
    draft.move(server, place);
    return true;
  }
  return moveTogether(draft, units.items.subarray(from, to), taste);
}

function moveTogether(draft: Draft, members: Int32Array, taste: Taste): boolean {
  const { model, placement, isClosed } = draft;
  const { kinds } = model;
  const reach = kinds.reach[kinds.reachOf[model.kindOf[members[0]!]!]!]!;
  let best = NOWHERE;
  let least = Infinity;
  for (const h of reach) {
    if (isClosed[h] === 1 || h === placement.at[members[0]!]) continue;
    const mark = draft.mark();
    const left = putTogether(draft, members, h) ? leftOn(draft, h, taste) : Infinity;
    draft.undo(mark);
    if (left >= least) continue;
    least = left;
    best = h;
  }
  return best !== NOWHERE && putTogether(draft, members, best);
}

function putTogether(draft: Draft, members: Int32Array, hypervisor: number): boolean {
  for (const server of members) {
    if (!draft.placement.fits(server, hypervisor)) return false;
    draft.move(server, hypervisor);
  }
  return true;
}

function leftOn({ model, placement }: Draft, h: number, { scarcity, core }: Taste): number {
  const { resourceCount, poolOf } = model;
  let left = core?.[h] === 0 ? 1 : 0;
  for (let r = 0; r < resourceCount; r++)
    left += scarcity.weights[poolOf[h]! * resourceCount + r]! * placement.free[h * resourceCount + r]!;
  return left;
}
