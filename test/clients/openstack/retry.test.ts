/** When the client tries again by itself, and how long it waits. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenStackError } from '../../../src/clients/openstack/error.ts';
import { pauseBeforeRetry, TIMING, type Try } from '../../../src/clients/openstack/retry.ts';

function failed(status: number | string, more: Partial<Try> = {}, retryAfterMs?: number): Try {
  const fault =
    typeof status === 'number'
      ? {
          retryable: ![400, 403].includes(status),
          status,
          ...(retryAfterMs !== undefined && { retryAfterMs }),
        }
      : { retryable: true, cause: Object.assign(new Error(), { code: status }) };
  const error = new OpenStackError('failed', fault);
  return { error, idempotent: true, tries: 1, elapsedMs: 0, timing: TIMING, random: 1, ...more };
}

describe('the pause before the next try', () => {
  it.each([
    ['500 ms after the first', failed(500), 500],
    ['half of that at least, by chance', failed(500, { random: 0 }), 250],
    ['twice as long after the second', failed(500, { tries: 2 }), 1000],
    ['at most 20 s', failed(500, { tries: 30 }), 20_000],
    ['what the service asks for, when that is longer', failed(429, {}, 7000), 7000],
    ['our own, when the service asks for less', failed(429, {}, 10), 500],
    ['none when the service asks for more than there is', failed(429, {}, 31_000), undefined],
    ['none when the time is over', failed(500, { elapsedMs: 29_600 }), undefined],
    ['none after a conflict, which is the caller’s to wait for', failed(409), undefined],
    ['none after what will not go well later', failed(403), undefined],
  ])('is %s', (_, attempt, ms) => {
    expect(pauseBeforeRetry(attempt)).toBe(ms);
  });

  it.each([
    [429, true],
    [503, true],
    ['ECONNREFUSED', true],
    ['ECONNRESET', false],
    ['ETIMEDOUT', false],
    [500, false],
    [502, false],
    [504, false],
    [409, false],
  ])('after %s comes for what must not happen twice: %s', (status, comes) => {
    expect(pauseBeforeRetry(failed(status, { idempotent: false })) !== undefined).toBe(comes);
  });

  it('never leads past the end of the time, and never undercuts what the service asked for', () => {
    const times = fc.record({
      tries: fc.integer({ min: 1, max: 40 }),
      elapsedMs: fc.integer({ min: 0, max: 45_000 }),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 45_000 }), (more, askedMs) => {
        const pause = pauseBeforeRetry(failed(503, more, askedMs));

        if (pause === undefined) return;
        expect(pause).toBeGreaterThanOrEqual(askedMs);
        expect(more.elapsedMs + pause).toBeLessThanOrEqual(TIMING.retryForMs);
      }),
    );
  });
});
