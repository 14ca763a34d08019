/** What an exit code says, so that cron and scripts can tell one end from another. */
import { ConfigError } from '../config.ts';
import { RedisAway } from '../daemon.ts';
import { DataFileError } from '../domain/data-file.ts';
import { isRetryable } from '../domain/failure.ts';
import { RedisDistrusted, RefusedError } from '../engine/errors.ts';
import type { RunState } from '../engine/runs.ts';
import { RequestError } from '../start-run.ts';

export const EXIT = {
  done: 0,
  failed: 1,
  badInput: 2,
  waits: 3,
  away: 69,
  tryAgain: 75,
  configuration: 78,
} as const;

export const EXIT_CODES = `Exit codes:
   0  done               69  a service is away: Redis
   1  the run failed     75  try again, or resume what was handed over
   2  bad input          78  the configuration has faults
   3  the run waits, or needs a decision`;

/** The code for a run that is as far as it goes now. */
export function codeOfState(state: RunState): number {
  switch (state) {
    case 'succeeded':
      return EXIT.done;
    case 'failed':
    case 'cancelled':
    case 'quarantined':
      return EXIT.failed;
    case 'queued':
    case 'running':
    case 'waiting':
    case 'needs-decision':
      return EXIT.waits;
  }
}

/** The code for a command that could not be carried out. */
export function codeOfError(error: unknown): number {
  if (error instanceof ConfigError || isServerError(error)) return EXIT.configuration;
  if (error instanceof RequestError || error instanceof RefusedError || error instanceof DataFileError)
    return EXIT.badInput;
  if (error instanceof RedisDistrusted || error instanceof RedisAway) return EXIT.away;
  return isRetryable(error) ? EXIT.tryAgain : EXIT.failed;
}

/** By its name, so that a command that opens no server loads none. */
function isServerError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ServerError';
}
