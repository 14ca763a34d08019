/** What do rehearsals of a campaign, one for each seed, say together? */

/** Memory that was free on hypervisors that took servers, when there was least of it. */
export interface Headroom {
  readonly freeGib: number;
  /** Of the memory of all hypervisors, from 0 to 1. */
  readonly share: number;
  /** ISO 8601 in UTC. */
  readonly at: string;
}

export interface Unfinished {
  readonly hypervisor: string;
  readonly why: string;
}

/** How one rehearsal went. Times are ISO 8601 in UTC. */
export interface Course {
  readonly seed: number;
  readonly from: string;
  /** Until nothing changed any more. */
  readonly nights: number;
  /** Why no further night was played. */
  readonly end: 'done' | 'nothing changes' | 'no more nights';
  /** Hypervisors that needed a reboot at the beginning, that have had it and are back, and the others. */
  readonly needed: number;
  readonly done: number;
  readonly unfinished: readonly Unfinished[];
  /** When the last of those done was back; absent where none was. */
  readonly lastBackAt?: string;
  readonly moves: number;
  readonly movedGib: number;
  /** Servers that stopped because their hypervisor went down with them. */
  readonly died: number;
  readonly headroom?: Headroom;
  readonly mails: number;
  readonly ownersMailed: number;
  /** How often a person had to come: to reset a breaker, to decide about a step. */
  readonly calls: number;
}

/** Half of the rehearsals went no worse, and nine of ten. */
export interface Spread<T> {
  readonly p50: T;
  readonly p90: T;
}

export interface Forecast {
  readonly courses: readonly Course[];
  /** When all is done that can be, ISO 8601 in UTC; at the pace so far where the nights did not suffice; null for never. */
  readonly finished: Spread<string | null>;
  readonly nights: Spread<number>;
  readonly left: Spread<number>;
  readonly moves: Spread<number>;
  readonly movedGib: Spread<number>;
  readonly headroomShare: Spread<number>;
  readonly ownersMailed: Spread<number>;
  readonly calls: Spread<number>;
  /** Hypervisors that some rehearsals did not finish, those of most rehearsals first, each with a reason that it had. */
  readonly unfinished: readonly (Unfinished & { readonly courses: number })[];
}

/** At least one course. */
export function forecastOf(courses: readonly Course[]): Forecast {
  const spread = (of: (course: Course) => number): Spread<number> => spreadOf(courses.map(of));
  const finished = spreadOf(courses.map(finishedAt));
  return {
    courses,
    finished: { p50: sayTime(finished.p50), p90: sayTime(finished.p90) },
    nights: spread(({ nights }) => nights),
    left: spread(({ unfinished }) => unfinished.length),
    moves: spread(({ moves }) => moves),
    movedGib: spread(({ movedGib }) => movedGib),
    // The less, the worse.
    headroomShare: negated(spread(({ headroom }) => -(headroom?.share ?? 1))),
    ownersMailed: spread(({ ownersMailed }) => ownersMailed),
    calls: spread(({ calls }) => calls),
    unfinished: unfinishedIn(courses),
  };
}

/**
 * When all is done that can be, in ms since 1970. Where the nights did not suffice: as much later as what is
 * left takes at the pace so far; never where nothing was done.
 */
export function finishedAt({ end, from, lastBackAt, done, unfinished }: Course): number {
  if (lastBackAt === undefined) return end === 'no more nights' ? Number.POSITIVE_INFINITY : Date.parse(from);
  const last = Date.parse(lastBackAt);
  if (end !== 'no more nights' || unfinished.length === 0) return last;
  return last + ((last - Date.parse(from)) / done) * unfinished.length;
}

/** The nearest rank: a value that was there. */
export function spreadOf(numbers: readonly number[]): Spread<number> {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9) };
}

function unfinishedIn(courses: readonly Course[]): Forecast['unfinished'] {
  const all = Map.groupBy(
    courses.flatMap(({ unfinished }) => unfinished),
    ({ hypervisor }) => hypervisor,
  );
  return [...all]
    .map(([hypervisor, those]) => ({ hypervisor, why: those[0]?.why ?? '', courses: those.length }))
    .toSorted((a, b) => b.courses - a.courses);
}

function negated({ p50, p90 }: Spread<number>): Spread<number> {
  return { p50: -p50, p90: -p90 };
}

function sayTime(at: number): string | null {
  return Number.isFinite(at) ? new Date(at).toISOString() : null;
}
