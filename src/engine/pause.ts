/** How long to wait between tries. */
import type { Retry } from './job.ts';

/** Doubles from `firstMs` up to `maxMs`; half of it is chance, so that many do not come back together. */
export function backoffMs({ firstMs, maxMs }: Retry, tries: number): number {
  const full = Math.min(firstMs * 2 ** (tries - 1), maxMs);
  return full / 2 + (Math.random() * full) / 2;
}
