import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  endOfWork,
  graceFault,
  isWorkingDay,
  offsetFault,
  parseGrace,
  parseOffset,
  parseRemind,
  remindFault,
  type WorkingTime,
} from '../../src/domain/working-time.ts';

const LONDON: WorkingTime = {
  zone: 'Europe/London',
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '09:00',
  to: '17:00',
  holidays: [{ from: '2026-12-25', to: '2026-12-28' }],
};

const end = (start: string, grace: string, time = LONDON) =>
  endOfWork(new Date(start), parseGrace(grace)!, time).toISOString().replace(':00.000Z', 'Z');

describe('endOfWork', () => {
  it.each([
    { what: 'seven days on', start: '2026-11-20T09:00Z', grace: '7d', due: '2026-11-27T17:00Z' },
    { what: 'two weeks on', start: '2026-11-20T09:00Z', grace: '2w', due: '2026-12-04T17:00Z' },
    { what: 'a Sunday, of calendar days', start: '2026-11-20T09:00Z', grace: '2d', due: '2026-11-22T17:00Z' },
    {
      what: 'a holiday, of calendar days',
      start: '2026-12-18T09:00Z',
      grace: '7d',
      due: '2026-12-25T17:00Z',
    },
    {
      what: 'Friday from Friday, past the weekend',
      start: '2026-11-20T09:00Z',
      grace: '5wd',
      due: '2026-11-27T17:00Z',
    },
    {
      what: 'the same from late on Friday',
      start: '2026-11-20T22:00Z',
      grace: '5wd',
      due: '2026-11-27T17:00Z',
    },
    { what: 'Monday from Saturday', start: '2026-11-21T09:00Z', grace: '1wd', due: '2026-11-23T17:00Z' },
    {
      what: 'past Christmas and a weekend',
      start: '2026-12-24T09:00Z',
      grace: '1wd',
      due: '2026-12-29T17:00Z',
    },
    { what: 'over the leap day', start: '2028-02-28T09:00Z', grace: '1d', due: '2028-02-29T17:00Z' },
    { what: 'a working leap day', start: '2028-02-28T09:00Z', grace: '2wd', due: '2028-03-01T17:00Z' },
    {
      what: '28 February from the leap day, a year on',
      start: '2028-02-29T09:00Z',
      grace: '365d',
      due: '2029-02-28T17:00Z',
    },
    {
      what: 'by summer time, once the clocks went forward',
      start: '2027-03-22T09:00Z',
      grace: '7d',
      due: '2027-03-29T16:00Z',
    },
    {
      what: 'on the very day that loses an hour',
      start: '2027-03-27T09:00Z',
      grace: '1d',
      due: '2027-03-28T16:00Z',
    },
    {
      what: 'by winter time, once they went back',
      start: '2026-10-19T09:00Z',
      grace: '7d',
      due: '2026-10-26T17:00Z',
    },
    {
      what: 'on the very day that has 25 hours',
      start: '2026-10-24T09:00Z',
      grace: '1d',
      due: '2026-10-25T17:00Z',
    },
  ])('is $what', ({ start, grace, due }) => {
    expect(end(start, grace)).toBe(due);
  });

  it.each([
    // 09:00 in UTC on Friday is 23:00 on Friday there, and 12:00 is Saturday.
    { zone: 'Pacific/Kiritimati', start: '2026-11-20T09:00Z', due: '2026-11-23T03:00Z' },
    { zone: 'Pacific/Kiritimati', start: '2026-11-22T12:00Z', due: '2026-11-24T03:00Z' },
    { zone: 'Pacific/Pago_Pago', start: '2026-11-21T09:00Z', due: '2026-11-24T04:00Z' },
    { zone: 'Asia/Kathmandu', start: '2026-11-20T09:00Z', due: '2026-11-23T11:15Z' },
  ])('counts the days of $zone from $start on', ({ zone, start, due }) => {
    expect(end(start, '1wd', { ...LONDON, zone })).toBe(due);
  });

  it('is before, where the count is negative', () => {
    const due = new Date('2026-11-30T17:00Z');

    expect(endOfWork(due, parseOffset('-2d')!, LONDON)).toEqual(new Date('2026-11-28T17:00Z'));
    expect(endOfWork(due, parseOffset('-2wd')!, LONDON)).toEqual(new Date('2026-11-26T17:00Z'));
    expect(endOfWork(due, parseOffset('+0d')!, LONDON)).toEqual(due);
  });

  it('takes any day where holidays leave none for a year', () => {
    const holidays = [{ from: '2020-01-01', to: '2099-12-31' }];

    expect(end('2026-11-20T09:00Z', '2wd', { ...LONDON, holidays })).toBe('2026-11-22T17:00Z');
  });

  it('is a working day, later for more days, and never before the start', () => {
    const start = fc.date({ min: new Date('2020-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
    const zone = fc.constantFrom('Europe/London', 'Pacific/Kiritimati', 'America/St_Johns', 'UTC');
    fc.assert(
      fc.property(start, zone, fc.integer({ min: 1, max: 60 }), (from, place, count) => {
        const time = { ...LONDON, zone: place };
        const due = endOfWork(from, { count, working: true }, time);

        expect(isWorkingDay(due, time)).toBe(true);
        expect(due > from).toBe(true);
        expect(endOfWork(from, { count: count + 1, working: true }, time) > due).toBe(true);
        expect(endOfWork(from, { count, working: false }, time) <= due).toBe(true);
      }),
    );
  });
});

describe('what a policy says of days', () => {
  it.each(['7d', '2w', '5wd', '999d'])('may be %s', (text) => {
    expect(graceFault(text)).toBeUndefined();
  });

  it.each(['', '0d', '0wd', '7', 'd', '-7d', '1.5d', '7 d', '1000d', '7D', '7days'])(
    'may not be "%s"',
    (text) => {
      expect(graceFault(text)).toContain(`${JSON.stringify(text)} is no number of days`);
    },
  );

  it.each([
    { text: 'daily', days: { count: 1, working: false } },
    { text: 'weekly', days: { count: 7, working: false } },
    { text: '2wd', days: { count: 2, working: true } },
    { text: 'never', days: undefined },
  ])('reminds $text', ({ text, days }) => {
    expect(remindFault(text)).toBeUndefined();
    expect(parseRemind(text)).toEqual(days);
  });

  it.each(['hourly', '0d', ''])('does not remind "%s"', (text) => {
    expect(remindFault(text)).toContain('none of daily, weekly, never');
  });

  it.each(['first', '-2d', '+0d', '+3wd'])('escalates at %s', (text) => {
    expect(offsetFault(text)).toBeUndefined();
  });

  it.each(['2d', '', 'last', '+-2d', '--2d', '+d'])('does not escalate at "%s"', (text) => {
    expect(offsetFault(text)).toContain('neither first nor days from the due date');
  });
});
