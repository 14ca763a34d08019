/**
 * Is a maintenance window open, until when may work start and when must it be handed back?
 *
 * A window belongs to the day on which it opens: Mon–Thu 22:00–05:00 covers Friday 02:00, because it
 * opened on Thursday; `days` and `except` ask about that day only.
 */
import { DAY_MS, instantOf, MINUTE_MS, type WallClock, wallClockAt } from './local-time.ts';
import { sayAbout, sayInstant } from './say.ts';

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
type Weekday = (typeof WEEKDAYS)[number];

/** Days from the first to the last, both included, as `2026-12-24`. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

/** Times of day are `22:00`; those not after `open` belong to the next day. */
export interface Window {
  readonly open: string;
  /** From here on nothing new is started. */
  readonly startBy: string;
  /** By then everything is handed back. */
  readonly backBy: string;
  readonly days: readonly Weekday[];
  readonly except: readonly DayRange[];
}

/** A window of the configuration, with the zone whose clocks it means. */
export interface SiteWindow {
  readonly name: string;
  readonly times: Window;
  readonly zone: string;
}

interface Opening {
  /** The day on which it opens, `2026-11-24`. */
  readonly day: string;
  readonly opensAt: Date;
  readonly startBy: Date;
  readonly backBy: Date;
}

export interface WindowState {
  /** The opening that `now` lies in: from `opensAt` to just before `backBy`. */
  readonly current?: Opening;
  /** Nothing stands against starting work now: it is open and `startBy` is not over. */
  readonly mayStart: boolean;
  /** The next opening after `now`; absent when there is none within two years. */
  readonly next?: Opening;
}

const SEARCHED_DAYS = 2 * 366;

export function windowAt(window: Window, zone: string, now: Date): WindowState {
  const today = Math.floor(wallClockAt(now.getTime(), zone) / DAY_MS) * DAY_MS;
  let current: Opening | undefined;
  // From yesterday, whose window may reach into today.
  for (let day = today - DAY_MS; day <= today + SEARCHED_DAYS * DAY_MS; day += DAY_MS) {
    if (!opensOn(window, day)) continue;
    const opening = openingOf(window, zone, day);
    if (opening.opensAt > now) return stateOf(now, current, opening);
    if (now < opening.backBy) current = opening;
  }
  return stateOf(now, current, undefined);
}

/**
 * Why work that takes `needMs` may not begin now; undefined when it may. It must begin before `startBy` and
 * be over by `backBy`.
 */
export function whyNotNow({ name, times, zone }: SiteWindow, now: Date, needMs: number): string | undefined {
  const { current, mayStart, next } = windowAt(times, zone, now);
  const opens = next === undefined ? '' : `, which opens ${sayInstant(next.opensAt, zone)}`;
  if (current === undefined) return `outside the window ${name}${opens}`;
  if (!mayStart) return `nothing is started after ${times.startBy} (window ${name})`;
  if (now.getTime() + needMs <= current.backBy.getTime()) return undefined;
  return `it takes ${sayAbout(needMs)} and would not be back by ${times.backBy} (window ${name})`;
}

/** Why these three times make no window; undefined when they do. Each must be a time of day. */
export function windowFault(window: Pick<Window, 'open' | 'startBy' | 'backBy'>): string | undefined {
  if (lasts(window.open, window.startBy) <= lasts(window.open, window.backBy)) return undefined;
  return `startBy (${window.startBy}) is not between open (${window.open}) and backBy (${window.backBy})`;
}

function stateOf(now: Date, current: Opening | undefined, next: Opening | undefined): WindowState {
  return {
    ...(current && { current }),
    mayStart: current !== undefined && now < current.startBy,
    ...(next && { next }),
  };
}

function opensOn(window: Window, day: WallClock): boolean {
  const date = dateOf(day);
  return (
    window.days.includes(WEEKDAYS[new Date(day).getUTCDay()]!) &&
    !window.except.some(({ from, to }) => from <= date && date <= to)
  );
}

function openingOf(window: Window, zone: string, day: WallClock): Opening {
  const open = day + minutesOf(window.open) * MINUTE_MS;
  const at = (wall: WallClock) => new Date(instantOf(wall, zone));
  return {
    day: dateOf(day),
    opensAt: at(open),
    startBy: at(open + lasts(window.open, window.startBy) * MINUTE_MS),
    backBy: at(open + lasts(window.open, window.backBy) * MINUTE_MS),
  };
}

/** Minutes from `open` to the next time the clock shows `end`: 1 to 1440. */
function lasts(open: string, end: string): number {
  const minutes = minutesOf(end) - minutesOf(open);
  return minutes > 0 ? minutes : minutes + 24 * 60;
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function dateOf(day: WallClock): string {
  return new Date(day).toISOString().slice(0, 10);
}
