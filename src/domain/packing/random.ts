/** Where does chance come from? From a seed: the same one gives the same numbers everywhere (mulberry32). */

/** Numbers from 0 up to 1, 1 excluded. */
export type Random = () => number;

export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An index below `count`. */
export function pick(random: Random, count: number): number {
  return Math.floor(random() * count);
}
