/** Waiting inside a step, in a way that ends as soon as nobody waits for the step any more. */
import type { StepScope } from '../context.ts';

export interface Polling extends Pick<StepScope, 'signal' | 'timers'> {
  readonly everyMs: number;
  readonly withinMs: number;
}

/**
 * Looks again and again until `look` sees something, for the last time when `withinMs` is over; then
 * undefined. Rejects with what `look` throws, or with the signal's reason.
 */
export async function poll<T>(
  look: () => Promise<T | undefined>,
  { everyMs, withinMs, signal, timers }: Polling,
): Promise<T | undefined> {
  const late = timers.after(withinMs);
  for (;;) {
    const lastLook = late.aborted;
    const seen = await look();
    if (seen !== undefined || lastLook) return seen;
    await timers.pause(everyMs, signal);
  }
}
