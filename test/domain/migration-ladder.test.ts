import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextRung, whyTrouble } from '../../src/domain/migration-ladder.ts';
import { watched, watchSince, whyGetsNowhere } from '../../src/domain/migration-progress.ts';

const GIB = 1024 ** 3;
const PATIENCE = { stalledAfterMs: 150_000, mostRewrites: 3 };
const seen = (remainingGib: number, processedGib = 8 - remainingGib) => ({
  totalBytes: 8 * GIB,
  processedBytes: processedGib * GIB,
  remainingBytes: remainingGib * GIB,
});

/** Looks, as seconds since it runs and what was seen then. */
function watch(...looks: [number, ReturnType<typeof seen> | undefined][]) {
  return looks.reduce((sum, [second, progress]) => watched(sum, progress, second * 1000), watchSince(0));
}

describe('a migration that runs', () => {
  it.each<[string, [number, ReturnType<typeof seen> | undefined][], number, string | undefined]>([
    [
      'gets on',
      [
        [1, seen(7)],
        [100, seen(3)],
      ],
      200,
      undefined,
    ],
    [
      'has left no less to copy for 150 s',
      [
        [10, seen(2)],
        [80, seen(3)],
        [160, seen(2)],
      ],
      160,
      'nothing less than 2.0 GiB was left to copy for 3 min',
    ],
    [
      'rises and falls to a new low',
      [
        [10, seen(2)],
        [100, seen(5)],
        [159, seen(1.9)],
      ],
      200,
      undefined,
    ],
    [
      'copies its memory over and over',
      [
        [10, seen(1, 8)],
        [100, seen(0.5, 25)],
      ],
      100,
      'its memory was copied 3.1 times over, and never less than 512 MiB were left: it is written faster than it is copied',
    ],
    ['has copied much, and has nothing left', [[100, seen(0, 40)]], 900, undefined],
    [
      'has not been reported on',
      [
        [10, undefined],
        [100, { totalBytes: 0, processedBytes: 0, remainingBytes: 0 }],
      ],
      900,
      undefined,
    ],
  ])('%s', (_, looks, at, why) => {
    expect(whyGetsNowhere(watch(...looks), at * 1000, PATIENCE)).toBe(why);
  });

  it('is never called stalled within the window after a new low, nor spared after it', () => {
    const looks = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 100 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(looks, fc.integer({ min: 0, max: 400 }), (steps, later) => {
        let [second, low, lowAt] = [0, Infinity, 0];
        const all = steps.map(([pause, remaining]): [number, ReturnType<typeof seen>] => {
          second += pause;
          if (remaining < low) [low, lowAt] = [remaining, second];
          return [second, seen(remaining, 0)];
        });
        const at = second + later;

        const why = whyGetsNowhere(watch(...all), at * 1000, PATIENCE);

        expect(why !== undefined).toBe(at - lowAt >= 150);
      }),
    );
  });
});

describe('whyTrouble', () => {
  const stalled = watch([1, seen(2)]);

  it.each([
    [
      'is stalled while it runs',
      { phase: 'runs' as const, nowMs: 200_000, watch: stalled },
      /^nothing less than/,
    ],
    ['waits behind others', { phase: 'waits' as const, nowMs: 200_000, watch: stalled }, undefined],
    ['was forced already', { phase: 'forced' as const, nowMs: 200_000, watch: stalled }, undefined],
    [
      'waits for too long',
      { phase: 'waits' as const, nowMs: 300_000, watch: watchSince(0) },
      /^not moved within 5 min$/,
    ],
    [
      'runs for too long',
      { phase: 'runs' as const, nowMs: 300_000, watch: watchSince(0) },
      /^not moved within 5 min$/,
    ],
  ])('when it %s', (_, climb, why) => {
    const trouble = whyTrouble({ sinceMs: 0, withinMs: 300_000, ...climb }, PATIENCE);

    if (why === undefined) expect(trouble).toBeUndefined();
    else expect(trouble).toMatch(why);
  });
});

it.each([
  ['runs', 1, true, true, 'another target'],
  ['runs', 1, true, false, 'another target'],
  ['runs', 1, false, true, 'force-complete'],
  ['runs', 1, false, false, 'give up'],
  ['runs', 2, true, true, 'force-complete'],
  ['runs', 2, true, false, 'give up'],
  ['waits', 1, true, true, 'give up'],
  ['forced', 2, true, true, 'give up'],
] as const)(
  'the ladder when it %s, try %i, elsewhere %s, may force %s: %s',
  (phase, tries, elsewhere, mayForce, rung) => {
    expect(nextRung({ phase, tries, elsewhere, mayForce })).toBe(rung);
  },
);
