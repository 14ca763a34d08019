/** How long to wait between tries. */
import type { Retry } from './job.ts';

/** Doubles from `firstMs` up to `maxMs`; half of it is `chance`, from 0 to 1, so that many do not come back together. */
export function backoffMs({ firstMs, maxMs }: Retry, tries: number, chance: number): number {
  const full = Math.min(firstMs * 2 ** (tries - 1), maxMs);
  return full / 2 + (chance * full) / 2;
}
