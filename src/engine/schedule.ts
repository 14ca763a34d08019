/**
 * When is a job due? Cron expressions in the job's own time zone: a local time that a clock change
 * skips is due once, right after the gap; one that happens twice is due once, the first time.
 */
import { CronExpressionParser } from 'cron-parser';

export interface Schedule {
  /** Five fields. */
  readonly cron: string;
  /** IANA name of the zone whose wall clock the fields mean. */
  readonly zone: string;
  /** When a run of the job is still open: leave this instant out, or let its run wait for that one's end. */
  readonly overlap: 'skip' | 'queue';
  /** After an outage: run nothing that is late, or only the last instant that was missed. */
  readonly catchUp: 'none' | 'last';
}

/**
 * Every instant in (after, upTo], oldest first; of more than `most` the newest. Walks forward only:
 * backwards the parser leaves out what forwards it finds on days that change the clock.
 */
export function dueInstants(
  schedule: Pick<Schedule, 'cron' | 'zone'>,
  { after, upTo, most = 1000 }: { after: Date; upTo: Date; most?: number },
): Date[] {
  const due: Date[] = [];
  for (const instant of instantsAfter(schedule, after)) {
    if (instant > upTo) break;
    due.push(instant);
    if (due.length > most) due.shift();
  }
  return due;
}

/** The next instants after `from`, oldest first. */
export function nextInstants(schedule: Pick<Schedule, 'cron' | 'zone'>, from: Date, count: number): Date[] {
  return [...instantsAfter(schedule, from).take(count)];
}

function* instantsAfter({ cron, zone }: Pick<Schedule, 'cron' | 'zone'>, from: Date): Generator<Date> {
  const cursor = CronExpressionParser.parse(cron, { tz: zone, currentDate: from });
  for (;;) yield cursor.next().toDate();
}

/** What is to become of an instant that came due. */
export interface Due {
  readonly instant: Date;
  /** Why it is not run; absent when it is. */
  readonly missed?: string;
}

/** An instant is late when no daemon looked at it for this long. */
const LATE_MS = 60_000;

/** Which of the instants in (after, now] are run, and why the others are not. */
export function planTick(schedule: Schedule, { after, now }: { after: Date; now: Date }): Due[] {
  const due = dueInstants(schedule, { after, upTo: now });
  return due.map((instant, i) => {
    const late = now.getTime() - instant.getTime() > LATE_MS;
    if (!late || (i === due.length - 1 && schedule.catchUp === 'last')) return { instant };
    const why = 'no daemon lived when it was due';
    return { instant, missed: schedule.catchUp === 'last' ? `${why}; a later one is run in its place` : why };
  });
}
