import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WEEKDAYS, type Window, windowAt, windowFault } from '../../src/domain/window.ts';

const nightly: Window = {
  open: '22:00',
  startBy: '04:00',
  backBy: '05:00',
  days: ['mon', 'tue', 'wed', 'thu'],
  except: [{ from: '2026-12-24', to: '2027-01-02' }],
};
const everyNight: Window = { ...nightly, days: WEEKDAYS, except: [] };

describe('windowAt', () => {
  it.each([
    { when: 'on a Thursday evening', now: '2026-11-26T22:30Z', day: '2026-11-26', mayStart: true },
    { when: 'at the moment it opens', now: '2026-11-26T22:00Z', day: '2026-11-26', mayStart: true },
    {
      when: 'on Friday at 02:00, for it opened on Thursday',
      now: '2026-11-27T02:00Z',
      day: '2026-11-26',
      mayStart: true,
    },
    {
      when: 'at startBy, for handing back only',
      now: '2026-11-27T04:00Z',
      day: '2026-11-26',
      mayStart: false,
    },
    {
      when: 'in the last minute before backBy',
      now: '2026-11-27T04:59Z',
      day: '2026-11-26',
      mayStart: false,
    },
    {
      when: 'in a night that reaches into an excepted day',
      now: '2026-12-24T02:00Z',
      day: '2026-12-23',
      mayStart: true,
    },
  ])('is open $when', ({ now, day, mayStart }) => {
    const state = windowAt(nightly, 'Europe/London', new Date(now));

    expect(state).toMatchObject({ current: { day }, mayStart });
  });

  it.each([
    { when: 'at backBy', now: '2026-11-26T05:00Z', next: '2026-11-26T22:00Z' },
    { when: 'a minute before it opens', now: '2026-11-26T21:59Z', next: '2026-11-26T22:00Z' },
    { when: 'on a Friday night', now: '2026-11-27T23:00Z', next: '2026-11-30T22:00Z' },
    {
      when: 'on Monday at 02:00, for it does not open on Sundays',
      now: '2026-11-30T02:00Z',
      next: '2026-11-30T22:00Z',
    },
    { when: 'in an excepted night', now: '2026-12-28T23:00Z', next: '2027-01-04T22:00Z' },
  ])('is closed $when, and tells when it opens', ({ now, next }) => {
    const state = windowAt(nightly, 'Europe/London', new Date(now));

    expect(state).toMatchObject({ mayStart: false, next: { opensAt: new Date(next) } });
    expect(state.current).toBeUndefined();
  });

  it.each([
    {
      night: 'clocks go forward in London',
      zone: 'Europe/London',
      now: '2026-03-28T23:00Z',
      opensAt: '2026-03-28T22:00Z',
      startBy: '2026-03-29T03:00Z',
      backBy: '2026-03-29T04:00Z',
    },
    {
      night: 'clocks go back in London',
      zone: 'Europe/London',
      now: '2026-10-24T23:00Z',
      opensAt: '2026-10-24T21:00Z',
      startBy: '2026-10-25T04:00Z',
      backBy: '2026-10-25T05:00Z',
    },
    {
      night: 'clocks go forward in Berlin',
      zone: 'Europe/Berlin',
      now: '2026-03-28T23:00Z',
      opensAt: '2026-03-28T21:00Z',
      startBy: '2026-03-29T02:00Z',
      backBy: '2026-03-29T03:00Z',
    },
    {
      night: 'clocks go back in Berlin',
      zone: 'Europe/Berlin',
      now: '2026-10-24T23:00Z',
      opensAt: '2026-10-24T20:00Z',
      startBy: '2026-10-25T03:00Z',
      backBy: '2026-10-25T04:00Z',
    },
    {
      night: 'clocks go forward in New York',
      zone: 'America/New_York',
      now: '2026-03-08T04:00Z',
      opensAt: '2026-03-08T03:00Z',
      startBy: '2026-03-08T08:00Z',
      backBy: '2026-03-08T09:00Z',
    },
    {
      night: 'clocks go back in New York',
      zone: 'America/New_York',
      now: '2026-11-01T04:00Z',
      opensAt: '2026-11-01T02:00Z',
      startBy: '2026-11-01T09:00Z',
      backBy: '2026-11-01T10:00Z',
    },
  ])('keeps to the wall clock in the night when $night', ({ zone, now, opensAt, startBy, backBy }) => {
    const { current } = windowAt(everyNight, zone, new Date(now));

    expect(current).toMatchObject({
      opensAt: new Date(opensAt),
      startBy: new Date(startBy),
      backBy: new Date(backBy),
    });
  });

  it.each([
    {
      what: 'opens at the jump when its time is skipped',
      open: '02:30',
      now: '2026-03-29T01:10Z',
      opensAt: '2026-03-29T01:00Z',
    },
    {
      what: 'opens once, the first time, when its time happens twice',
      open: '02:30',
      now: '2026-10-25T01:40Z',
      opensAt: '2026-10-25T00:30Z',
    },
  ])('$what', ({ open, now, opensAt }) => {
    const window = { ...everyNight, open };

    expect(windowAt(window, 'Europe/Berlin', new Date(now)).current?.opensAt).toEqual(new Date(opensAt));
  });

  it('never opens when every day is excepted', () => {
    const window = { ...nightly, except: [{ from: '2000-01-01', to: '2100-01-01' }] };

    expect(windowAt(window, 'UTC', new Date('2026-11-24T23:00Z'))).toEqual({ mayStart: false });
  });

  it('is open all the time when each day ends where the next begins', () => {
    const window = { ...everyNight, open: '00:00', startBy: '00:00', backBy: '00:00' };

    fc.assert(
      fc.property(instants, (now) => {
        expect(windowAt(window, 'Europe/London', now).mayStart).toBe(true);
      }),
    );
  });

  it('agrees with somebody who watches the clock on the wall minute by minute', () => {
    fc.assert(
      fc.property(windows, zones, instants, (window, zone, now) => {
        const state = windowAt(window, zone, now);

        expect(state.current !== undefined).toBe(watched(window, zone, now).open);
        expect(state.mayStart).toBe(watched(window, zone, now).mayStart);
        if (state.next && state.next.opensAt.getTime() - now.getTime() < 7 * 86_400_000) {
          expect(watched(window, zone, new Date(state.next.opensAt.getTime() - 60_000)).day).not.toBe(
            state.next.day,
          );
          expect(watched(window, zone, state.next.opensAt).day).toBe(state.next.day);
        }
      }),
    );
  });
});

