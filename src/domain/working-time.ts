/**
 * When is the working time of a day over, and which day is so many days, or working days, away?
 *
 * Whoever is given days has until the end of the last one's working time, on the clocks of `zone`.
 */
import { DAY_MS, instantOf, MINUTE_MS, type WallClock, wallClockAt } from './local-time.ts';
import { type DayRange, WEEKDAYS } from './window.ts';
import { show } from './words.ts';

export interface WorkingTime {
  /** `Europe/London` */
  readonly zone: string;
  /** At least one. */
  readonly days: readonly (typeof WEEKDAYS)[number][];
  /** Times of day, `09:00`; `to` is the later one. */
  readonly from: string;
  readonly to: string;
  readonly holidays: readonly DayRange[];
}

/** So many days of the calendar, or working days; negative: before. */
export interface Days {
  readonly count: number;
  readonly working: boolean;
}

/** Where holidays leave no working day for so long, any day will do. */
const SEARCHED_DAYS = 366;

export function graceFault(text: string): string | undefined {
  const { count } = parseGrace(text) ?? { count: 0 };
  return count > 0 ? undefined : `${show(text)} is no number of days (7d, 2w, or 5wd for working days)`;
}

/** `7d`, `2w`, `5wd`; undefined for anything else. */
export function parseGrace(text: string): Days | undefined {
  const [, amount, unit] = /^(\d{1,3})(d|w|wd)$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  return { count: Number(amount) * (unit === 'w' ? 7 : 1), working: unit === 'wd' };
}

export function remindFault(text: string): string | undefined {
  const isKnown = text === 'never' || parseRemind(text) !== undefined;
  return isKnown
    ? undefined
    : `${show(text)} is none of daily, weekly, never, and no number of days (3d, 2wd)`;
}

/** How often: `daily`, `weekly`, `3d`, `2wd`; undefined for `never`. */
export function parseRemind(text: string): Days | undefined {
  if (text === 'daily') return { count: 1, working: false };
  if (text === 'weekly') return { count: 7, working: false };
  return graceFault(text) === undefined ? parseGrace(text) : undefined;
}

export function offsetFault(text: string): string | undefined {
  const isKnown = text === 'first' || parseOffset(text) !== undefined;
  return isKnown ? undefined : `${show(text)} is neither first nor days from the due date (-2d, +0d, +3wd)`;
}

/** Days from the due date, `-2d`, `+0d`, `+3wd`; undefined for `first`. */
export function parseOffset(text: string): Days | undefined {
  const days = /^[+-]/.test(text) ? parseGrace(text.slice(1)) : undefined;
  return days && text.startsWith('-') ? { ...days, count: 0 - days.count } : days;
}

/**
 * The end of the working time of the day that lies so many days behind that of `instant` (before it, where the
 * count is negative); the day of `instant` itself does not count. Days of the calendar end where they end, also
 * on a holiday; working days only on one.
 */
export function endOfWork(instant: Date, days: Days, time: WorkingTime): Date {
  const wall = moveBy(dayOf(instant, time.zone), days, time) + minutesOf(time.to) * MINUTE_MS;
  return new Date(instantOf(wall, time.zone));
}

/** False on a holiday, and on a day of the week on which nobody works. */
export function isWorkingDay(instant: Date, time: WorkingTime): boolean {
  return worksOn(dayOf(instant, time.zone), time);
}

/** Why these times of day are none between which people work; undefined when they are. */
export function workdayFault({ from, to }: Pick<WorkingTime, 'from' | 'to'>): string | undefined {
  return from < to ? undefined : `to (${to}) is not later than from (${from})`;
}

/** The midnight with which the day begins. */
function dayOf(instant: Date, zone: string): WallClock {
  return Math.floor(wallClockAt(instant.getTime(), zone) / DAY_MS) * DAY_MS;
}

function moveBy(day: WallClock, { count, working }: Days, time: WorkingTime): WallClock {
  if (!working) return day + count * DAY_MS;
  const step = Math.sign(count) * DAY_MS;
  let at = day;
  for (let left = Math.abs(count); left > 0; left -= 1) at = nextWorkingDay(at, step, time);
  return at;
}

function nextWorkingDay(day: WallClock, step: number, time: WorkingTime): WallClock {
  for (let n = 1; n <= SEARCHED_DAYS; n += 1) if (worksOn(day + n * step, time)) return day + n * step;
  return day + step;
}

function worksOn(day: WallClock, { days, holidays }: WorkingTime): boolean {
  const date = new Date(day);
  const text = date.toISOString().slice(0, 10);
  return (
    days.includes(WEEKDAYS[date.getUTCDay()]!) && !holidays.some(({ from, to }) => from <= text && text <= to)
  );
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}
