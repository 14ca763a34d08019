/** Nobody has room for a server: who has, once one of its own servers has gone on to a third? */
import type { Draft } from './draft.ts';
import type { Model } from './model.ts';
import type { Placement } from './placement.ts';
import { pick, type Random } from './random.ts';
import { bestFor, NOWHERE } from './room.ts';
import type { Taste } from './taste.ts';

/** Ways that are tried for one server, and those that lead somewhere until the best of them is taken. */
const TRIES = 40;
const ENOUGH = 4;

/**
 * Moves the server to a hypervisor from which a smaller one goes elsewhere. Of the first few ways that it
 * finds, the one with the fewest additional moves, then with the smallest server that goes. False, and
 * nothing changed, if there is none.
 */
export function eject(draft: Draft, server: number, taste: Taste, random: Random): boolean {
  const { model } = draft;
  if (isInGroup(model, server)) return false;
  let tries = TRIES;
  let found = 0;
  let best: { readonly to: number; readonly other: number } | undefined;
  let least = Infinity;
  for (const [to, other] of waysFor(draft, server, taste, random)) {
    if (tries-- === 0 || found === ENOUGH) break;
    const mark = draft.mark();
    if (makeWay(draft, { server, to, other, taste })) {
      found++;
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
  const further = bestFor(draft, other, taste.scarcity);
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

/** A hypervisor, and a server on it that is smaller than this one and without which this one would fit; from anywhere on. */
function* waysFor(draft: Draft, server: number, taste: Taste, random: Random): Generator<[number, number]> {
  const { model, placement, isClosed } = draft;
  const { size } = taste;
  const { kinds, kindOf, canMove } = model;
  const kind = kindOf[server]!;
  const reach = kinds.reach[kinds.reachOf[kind]!]!;
  const from = pick(random, reach.length);
  for (let i = 0; i < reach.length; i++) {
    const to = reach[(from + i) % reach.length]!;
    if (isClosed[to] === 1) continue;
    const others = [...placement.on(to)];
    for (const other of others) {
      if (canMove[other] === 0 || size[kindOf[other]!]! >= size[kind]! || isInGroup(model, other)) continue;
      if (hasRoomWithout(placement, kind, to, kindOf[other]!)) yield [to, other];
    }
  }
}

function hasRoomWithout({ model, free }: Placement, kind: number, to: number, other: number): boolean {
  const { kinds, resourceCount } = model;
  for (let r = 0; r < resourceCount; r++) {
    const want = kinds.demand[kind * resourceCount + r]!;
    const gain = kinds.demand[other * resourceCount + r]!;
    if (want > 0 && free[to * resourceCount + r]! + gain < want) return false;
  }
  return true;
}

/** Servers that go together are not moved one by one. */
function isInGroup({ units, unitOf }: Model, server: number): boolean {
  const unit = unitOf[server]!;
  return units.start[unit + 1]! - units.start[unit]! > 1;
}
