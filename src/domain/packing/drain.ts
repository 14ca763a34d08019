/** Can a hypervisor be emptied as things stand? All of its servers go elsewhere, or none. */
import type { Draft } from './draft.ts';
import { eject } from './eject.ts';
import type { Random } from './random.ts';
import { bestFor, NOWHERE } from './room.ts';
import type { Taste } from './taste.ts';

/** Servers of one hypervisor for which others make room, at most: who needs more had better stay. */
const EJECTIONS = 3;

export interface Effort {
  readonly taste: Taste;
  /** Migrations that the whole plan may have. */
  readonly maxMoves: number;
  /** Chance in which ways to make room by moving another server on are tried; absent, none is. */
  readonly random?: Random;
}

/** Empties it; false, and nothing changed, when that cannot be. */
export function drain(draft: Draft, hypervisor: number, effort: Effort): boolean {
  const { taste, maxMoves, random } = effort;
  const { model, placement } = draft;
  if (draft.moves + stillHome(draft, hypervisor) > maxMoves) return false;
  const mark = draft.mark();
  draft.close(hypervisor);
  const servers = [...placement.on(hypervisor)].toSorted(
    (a, b) => taste.size[model.kindOf[b]!]! - taste.size[model.kindOf[a]!]! || a - b,
  );
  let ejections = random === undefined ? 0 : EJECTIONS;
  for (const server of servers) {
    if (placement.at[server] !== hypervisor || moveUnit(draft, server, taste)) continue;
    if (ejections-- > 0 && eject(draft, server, taste, random!)) continue;
    draft.undo(mark);
    return false;
  }
  if (draft.moves <= maxMoves) return true;
  draft.undo(mark);
  return false;
}

/** Servers that are where they were: each that leaves is a move. */
function stillHome({ model, placement }: Draft, hypervisor: number): number {
  let count = 0;
  for (const server of placement.on(hypervisor)) if (model.home[server] === hypervisor) count++;
  return count;
}

/** Moves a server, or the whole unit that it belongs to, to the best place; false and nothing changed if there is none. */
export function moveUnit(draft: Draft, server: number, taste: Taste): boolean {
  const { units, unitOf } = draft.model;
  const unit = unitOf[server]!;
  const from = units.start[unit]!;
  const to = units.start[unit + 1]!;
  if (to - from === 1) {
    const place = bestFor(draft, server, taste.scarcity);
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

function leftOn({ model, placement }: Draft, h: number, { scarcity }: Taste): number {
  const { resourceCount, poolOf } = model;
  let left = 0;
  for (let r = 0; r < resourceCount; r++)
    left += scarcity.weights[poolOf[h]! * resourceCount + r]! * placement.free[h * resourceCount + r]!;
  return left;
}
