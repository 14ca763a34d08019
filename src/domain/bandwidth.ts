/** How fast do guests leave a hypervisor, by those that have left it, and how long may the next one take? */

/** MB/s of the latest migrations that finished, oldest first. */
export type Measured = readonly number[];

const KEPT = 30;
/** Fewer say nothing about the next one. */
const ENOUGH = 5;
/** Four in five were faster. */
const LOW = 0.2;
/** A measurement this far from what the site expects is a small guest or a wrong clock. */
const FARTHEST = 10;

/** The list with another measurement; what is no speed is left out. */
export function measure(before: Measured, mb: number, seconds: number): Measured {
  const speed = mb / seconds;
  return Number.isFinite(speed) && speed > 0 ? [...before, Math.round(speed * 10) / 10].slice(-KEPT) : before;
}

/** MB/s to reckon with; what the site expects where too little has been measured. */
export function usualSpeed(measured: Measured, expected: number): number {
  if (measured.length < ENOUGH) return expected;
  const sorted = measured.toSorted((a, b) => a - b);
  const low = sorted[Math.floor(LOW * (sorted.length - 1))] ?? expected;
  return Math.min(expected * FARTHEST, Math.max(expected / FARTHEST, low));
}

/** Time for so much at the usual speed, doubled because memory is written meanwhile; in ms. */
export function allowedMs(
  mb: number,
  mbPerSecond: number,
  { atLeastSeconds, atMostSeconds }: { readonly atLeastSeconds: number; readonly atMostSeconds: number },
): number {
  const seconds = (2 * mb) / mbPerSecond;
  return Math.max(atLeastSeconds, Math.min(atMostSeconds, seconds)) * 1000;
}
