import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRange } from '../../src/server/byte-range.ts';

describe('a range of bytes', () => {
  it.each([
    ['from a byte on', 'bytes=3-', { start: 3, end: 10 }],
    ['between two', 'bytes=3-5', { start: 3, end: 6 }],
    ['one byte', 'bytes=0-0', { start: 0, end: 1 }],
    ['beyond the end', 'bytes=3-99', { start: 3, end: 10 }],
    ['the last ones', 'bytes=-4', { start: 6, end: 10 }],
    ['more last ones than there are', 'bytes=-99', { start: 0, end: 10 }],
    ['behind the end', 'bytes=10-', 'none'],
    ['none of the last', 'bytes=-0', 'none'],
    ['no header', undefined, undefined],
    ['nothing', 'bytes=-', undefined],
    ['the wrong way round', 'bytes=5-3', undefined],
    ['several ranges, which may be ignored', 'bytes=0-1,3-4', undefined],
    ['another unit', 'lines=0-1', undefined],
    ['no number', 'bytes=a-b', undefined],
  ])('of ten bytes: %s', (_, header, range) => {
    expect(parseRange(header, 10)).toEqual(range);
  });

  it('never leaves what is there, and is never empty', () => {
    const number = fc.option(fc.nat(50), { nil: '' });

    fc.assert(
      fc.property(number, number, fc.nat(40), (first, last, size) => {
        const range = parseRange(`bytes=${first}-${last}`, size);
        if (range === undefined || range === 'none') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeGreaterThan(range.start);
        expect(range.end).toBeLessThanOrEqual(size);
      }),
    );
  });
});
