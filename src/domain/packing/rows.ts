/** How are lists of different lengths kept in two arrays? */

/** Rows of variable length: those of `i` are `items[start[i]]` to `items[start[i + 1] - 1]`. */
export interface Rows {
  readonly start: Int32Array;
  readonly items: Int32Array;
}

/** Turns "row of each item" into rows. */
export function rowsOf(count: number, rowOf: Int32Array): Rows {
  const start = new Int32Array(count + 1);
  for (const row of rowOf) start[row + 1]!++;
  for (let row = 0; row < count; row++) start[row + 1]! += start[row]!;
  const next = start.slice();
  const items = new Int32Array(rowOf.length);
  for (const [item, row] of rowOf.entries()) items[next[row]!++] = item;
  return { start, items };
}
