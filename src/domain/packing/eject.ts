/** Nobody has room for a server: who has, once one of its own servers has gone on to a third? */
import type { Draft } from './draft.ts';
import type { Model } from './model.ts';
import { bestFor, NOWHERE } from './room.ts';
import type { Taste } from './taste.ts';

/**
 * Moves the server to a hypervisor from which a smaller one goes elsewhere. Of the first so many ways
 * that could be, the one with the fewest additional moves, then the least left over. False, and nothing
 * changed, if there is none.
 */
export function eject(
  draft: Draft,
  server: number,
  { taste, ejections }: { readonly taste: Taste; readonly ejections: number },
): boolean {
  const { model } = draft;
  if (ejections === 0 || isInGroup(model, server)) return false;
  let tries = ejections;
  let best: { readonly to: number; readonly other: number } | undefined;
  let least = Infinity;
  for (const [to, other] of waysFor(draft, server, taste)) {
    if (tries-- === 0) break;
    const mark = draft.mark();
    if (makeWay(draft, { server, to, other, taste })) {
      const worth = draft.moves * 1e3 + taste.size[model.kindOf[other]!]!;
      if (worth < least) {
        least = worth;
        best = { to, other };
      }
    }
    draft.undo(mark);
  }
  return best !== undefined && makeWay(draft, { server, ...best, taste });
}

function makeWay(
  draft: Draft,
  {
    server,
    to,
    other,
    taste,
  }: { readonly server: number; readonly to: number; readonly other: number; readonly taste: Taste },
): boolean {
  const mark = draft.mark();
  draft.close(to);
  const further = bestFor(draft, other, taste.scarcity, taste.core);
  draft.open(to);
  if (further !== NOWHERE) {
    draft.move(other, further);
    if (draft.placement.fits(server, to)) {
      draft.move(server, to);
      return true;
    }
  }
  draft.undo(mark);
  return false;
}

/** A hypervisor, and a server on it that is smaller than this one and without which this one would fit. */
function* waysFor(
  { model, placement, isClosed }: Draft,
  server: number,
  { size }: Taste,
): Generator<[number, number]> {
  const { kinds, kindOf, resourceCount, canMove } = model;
  const kind = kindOf[server]!;
  const lacks = (to: number, other: number) => {
    for (let r = 0; r < resourceCount; r++) {
      const want = kinds.demand[kind * resourceCount + r]!;
      const gain = kinds.demand[kindOf[other]! * resourceCount + r]!;
      if (want > 0 && placement.free[to * resourceCount + r]! + gain < want) return true;
    }
    return false;
  };
  for (const to of kinds.reach[kinds.reachOf[kind]!]!) {
    if (isClosed[to] === 1) continue;
    const others = [...placement.on(to)];
    for (const other of others)
      if (
        canMove[other] === 1 &&
        size[kindOf[other]!]! < size[kind]! &&
        !isInGroup(model, other) &&
        !lacks(to, other)
      )
        yield [to, other];
  }
}

/** Servers that go together are not moved one by one. */
function isInGroup({ units, unitOf }: Model, server: number): boolean {
  const unit = unitOf[server]!;
  return units.start[unit + 1]! - units.start[unit]! > 1;
}
