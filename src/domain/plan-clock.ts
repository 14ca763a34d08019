/** When does each move of a plan end, if each takes what is predicted and nothing waits for a whole wave? */
import type { FleetFile } from './fleet-file.ts';
import { MoveOrder, type OrderedMove, type OrderRules } from './move-order.ts';

type Timed = OrderedMove & { readonly seconds: number };

/** Seconds from the first move to each one's end. What never begins is left out. */
export function endsOf<M extends Timed>(
  waves: readonly (readonly M[])[],
  rules: OrderRules<M>,
): ReadonlyMap<M, number> {
  const order = new MoveOrder(waves, rules);
  const ends = new Map<M, number>();
  for (let now = 0; ; ) {
    const begun = order.next();
    order.begin(begun);
    for (const move of begun) ends.set(move, now + move.seconds);
    const underWay = order.underWay;
    if (underWay.length === 0) return ends;
    now = underWay.reduce((first, move) => Math.min(first, ends.get(move)!), Number.POSITIVE_INFINITY);
    for (const move of underWay) if (ends.get(move)! <= now) order.end(move);
  }
}

/** Seconds that all moves take together. */
export function makespanOf<M extends Timed>(waves: readonly (readonly M[])[], rules: OrderRules<M>): number {
  return endsOf(waves, rules)
    .values()
    .reduce((most, end) => Math.max(most, end), 0);
}

/** Servers that a hard group of affinity keeps together with others, by id. */
export function boundServers({ groups }: Pick<FleetFile, 'groups'>): ReadonlySet<string> {
  const together = groups.filter(({ policy, members }) => policy === 'affinity' && members.length > 1);
  return new Set(together.flatMap(({ members }) => members));
}
