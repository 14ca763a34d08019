/** On which day and at what hour may an owner be written to, and when is a finding's next reminder or escalation? */
import { secondsOf } from './case-clock.ts';
import { type Policy, workingTimeOf } from './compliance.ts';
import { DAY_MS, instantOf, MINUTE_MS, wallClockAt } from './local-time.ts';
import { sayInstant } from './say.ts';
import { endOfWork, isWorkingDay, parseOffset, parseRemind, type WorkingTime } from './working-time.ts';

/** The clock of one run. Moments are milliseconds since 1970, instants ISO 8601 in UTC. */
export interface NoticeClock {
  readonly now: Date;
  /** The same to the second, as rows hold it. */
  readonly at: string;
  /** `20261127`: the day on the policy's clocks, in which nobody gets two notices of one kind. */
  readonly period: string;
  readonly zone: string;
  /** Until when one who was told then may take: the due date; the end of the next working day where that was over. */
  readonly askedBy: (due: string, told: string) => string;
  /** From when on a step of the escalation counts for what was first told then. */
  readonly stepAt: (at: string, due: string, told: string) => number;
  /** From when on one who was told then is told again; undefined for never. */
  readonly remindAt: (remind: string, told: string) => number | undefined;
  /** Why nothing is sent at this hour, and from when on it is; undefined where it is. */
  readonly closed: (urgency: 'critical' | 'usual') => Closed | undefined;
}

interface Closed {
  readonly hold: 'digest' | 'quiet hours';
  readonly why: string;
  readonly until: Date;
}

/** Where the policy leaves no day for digests for so long, any day will do. */
const SEARCHED_DAYS = 366;
const NEXT_WORKING_DAY = { count: 1, working: true };

export function noticeClock(policy: Policy, siteZone: string, now: Date): NoticeClock {
  const time = workingTimeOf(policy, siteZone);
  const { zone } = time;
  const askedBy = remembered((due, told) =>
    due > told ? due : secondsOf(endOfWork(new Date(told), NEXT_WORKING_DAY, time)),
  );
  const momentOf = remembered((offset, due) => offsetFrom(due, offset, time));
  return {
    now,
    at: secondsOf(now),
    period: dayIn(now.getTime(), zone).replaceAll('-', ''),
    zone,
    askedBy,
    stepAt: (at, due, told) => {
      if (at === 'first') return Date.parse(told);
      return momentOf(at, at.startsWith('-') ? due : askedBy(due, told));
    },
    remindAt: remembered((remind, told) => {
      const days = parseRemind(remind);
      return days && startOfDay(endOfWork(new Date(told), days, time), zone);
    }),
    closed: (urgency) => quiet(policy, zone, { now, urgency }) ?? early(policy, time, { now, urgency }),
  };
}

/** What comes before the due date counts from the morning of its day on, what comes after it from the end of work. */
function offsetFrom(due: string, offset: string, time: WorkingTime): number {
  const end = endOfWork(new Date(due), parseOffset(offset)!, time);
  if (offset.startsWith('-')) return startOfDay(end, time.zone);
  // A due date may be later in the day than the end of work: an exemption's is.
  return Math.max(end.getTime(), Date.parse(due));
}

type Hour = { readonly now: Date; readonly urgency: 'critical' | 'usual' };

function quiet({ quietHours }: Policy, zone: string, { now, urgency }: Hour): Closed | undefined {
  if (quietHours === undefined || (quietHours.exceptCritical && urgency === 'critical')) return undefined;
  const { from, to } = quietHours;
  const wall = wallClockAt(now.getTime(), zone);
  const time = new Date(wall).toISOString().slice(11, 16);
  const isQuiet = from < to ? from <= time && time < to : from <= time || time < to;
  if (!isQuiet) return undefined;
  const until = new Date(atTime(dayOf(wall) + (time < to ? 0 : DAY_MS), to, zone));
  return { hold: 'quiet hours', why: `quiet hours until ${sayInstant(until, zone)}`, until };
}

function early({ digest }: Policy, time: WorkingTime, { now, urgency }: Hour): Closed | undefined {
  if (urgency === 'critical' && digest.criticalImmediately) return undefined;
  const today = dayOf(wallClockAt(now.getTime(), time.zone));
  for (let n = 0; n <= SEARCHED_DAYS; n += 1) {
    const until = new Date(atTime(today + n * DAY_MS, digest.at, time.zone));
    if (!isWorkingDay(until, { ...time, days: digest.days })) continue;
    if (until <= now && n === 0) return undefined;
    return { hold: 'digest', why: `the next digest is on ${sayInstant(until, time.zone)}`, until };
  }
  return undefined;
}

/** Few dates are the dates of many findings. */
function remembered<T>(answer: (first: string, second: string) => T): (first: string, second: string) => T {
  const known = new Map<string, Map<string, T>>();
  return (first, second) => {
    const answers = known.get(first) ?? new Map<string, T>();
    if (answers.size === 0) known.set(first, answers);
    if (!answers.has(second)) answers.set(second, answer(first, second));
    return answers.get(second)!;
  };
}

function startOfDay(instant: Date, zone: string): number {
  return instantOf(dayOf(wallClockAt(instant.getTime(), zone)), zone);
}

function dayIn(instant: number, zone: string): string {
  return new Date(wallClockAt(instant, zone)).toISOString().slice(0, 10);
}

function dayOf(wall: number): number {
  return Math.floor(wall / DAY_MS) * DAY_MS;
}

function atTime(day: number, time: string, zone: string): number {
  return instantOf(day + (Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) * MINUTE_MS, zone);
}
