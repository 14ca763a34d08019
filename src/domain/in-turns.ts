/** How does long pure computing let others have their turn? It stops at places of its choice, and whoever drives it goes on. */

/** Computing that stops after every short while; what it stops with says nothing. */
export type InTurns<T> = Generator<undefined, T, undefined>;

/** All of it at once. */
export function atOnce<T>(work: InTurns<T>): T {
  for (;;) {
    const turn = work.next();
    if (turn.done === true) return turn.value;
  }
}
