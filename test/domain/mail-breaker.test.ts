import { describe, expect, it } from 'vitest';
import type { AddressMark } from '../../src/domain/address-marks.ts';
import { type MailsSeen, openMailBreaker } from '../../src/domain/mail-breaker.ts';

const RULE = { days: 14, mails: 20, bouncedPercent: 10, complainedPercent: 2 };
const NOW = new Date('2026-11-27T09:00:00Z');
const NONE: MailsSeen = {
  marks: [],
  refusals: [],
  mailed: new Map([
    ['20261126', 60],
    ['20261125', 40],
  ]),
  breaker: undefined,
  now: NOW,
};

function marks(count: number, more: Partial<AddressMark> = {}): AddressMark[] {
  return Array.from({ length: count }, (_, n) => ({
    state: 'bounced',
    since: '2026-11-26T10:00:00.000Z',
    why: 'no such user',
    source: 'bounce',
    mail: `<patch-compliance.a${n}.first.20261126@host>`,
    ...more,
  }));
}

function refusals(count: number) {
  return marks(count).map(({ mail = '', since }, n) => ({
    address: `a${n}@x`,
    reply: '550',
    at: since,
    mail,
  }));
}

describe('the breaker of mails to owners', () => {
  it.each([
    { what: 'as many bounce as may', seen: { marks: marks(10) }, open: false },
    { what: 'more bounce', seen: { marks: marks(11) }, open: true },
    {
      what: 'relay and mailbox tell of the same mails',
      seen: { marks: marks(8), refusals: refusals(8) },
      open: false,
    },
    { what: 'the relay refuses more', seen: { refusals: refusals(11) }, open: true },
    { what: 'two complain', seen: { marks: marks(2, { state: 'complained' }) }, open: false },
    { what: 'three complain', seen: { marks: marks(3, { state: 'complained' }) }, open: true },
    { what: 'others’ mails bounce', seen: { marks: marks(50, { mail: '<reboot.x@host>' }) }, open: false },
    {
      what: 'it was long ago',
      seen: { marks: marks(50, { since: '2026-11-01T10:00:00.000Z' }) },
      open: false,
    },
    {
      what: 'there were few mails',
      seen: { marks: marks(19), mailed: new Map([['20261126', 19]]) },
      open: false,
    },
  ])('opens: $open, when $what', ({ seen, open }) => {
    expect(openMailBreaker({ ...NONE, ...seen }, RULE) !== undefined).toBe(open);
  });

  it('says why', () => {
    expect(openMailBreaker({ ...NONE, marks: marks(11) }, RULE)).toEqual({
      state: 'open',
      since: NOW.toISOString(),
      why: 'of 100 mails to owners within 14 days, 11 did not arrive (10 % may)',
    });
  });

  it('stays as it is while it is open, and what came back before a person closed it counts no more', () => {
    const open = { state: 'open', since: '2026-11-20T09:00:00.000Z', why: 'x' } as const;
    const closed = { state: 'closed', since: '2026-11-26T12:00:00.000Z', why: 'x', by: 'kim' } as const;

    expect(openMailBreaker({ ...NONE, breaker: open }, RULE)).toBe(open);
    expect(openMailBreaker({ ...NONE, marks: marks(50), breaker: closed }, RULE)).toBeUndefined();
  });
});
