/** Which servers go together? The members of a hard group of affinity; every other server goes alone. */
import { join, rootOf } from './pools.ts';
import { type Rows, rowsOf } from './rows.ts';

/** Units in the order of their first server. */
export function unitsOf(
  servers: number,
  together: readonly Int32Array[],
): { readonly units: Rows; readonly unitOf: Int32Array } {
  const above = new Int32Array(servers).map((_, s) => s);
  for (const members of together) for (const s of members) join(above, members[0]!, s);
  const unitOf = new Int32Array(servers);
  let count = 0;
  for (let s = 0; s < servers; s++) {
    const root = rootOf(above, s);
    unitOf[s] = root === s ? count++ : unitOf[root]!;
  }
  return { units: rowsOf(count, unitOf), unitOf };
}
