/** Waiting between tries. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Retry } from './job.ts';

/** Resolves after `ms`, or as soon as the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

/** Doubles from `firstMs` up to `maxMs`; half of it is chance, so that many do not come back together. */
export function backoffMs({ firstMs, maxMs }: Retry, tries: number): number {
  const full = Math.min(firstMs * 2 ** (tries - 1), maxMs);
  return full / 2 + (Math.random() * full) / 2;
}
