/** Which hypervisors have nothing to do with each other? Those between which no server can move, not even by way of others. */
import type { FleetKinds } from './kinds.ts';

/** Pools are numbered in the order of their first hypervisor; one that takes nothing may be a pool of its own. */
export function poolsOf(
  hypervisors: number,
  {
    home,
    kinds,
    kindOf,
    canMove,
  }: {
    readonly home: Int32Array;
    readonly kinds: FleetKinds;
    readonly kindOf: Int32Array;
    readonly canMove: Uint8Array;
  },
): { readonly poolOf: Int32Array; readonly poolCount: number } {
  const above = new Int32Array(hypervisors).map((_, h) => h);
  const joined = new Set<number>();
  for (const [s, from] of home.entries()) {
    if (canMove[s] === 0) continue;
    const reachIndex = kinds.reachOf[kindOf[s]!]!;
    const reach = kinds.reach[reachIndex]!;
    if (!joined.has(reachIndex)) for (const h of reach) join(above, reach[0]!, h);
    joined.add(reachIndex);
    if (reach.length > 0) join(above, reach[0]!, from);
  }
  const numbers = new Map<number, number>();
  const poolOf = above.map((_, h) => {
    const root = rootOf(above, h);
    if (!numbers.has(root)) numbers.set(root, numbers.size);
    return numbers.get(root)!;
  });
  return { poolOf, poolCount: numbers.size };
}

/** The root of a set in a forest; makes the way there shorter. */
export function rootOf(above: Int32Array, one: number): number {
  let at = one;
  while (above[at] !== at) {
    above[at] = above[above[at]!]!;
    at = above[at]!;
  }
  return at;
}

/** Joins two sets; the lower root stays one. */
export function join(above: Int32Array, a: number, b: number): void {
  const x = rootOf(above, a);
  const y = rootOf(above, b);
  above[Math.max(x, y)] = Math.min(x, y);
}
