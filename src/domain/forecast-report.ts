/** How is a forecast said to people? */
import type { Course, Forecast, Spread } from './forecast.ts';
import { finishedAt } from './forecast.ts';
import { sayBetween, sayCount, sayDay, sayList } from './say.ts';

/** Names of those that share a reason, before it is only said how many more there are. */
const NAMED = 5;

interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

export interface ForecastReport {
  readonly headline: string;
  /** Half of the rehearsals and nine in ten; or the one that there was. */
  readonly sheet: Table;
  /** Each rehearsal; absent where there was one. */
  readonly courses?: Table;
  /** Those that are not finished, and why. */
  readonly unfinished: Table;
}

/** Days are those on the wall of `zone`. */
export function describeForecast(forecast: Forecast, zone: string): ForecastReport {
  const { courses } = forecast;
  const several = courses.length > 1;
  return {
    headline: headlineOf(forecast, zone),
    sheet: sheetOf(forecast, zone, several),
    ...(several && { courses: coursesOf(courses, zone) }),
    unfinished: {
      columns: ['not finished', 'why', ...(several ? ['rehearsals'] : [])],
      rows: reasonsOf(forecast).map(({ names, why, courses: in_ }) => [
        sayList(names, NAMED),
        why,
        ...(several ? [in_] : []),
      ]),
    },
  };
}

function headlineOf(forecast: Forecast, zone: string): string {
  const { courses, left, nights } = forecast;
  const needed = courses[0]?.needed ?? 0;
  if (needed === 0) return 'Nothing needs a reboot.';
  const head = `${sayCount(needed, 'hypervisor')} ${needed === 1 ? 'needs' : 'need'} a reboot`;
  const [only] = courses;
  if (courses.length === 1 && only !== undefined) {
    const done = `${only.done} done in ${sayCount(only.nights, 'night')}`;
    const rest = only.unfinished.length;
    const pace = only.end === 'no more nights' && rest > 0;
    if (pace) return `${head}: ${done}; ${rest} still to do, ${sayFinish(forecast, zone)} at this pace.`;
    return `${head}: ${done}, ${sayFinish(forecast, zone)}${sayCannot(rest)}.`;
  }
  const among = `(half of ${courses.length} rehearsals, nine in ten)`;
  const within = `${sayRange(nights)} ${nights.p90 === 1 ? 'night' : 'nights'}`;
  const pace = courses.some(({ end, unfinished }) => end === 'no more nights' && unfinished.length > 0);
  if (pace) {
    const rest = `${sayRange(left)} still to do after ${within}`;
    return `${head}: ${rest}, ${sayFinish(forecast, zone)} at this pace ${among}.`;
  }
  return `${head}: ${sayFinish(forecast, zone)}, in ${within} ${among}${sayCannot(left.p90)}.`;
}

function sayRange({ p50, p90 }: Spread<number>): string {
  return p50 === p90 ? `${p50}` : `${p50} to ${p90}`;
}

function sayFinish({ finished, courses }: Forecast, zone: string): string {
  const { p50, p90 } = finished;
  if (p50 === null) return 'never finished';
  if (courses.every(({ lastBackAt }) => lastBackAt === undefined)) return 'nothing to finish';
  if (p90 === null) return `finished ${sayBetween(new Date(p50), new Date(p50), zone)} or never`;
  return `finished ${sayBetween(new Date(p50), new Date(p90), zone)}`;
}

function sayCannot(count: number): string {
  return count === 0 ? '' : `; ${count} cannot finish`;
}

function sheetOf(forecast: Forecast, zone: string, several: boolean): Table {
  const day = (at: string | null): string => (at === null ? 'never' : sayDay(new Date(at), zone));
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const row = <T>(what: string, { p50, p90 }: Spread<T>, say: (value: T) => string) =>
    several ? [what, say(p50), say(p90)] : [what, say(p50)];
  return {
    columns: several ? ['', 'half', 'nine in ten'] : ['', ''],
    rows: [
      row('finished', forecast.finished, day),
      row('nights', forecast.nights, String),
      row('not finished', forecast.left, String),
      row('servers moved', forecast.moves, String),
      row('GiB moved', forecast.movedGib, String),
      row('memory free at the least', forecast.headroomShare, percent),
      row('owners mailed', forecast.ownersMailed, String),
      row('times that a person was needed', forecast.calls, String),
    ],
  };
}

function coursesOf(courses: readonly Course[], zone: string): Table {
  return {
    columns: ['seed', 'finished', 'nights', 'done', 'not finished', 'GiB moved', 'owners', 'person'],
    rows: courses.map((course) => {
      const at = finishedAt(course);
      return [
        course.seed,
        Number.isFinite(at) ? sayDay(new Date(at), zone) : 'never',
        course.nights,
        course.done,
        course.unfinished.length,
        course.movedGib,
        course.ownersMailed,
        course.calls,
      ];
    }),
  };
}

/** Alike reasons are said once. */
function reasonsOf({ unfinished }: Forecast) {
  const alike = Map.groupBy(unfinished, ({ why, courses }) => `${courses} ${why}`);
  return [...alike.values()].map((those) => ({
    names: those.map(({ hypervisor }) => hypervisor),
    why: those[0]?.why ?? '',
    courses: those[0]?.courses ?? 0,
  }));
}
