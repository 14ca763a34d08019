/** When an owner counts as told, and when a mail may go to one. */
import { expect, it } from 'vitest';
import {
  mailKey,
  type Notice,
  nextMailAt,
  standingNotice,
  whyTooEarly,
} from '../../src/domain/owner-notices.ts';
import { server } from '../support/builders.ts';

const NOTICE: Notice = { email: 'a@alpha.example', by: 'user', at: '2026-11-24T23:00:00Z', run: 'r1' };
const TOLD = { db: NOTICE };
const db = server('db', 'hv1');

function early(at: string, notices: Readonly<Record<string, Notice>> = TOLD, noticeHours = 48) {
  return whyTooEarly([db], { notices, noticeHours, now: new Date(at) });
}

it('lets nothing be done before the notice is old enough', () => {
  expect(early('2026-11-26T22:59:59Z')).toEqual({
    why: 'too early to stop or cold-migrate db db… (a@alpha.example was told Tue 24 Nov 2026 23:00 UTC, so not before Thu 26 Nov 2026 23:00 UTC)',
    tell: [],
  });
  expect(early('2026-11-26T23:00:00Z')).toBeUndefined();
});

it('has those told of whom nobody was, but none where no notice is wished', () => {
  expect(early('2026-11-26T23:00:00Z', {})?.tell).toEqual(['db']);
  expect(early('2026-11-26T23:00:00Z', {}, 0)).toBeUndefined();
});

it('is not held by an owner whom nobody knows', () => {
  expect(early('2026-11-24T23:00:01Z', { db: { ...NOTICE, email: null, by: null } })).toBeUndefined();
});

it('forgets a notice after a month, and takes an answer to one run for no answer to another', () => {
  const now = new Date('2026-11-25T00:00:00Z');
  expect(standingNotice(TOLD, 'db', { now, run: 'r1' })).toBe(NOTICE);
  expect(standingNotice(TOLD, 'db', { now, run: 'r2' })).toBeUndefined();
  expect(standingNotice(TOLD, 'db', { now: new Date('2026-12-24T22:59:59Z') })).toBe(NOTICE);
  expect(standingNotice(TOLD, 'db', { now: new Date('2026-12-24T23:00:00Z') })).toBeUndefined();
});

it('allows one mail a day, however the address is written', () => {
  const last = { at: '2026-11-24T23:00:00Z', run: 'r1' };
  expect(nextMailAt(last, new Date('2026-11-25T22:59:59Z'))).toEqual(new Date('2026-11-25T23:00:00Z'));
  expect(nextMailAt(last, new Date('2026-11-25T23:00:00Z'))).toBeUndefined();
  expect(nextMailAt(undefined, new Date())).toBeUndefined();
  expect(mailKey('Alice@Alpha.example')).toBe(mailKey('alice@alpha.example'));
});
