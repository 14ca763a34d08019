import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bounded, timeReader, unescapeHtml, webLink, worstFirst } from '../../src/clients/feed-text.ts';
import { wallClockAt } from '../../src/domain/local-time.ts';

describe('a time in a feed', () => {
  it.each([
    { zone: 'Europe/London', local: '2025-07-01 12:00:05', utc: '2025-07-01T11:00:05.000Z' },
    { zone: 'Europe/London', local: '2025-12-01 12:00', utc: '2025-12-01T12:00:00.000Z' },
    // The hour that the clocks jump over ends where it begins, and the one that they show twice is its first.
    { zone: 'Europe/London', local: '2025-03-30 01:30:00', utc: '2025-03-30T01:00:00.000Z' },
    { zone: 'Europe/London', local: '2025-10-26 01:30:00', utc: '2025-10-26T00:30:00.000Z' },
    { zone: 'Asia/Kathmandu', local: '2025-07-01T12:00:00', utc: '2025-07-01T06:15:00.000Z' },
    { zone: 'UTC', local: '2024-02-29 00:00:00', utc: '2024-02-29T00:00:00.000Z' },
    { zone: 'Asia/Tokyo', local: '2025-07-01T12:00:00+02:00', utc: '2025-07-01T10:00:00.000Z' },
    { zone: 'Asia/Tokyo', local: '2025-07-01T12:00:00.123Z', utc: '2025-07-01T12:00:00.123Z' },
  ])('$local in $zone is $utc', ({ zone, local, utc }) => {
    expect(timeReader(zone)(local)).toBe(utc);
  });

  it.each([
    '',
    'never',
    '0000-00-00 00:00:00',
    '2025-02-29 00:00:00',
    '2025-01-01',
    '2025-01-01 25:00:00',
    '2025-01-01 10:00:61',
    '1764230400',
  ])('%j is none', (text) => {
    expect(timeReader('Europe/London')(text)).toBeUndefined();
  });

  it('is what the clocks of the zone showed, whichever was asked before', () => {
    const zone = 'Australia/Lord_Howe';
    const read = timeReader(zone);
    const minute = fc
      .integer({ min: Date.UTC(2024, 0), max: Date.UTC(2027, 0) })
      .map((ms) => ms - (ms % 1000));

    fc.assert(
      fc.property(minute, (instant) => {
        const local = new Date(wallClockAt(instant, zone)).toISOString().slice(0, 19).replace('T', ' ');
        const found = Date.parse(read(local) ?? '');
        // Half an hour of the year happens twice.
        return (
          found === instant ||
          (found === instant - 30 * 60_000 && wallClockAt(found, zone) === wallClockAt(instant, zone))
        );
      }),
    );
  });
});

describe('a text in a feed', () => {
  const escape = (text: string) =>
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#039;');

  it('is again what it was before it was escaped, however often that was', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('&', '<', '"', "'", ';', 'amp;', 'lt', '#39;', 'a', '\n'),
    });

    fc.assert(
      fc.property(hostile, (text) => {
        expect(unescapeHtml(escape(text))).toBe(text);
        expect(unescapeHtml(unescapeHtml(escape(escape(text))))).toBe(text);
      }),
    );
  });

  it('has an end, and no blanks around it', () => {
    expect([bounded(' a b '), bounded(' \n'), bounded(undefined), bounded('abc', 2)]).toEqual([
      'a b',
      undefined,
      undefined,
      'ab',
    ]);
  });

  it.each([
    { text: 'https://x.example/a?b=1&c', link: 'https://x.example/a?b=1&c' },
    { text: 'http://x.example/"><script>', link: 'http://x.example/%22%3E%3Cscript%3E' },
    { text: 'javascript:alert(1)', link: undefined },
    { text: 'data:text/html,x', link: undefined },
    { text: '//x.example', link: undefined },
  ])('$text opens $link', ({ text, link }) => {
    expect(webLink(text)).toBe(link);
  });
});

it('tags that nobody ranked come after the others, by name', () => {
  const tags = ['b', 'High', 'a', 'EGI-Critical'];

  expect(tags.toSorted(worstFirst(['EGI-Critical', 'High']))).toEqual(['EGI-Critical', 'High', 'a', 'b']);
});
