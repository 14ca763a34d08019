import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  sayAbout,
  sayBetween,
  sayCount,
  sayDay,
  sayDuration,
  sayInstant,
  sayList,
} from '../../src/domain/say.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('an instant', () => {
  it.each([
    ['2026-11-24T22:58:00Z', 'UTC', 'Tue 24 Nov 2026 22:58 UTC'],
    ['2026-11-24T22:58:59Z', 'Europe/London', 'Tue 24 Nov 2026 22:58 GMT'],
    ['2026-09-03T23:05:00Z', 'Europe/London', 'Fri 4 Sep 2026 00:05 BST'],
    ['2026-11-24T22:58:00Z', 'Europe/Berlin', 'Tue 24 Nov 2026 23:58 CET'],
    ['2026-07-01T00:00:00Z', 'America/New_York', 'Tue 30 Jun 2026 20:00 EDT'],
    ['2026-11-24T22:58:00Z', 'Asia/Tokyo', 'Wed 25 Nov 2026 07:58 GMT+9'],
  ])('%s is said with weekday, year and zone: %s, "%s"', (instant, zone, said) => {
    expect(sayInstant(new Date(instant), zone)).toBe(said);
  });

  it('has a day that depends on where one asks', () => {
    const newYear = new Date('2027-01-01T00:30:00Z');

    expect(sayDay(newYear, 'UTC')).toBe('Fri 1 Jan 2027');
    expect(sayDay(newYear, 'America/New_York')).toBe('Thu 31 Dec 2026');
  });
});

describe('two days', () => {
  it.each([
    ['2026-12-01', '2026-12-03', 'between 1 and 3 Dec 2026'],
    ['2026-11-28', '2026-12-03', 'between 28 Nov and 3 Dec 2026'],
    ['2026-12-28', '2027-01-03', 'between 28 Dec 2026 and 3 Jan 2027'],
    ['2026-12-01T01:00:00Z', '2026-12-01T23:00:00Z', 'on Tue 1 Dec 2026'],
  ])('%s and %s are told apart: %s', (from, to, said) => {
    expect(sayBetween(new Date(from), new Date(to), 'UTC')).toBe(said);
  });
});

describe('a duration', () => {
  it.each([
    [0, '0 s'],
    [400, '400 ms'],
    [999.6, '1 s'],
    [41.2 * SECOND, '41 s'],
    [59.6 * SECOND, '1 min'],
    [6 * MINUTE + 20 * SECOND, '6 min'],
    [59 * MINUTE + 40 * SECOND, '1 h'],
    [2 * HOUR + 10 * MINUTE, '2 h 10 min'],
    [47 * HOUR, '47 h'],
    [48 * HOUR, '2 days'],
    [3 * DAY + 4 * HOUR, '3 days 4 h'],
    [-90 * SECOND, '-2 min'],
  ])('of %d ms is "%s"', (ms, said) => {
    expect(sayDuration(ms)).toBe(said);
  });

  it('that is an estimate says so', () => {
    expect(sayAbout(6 * MINUTE)).toBe('~6 min');
  });

  it('never fills a unit that has a larger one, and is never off by more than the smaller unit', () => {
    const size: Record<string, number> = { ms: 1, s: SECOND, min: MINUTE, h: HOUR, days: DAY };

    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 * DAY }), (ms) => {
        const parts = [...sayDuration(ms).matchAll(/(\d+) (\w+)/g)].map(
          ([, n, unit]) => [Number(n), unit!] as const,
        );
        const said = parts.reduce((sum, [n, unit]) => sum + n * size[unit]!, 0);
        const [largest] = parts;

        expect(Math.abs(said - ms)).toBeLessThanOrEqual(
          ms < HOUR ? size[largest![1]]! / 2 : ms < 2 * DAY ? MINUTE / 2 : HOUR / 2,
        );
        expect(sayDuration(ms)).not.toMatch(/\b(60 s|60 min|1000 ms)\b/);
      }),
    );
  });
});

describe('a count', () => {
  it.each([
    [sayCount(2, 'server'), '2 servers'],
    [sayCount(1, 'server'), '1 server'],
    [sayCount(0, 'server'), 'no servers'],
    [sayCount(2, 'entry', 'entries'), '2 entries'],
  ])('agrees with its noun: %s', (said, expected) => {
    expect(said).toBe(expected);
  });
});

describe('a list', () => {
  it.each([
    [0, 2, 'none'],
    [1, 2, 'hv01'],
    [2, 2, 'hv01 and hv02'],
    [3, 2, 'hv01, hv02 and hv03'],
    [4, 2, 'hv01, hv02 and 2 more'],
    [9, 2, 'hv01, hv02 and 7 more'],
    [4, undefined, 'hv01, hv02, hv03 and hv04'],
  ])('of %d, %s of them shown, is "%s"', (count, shown, said) => {
    const names = Array.from({ length: count }, (_, i) => `hv0${i + 1}`);

    expect(sayList(names, shown)).toBe(said);
  });
});
