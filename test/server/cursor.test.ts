import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCursor, writeCursor } from '../../src/server/cursor.ts';

describe('a cursor', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(fc.record({ atMs: fc.maxSafeNat(), id: fc.string() }), (place) => {
        expect(readCursor(writeCursor(place))).toEqual(place);
      }),
    );
  });

  it.each(['', 'x', 'bnVsbA', btoa('[1]'), btoa('["1","a"]'), btoa('[1.5,"a"]'), btoa('{}'), btoa('[1,"a"')])(
    'that was not written here is none: %j',
    (cursor) => {
      expect(readCursor(cursor)).toBeUndefined();
    },
  );

  it('of any text at all does no harm', () => {
    fc.assert(fc.property(fc.string(), (text) => void readCursor(text)));
  });
});