describe('windowFault', () => {
  it.each([
    { open: '22:00', startBy: '04:00', backBy: '05:00' },
    { open: '22:00', startBy: '05:00', backBy: '05:00' },
    { open: '09:00', startBy: '16:00', backBy: '17:00' },
    { open: '00:00', startBy: '00:00', backBy: '00:00' },
  ])('has nothing against $open, $startBy, $backBy', (window) => {
    expect(windowFault(window)).toBeUndefined();
  });

  it.each([
    { why: 'after backBy', window: { open: '22:00', startBy: '06:00', backBy: '05:00' } },
    { why: 'before open', window: { open: '22:00', startBy: '21:00', backBy: '05:00' } },
    { why: 'open itself', window: { open: '22:00', startBy: '22:00', backBy: '05:00' } },
  ])('refuses a startBy that is $why', ({ window }) => {
    expect(windowFault(window)).toBe(
      `startBy (${window.startBy}) is not between open (22:00) and backBy (05:00)`,
    );
  });
});

/** Looks at the wall clock at every minute of the last 50 hours: what has it passed? */
function watched(
  window: Window,
  zone: string,
  now: Date,
): { open: boolean; mayStart: boolean; day?: string } {
  const shows = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  const shown = Array.from({ length: 50 * 60 }, (_, ago) => shows.format(now.getTime() - ago * 60_000));
  const earliest = shown.at(-1)!.slice(0, 10);
  for (const day of new Set(shown.map((time) => time.slice(0, 10)))) {
    const weekday = new Date(`${day}T12:00Z`).getUTCDay();
    const excepted = window.except.some(({ from, to }) => day >= from && day <= to);
    if (day === earliest || excepted || !window.days.includes(WEEKDAYS[weekday]!)) continue;
    const tomorrow = new Date(Date.parse(`${day}T12:00Z`) + 86_400_000).toISOString().slice(0, 10);
    const passed = (time: string) =>
      shown.some((minute) => minute >= `${time > window.open ? day : tomorrow} ${time}`);
    const opened = shown.some((minute) => minute >= `${day} ${window.open}`);
    if (opened && !passed(window.backBy)) return { open: true, mayStart: !passed(window.startBy), day };
  }
  return { open: false, mayStart: false };
}

const zones = fc.constantFrom(
  'Europe/London',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'UTC',
);

/** Minutes of 2026 and 2027, half of them within two days of a change of the clocks. */
const instants = fc
  .oneof(
    fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2027-12-31') }),
    fc
      .tuple(
        fc.constantFrom('2026-03-08', '2026-03-29', '2026-04-05', '2026-10-04', '2026-10-25', '2026-11-01'),
        fc.integer({ min: -86_400_000, max: 2 * 86_400_000 }),
      )
      .map(([day, past]) => Date.parse(day) + past),
  )
  .map((instant) => new Date(Math.floor(instant / 60_000) * 60_000));

const times = fc
  .oneof(
    fc.integer({ min: 0, max: 1439 }),
    // Where clocks jump.
    fc.integer({ min: 0, max: 240 }),
  )
  .map(
    (minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`,
  );

const windows: fc.Arbitrary<Window> = fc
  .record({
    open: times,
    startBy: times,
    backBy: times,
    days: fc.subarray([...WEEKDAYS], { minLength: 1 }),
    except: fc.constantFrom(
      [],
      [{ from: '2026-03-28', to: '2026-03-28' }],
      [{ from: '2026-10-24', to: '2026-11-01' }],
    ),
  })
  .filter((window) => windowFault(window) === undefined);
