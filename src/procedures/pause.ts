/** Waiting inside a step, in a way that ends as soon as nobody waits for the step any more. */

/** Resolves after `ms`; rejects with the signal's reason when it aborts before. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const over = Promise.withResolvers<void>();
  const stop = (): void => over.reject(signal.reason as Error);
  const timer = setTimeout(over.resolve, ms);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await over.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

export interface Polling {
  readonly everyMs: number;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/**
 * Looks again and again until `look` sees something, for the last time when `withinMs` is over; then
 * undefined. Rejects with what `look` throws, or with the signal's reason.
 */
export async function poll<T>(
  look: () => Promise<T | undefined>,
  { everyMs, withinMs, signal }: Polling,
): Promise<T | undefined> {
  const late = AbortSignal.timeout(Math.ceil(withinMs));
  for (;;) {
    const lastLook = late.aborted;
    const seen = await look();
    if (seen !== undefined || lastLook) return seen;
    await pause(everyMs, signal);
  }
}
