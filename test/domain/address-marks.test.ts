import { describe, expect, it } from 'vitest';
import {
  type AddressMark,
  addressKey,
  markedBy,
  type Sighting,
  whyNotMailed,
} from '../../src/domain/address-marks.ts';

const seen: Sighting = {
  address: 'Alice@Site.example',
  state: 'bounced',
  at: '2026-11-27T10:00:00.000Z',
  why: '5.1.1 no such user',
  source: 'bounce',
  mail: '<patch-compliance.alice.first.20261127@example.org>',
};

function mark(change: Partial<AddressMark>): AddressMark {
  return { state: 'bounced', since: '2026-11-20T10:00:00.000Z', why: 'before', source: 'bounce', ...change };
}

describe('an address', () => {
  it('is known whatever its capitals', () => {
    expect(addressKey(' Alice@Site.example ')).toBe('alice@site.example');
  });

  it('that bounces is marked with what was seen', () => {
    expect(markedBy(seen, undefined)).toEqual({
      state: 'bounced',
      since: seen.at,
      why: '5.1.1 no such user',
      source: 'bounce',
      mail: '<patch-compliance.alice.first.20261127@example.org>',
    });
  });

  it.each([
    { known: 'bounced', sees: 'bounced', news: false },
    { known: 'bounced', sees: 'complained', news: false },
    { known: 'bounced', sees: 'doubtful', news: false },
    { known: 'complained', sees: 'bounced', news: true },
    { known: 'complained', sees: 'complained', news: false },
    { known: 'doubtful', sees: 'complained', news: true },
    { known: 'doubtful', sees: 'doubtful', news: false },
    { known: 'doubtful', sees: 'bounced', news: true },
  ] as const)('that is $known and found $sees is news: $news', ({ known, sees, news }) => {
    expect(markedBy({ ...seen, state: sees }, mark({ state: known })) !== undefined).toBe(news);
  });

  it('that a person cleared is marked by what came later, and not by what came before', () => {
    const cleared = mark({ state: 'clear', source: 'person', by: 'kim' });
    expect(markedBy({ ...seen, at: '2026-11-20T09:59:59.999Z' }, cleared)).toBeUndefined();
    expect(markedBy({ ...seen, at: cleared.since }, cleared)).toBeUndefined();
    expect(markedBy(seen, cleared)).toMatchObject({ state: 'bounced', since: seen.at });
  });

  it('gets no mail when it bounced, and for that reason; any other does', () => {
    expect(whyNotMailed(mark({ why: '5.1.1 no such user' }))).toBe('5.1.1 no such user');
    expect(
      [undefined, ...(['complained', 'doubtful', 'clear'] as const)].map((state) =>
        whyNotMailed(state && mark({ state })),
      ),
    ).toEqual([undefined, undefined, undefined, undefined]);
  });
});
