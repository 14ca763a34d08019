import { expect, it } from 'vitest';
import { parseUntil, untilFrom } from '../../src/domain/until.ts';

const NOW = new Date('2026-11-24T22:41:00Z');

it.each([
  { text: '2026-11-27', means: '2026-11-27T22:59:00.000Z' },
  { text: '2026-11-27T17:00', means: '2026-11-27T16:00:00.000Z' },
  { text: '2026-11-27 17:00', means: '2026-11-27T16:00:00.000Z' },
  { text: '2026-07-27T17:00', means: '2026-07-27T15:00:00.000Z' },
  { text: '2026-11-27T17:00Z', means: '2026-11-27T17:00:00.000Z' },
  { text: '2026-11-27T17:00:00Z', means: '2026-11-27T17:00:00.000Z' },
  { text: '8h', means: '2026-11-25T06:41:00.000Z' },
  { text: '3d', means: '2026-11-27T22:41:00.000Z' },
  { text: '2w', means: '2026-12-08T22:41:00.000Z' },
])('takes $text for $means in Berlin', ({ text, means }) => {
  expect(parseUntil(text, 'Europe/Berlin', NOW)?.toISOString()).toBe(means);
});

it.each(['', 'tomorrow', '2026-11-31', '2026-13-01', '2026-11-27T25:00', '27.11.2026', '3 d', '-3d', 'd'])(
  'takes "%s" for nothing',
  (text) => {
    expect(parseUntil(text, 'UTC', NOW)).toBeUndefined();
  },
);

it.each([
  {
    text: 'friday',
    fault:
      '"friday" is no time; say 2026-11-27 (that day included), 2026-11-27T17:00, or from now on 8h, 3d, 2w',
  },
  { text: '2026-11-24T22:41', fault: 'Tue 24 Nov 2026 22:41 UTC is past' },
  { text: '0h', fault: 'Tue 24 Nov 2026 22:41 UTC is past' },
])('says what is wrong with "$text"', ({ text, fault }) => {
  expect(untilFrom(text, { now: NOW, zone: 'UTC' })).toEqual({ fault });
});
