/** Which problem does an error make of a request? Whatever is not foreseen says nothing about the inside. */
import { sayPath } from '../domain/words.ts';
import { RedisDistrusted, RefusedError } from '../engine/errors.ts';
import { KeyReused } from '../engine/request-key.ts';
import { RequestError } from '../start-run.ts';
import { RedisAway } from './ask-redis.ts';
import { faulty, Problem, type ProblemKind } from './problem.ts';

export interface FailedRequest {
  readonly id: string;
  /** It only looks: whatever became of it, nothing has changed. */
  readonly reads: boolean;
  readonly bodyBytes: number;
}

const SOON = { 'retry-after': '2' };

export function problemOf(error: unknown, request: FailedRequest): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof RequestError) {
    if (error.faults.length === 0) return new Problem('not-found', error.message);
    return faulty(
      error.faults.map(({ path, message }) => ({ path: sayPath(['options', ...path]), message })),
    );
  }
  if (error instanceof KeyReused) {
    const what = `This Idempotency-Key was given before with another request, and stands for ${error.run}`;
    return new Problem('key-reused', `${what}. Take a new key for a new run`);
  }
  if (error instanceof RefusedError) return new Problem('refused', error.message);
  if (error instanceof RedisDistrusted) {
    return new Problem(
      'unavailable',
      `${error.message}. Nothing is started until somebody has looked and says: nightshift accept-redis`,
    );
  }
  if (error instanceof RedisAway)
    return new Problem('unavailable', awayWords(error, request), { headers: SOON });
  return ofFramework(error, request) ?? unforeseen(request);
}

function awayWords({ asked }: RedisAway, { reads }: FailedRequest): string {
  if (reads) return 'Redis does not answer, so nothing can be looked up; ask again when it is back';
  if (!asked) return 'Redis does not answer, so nothing was done; ask again when it is back';
  return (
    'Redis stopped answering meanwhile: this may still be done when it is back, so look before you ask again ' +
    '(a run that was asked for with an Idempotency-Key can be asked for again as it is)'
  );
}

/** Errors of Fastify's own that the asker brought about. */
function ofFramework(error: unknown, request: FailedRequest): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, statusCode } = error as Error & { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new Problem('body-too-large', `A body may have ${request.bodyBytes / 1024} KiB`);
  const known = KNOWN[code ?? ''];
  if (known !== undefined) return new Problem(...known);
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return undefined;
  return new Problem('unreadable-request', error.message);
}

const KNOWN: Readonly<Record<string, readonly [ProblemKind, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['body-not-json', 'Send the body as application/json'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['unreadable-request', 'The body is empty: send {}, or no content type'],
  FST_ERR_BAD_URL: ['unreadable-request', 'The path is no URL: a % stands before two digits, as in %20'],
};

function unforeseen({ id }: FailedRequest): Problem {
  return new Problem('internal', `The log of the daemon says more; look there for request ${id}`);
}
