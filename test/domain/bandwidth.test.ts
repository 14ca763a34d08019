import { describe, expect, it } from 'vitest';
import { allowedMs, measure, usualSpeed } from '../../src/domain/bandwidth.ts';

describe('usualSpeed', () => {
  it.each([
    ['nothing is measured', [], 100],
    ['too little is measured', [20, 20, 20, 20], 100],
    ['four in five were faster than one', [20, 300, 300, 300, 300, 300], 300],
    ['some were slow', [20, 20, 300, 300, 300, 300], 20],
    ['all were slower than can be believed', [1, 1, 1, 1, 1], 10],
    ['all were faster than can be believed', [9000, 9000, 9000, 9000, 9000], 1000],
  ])('when %s', (_, measured, speed) => {
    expect(usualSpeed(measured, 100)).toBe(speed);
  });
});

describe('measure', () => {
  it('keeps the latest thirty', () => {
    let measured: readonly number[] = [];
    for (let mb = 1; mb <= 40; mb += 1) measured = measure(measured, mb, 1);

    expect(measured).toEqual(Array.from({ length: 30 }, (_, index) => index + 11));
  });

  it.each([
    [100, 0],
    [0, 10],
    [100, -1],
  ])('leaves out %i MB in %i s', (mb, seconds) => {
    expect(measure([50], mb, seconds)).toEqual([50]);
  });
});

it.each([
  ['what it takes twice over', 30_000, 600_000],
  ['no less than the floor', 100, 300_000],
  ['no more than the ceiling', 10_000_000, 14_400_000],
])('a migration is given %s', (_, mb, ms) => {
  expect(allowedMs(mb, 100, { atLeastSeconds: 300, atMostSeconds: 14_400 })).toBe(ms);
});
