/** Whether a failed call is sent again by the client itself, and after which pause. */
import { codeOf, type OpenStackError } from './error.ts';

/** All in ms. */
export interface Timing {
  /** For a connection, TLS included. */
  readonly connectMs: number;
  /** For an answer. */
  readonly answerMs: number;
  /** For a token: Keystone gives one in a moment, or it is in trouble. */
  readonly signInMs: number;
  /** For the answer of a list that asks every cell: Nova waits 60 s for one that is silent. */
  readonly listMs: number;
  /** Pause before the second try; doubles from there. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** No try begins later than this after the first. */
  readonly retryForMs: number;
}

/** A step tries five times, so that a run outlives two or three minutes without its cloud. */
export const TIMING: Timing = {
  connectMs: 10_000,
  answerMs: 60_000,
  signInMs: 10_000,
  listMs: 90_000,
  firstPauseMs: 500,
  longestPauseMs: 20_000,
  retryForMs: 30_000,
};

/** Where somebody waits for the answer: that Keystone is away is said within half a minute, two tries of a step together. */
export const IMPATIENT: Partial<Timing> = { retryForMs: 10_000 };

export interface Try {
  readonly error: OpenStackError;
  /** True when sending it twice is the same as sending it once. */
  readonly idempotent: boolean;
  /** Tries so far, at least 1. */
  readonly tries: number;
  readonly elapsedMs: number;
  readonly timing: Timing;
  /** Between 0 and 1. */
  readonly random: number;
}

/**
 * Ms to wait before the next try; undefined when there is none.
 *
 * What may have been accepted is sent again only if it is idempotent. A conflict is the caller's to
 * wait for, and an answer that was too slow has used up the time already.
 */
export function pauseBeforeRetry({
  error,
  idempotent,
  tries,
  elapsedMs,
  timing,
  random,
}: Try): number | undefined {
  const mayRepeat = idempotent ? isWorthRepeating(error) : wasNotAccepted(error);
  if (!mayRepeat) return undefined;
  const grown = Math.min(timing.longestPauseMs, timing.firstPauseMs * 2 ** (tries - 1));
  const pause = Math.max(grown * (0.5 + random / 2), error.retryAfterMs ?? 0);
  return elapsedMs + pause > timing.retryForMs ? undefined : pause;
}

function isWorthRepeating(error: OpenStackError): boolean {
  return error.retryable && error.status !== 409;
}

function wasNotAccepted(error: OpenStackError): boolean {
  return error.status === 429 || error.status === 503 || codeOf(error.cause) === 'ECONNREFUSED';
}
