/** Does a live migration under way get anywhere, or does its guest write faster than it is copied? */
import type { MigrationProgress } from './fleet.ts';
import { sayDuration } from './say.ts';

/** What has been seen of a migration since it runs; a queued or preparing one is not watched. */
export interface Watch {
  /** Since when it is watched, in ms. */
  readonly sinceMs: number;
  /** The least that was left to copy, and when that was first seen; null until the hypervisor has reported. */
  readonly low: { readonly bytes: number; readonly atMs: number } | null;
  /** How often its memory has been copied so far: processed over total. */
  readonly rewrites: number;
}

export interface Patience {
  readonly stalledAfterMs: number;
  readonly mostRewrites: number;
}

export function watchSince(sinceMs: number): Watch {
  return { sinceMs, low: null, rewrites: 0 };
}

/** Zeros mean that the hypervisor has not reported yet. */
export function watched(watch: Watch, seen: MigrationProgress | undefined, atMs: number): Watch {
  if (seen === undefined || seen.totalBytes <= 0) return watch;
  const { remainingBytes, processedBytes, totalBytes } = seen;
  const isLower = watch.low === null || remainingBytes < watch.low.bytes;
  return {
    ...watch,
    low: isLower ? { bytes: remainingBytes, atMs } : watch.low,
    rewrites: Math.max(watch.rewrites, processedBytes / totalBytes),
  };
}

/** Why it will not end by itself, in a sentence's second half; undefined while it gets on, or nobody can tell. */
export function whyGetsNowhere(
  { low, rewrites }: Watch,
  atMs: number,
  { stalledAfterMs, mostRewrites }: Patience,
): string | undefined {
  if (low === null) return undefined;
  if (low.bytes > 0 && rewrites > mostRewrites)
    return `its memory was copied ${rewrites.toFixed(1)} times over, and never less than ${sayBytes(low.bytes)} were left: it is written faster than it is copied`;
  const still = atMs - low.atMs;
  if (low.bytes > 0 && still >= stalledAfterMs)
    return `nothing less than ${sayBytes(low.bytes)} was left to copy for ${sayDuration(still)}`;
  return undefined;
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

function sayBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const amount = bytes / 1024 ** power;
  return `${amount < 10 && power > 0 ? amount.toFixed(1) : Math.round(amount)} ${UNITS[power]}`;
}
