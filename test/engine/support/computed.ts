/** Functions that trials of computing call in another thread. */
import { isMainThread } from 'node:worker_threads';

export function countTo(n: number, into: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...into, ['counted', n]]);
}

export function describeThread(): { main: boolean } {
  return { main: isMainThread };
}

/** Never returns. */
export function spin(): never {
  for (;;);
}

export function fail(why: string): never {
  throw new Error(why);
}
