/**
 * How long do servers live that nobody can move, and so when will their hypervisor be free?
 *
 * Estimated per kind by Kaplan and Meier (1958): those that still run count for as long as they have lived
 * and no longer, so that a kind whose long-lived servers have not ended yet is not taken for short-lived.
 * What is left to one that has lived for a days is judged by those that lived for at least a days.
 */
import type { Server } from './fleet.ts';
import { sayCount, sayDuration } from './say.ts';

/** One life, as the nights have seen it. */
export type Life = {
  /** What is alike lives alike: the project and why it cannot be moved. */
  readonly kind: string;
  readonly createdAt: string;
  /** When it was last seen. */
  readonly seenAt: string;
  /** It was gone at a later look; false: it still runs, as far as is known. */
  readonly ended: boolean;
};

/** By server id. */
export type Lives = Readonly<Record<string, Life>>;

/** What is left to a server, in days from now. */
export interface Outlook {
  /** In half of all cases it has ended by then; undefined where too few have ended to tell. */
  readonly medianDays: number | undefined;
  /** In nine of ten. */
  readonly ninetyDays: number | undefined;
  /** Lives of its kind that ended, on which this rests. */
  readonly endings: number;
}

const DAY_MS = 86_400_000;
/** Fewer endings say nothing. */
const FEWEST_ENDINGS = 5;

export function kindOf({ projectId, pinned = '' }: Server): string {
  return `${projectId} ${pinned}`;
}

/** The lives as they are known after a look at `now` that saw the `pinned` servers; it changes no other. */
export function noteLives(before: Lives, pinned: readonly Server[], now: Date): Lives {
  const seenAt = now.toISOString();
  const seen = Object.fromEntries(
    pinned.map((server): [string, Life] => [
      server.id,
      { kind: kindOf(server), createdAt: server.createdAt, seenAt, ended: false },
    ]),
  );
  const gone = Object.entries(before).flatMap(([id, life]) =>
    id in seen || life.ended ? [] : [[id, { ...life, ended: true }] as const],
  );
  return { ...before, ...Object.fromEntries(gone), ...seen };
}

/** What is left to a server, judged by the lives of its kind. */
export function outlookOf(lives: Lives, server: Server, now: Date): Outlook {
  return outlookAt(lives, kindOf(server), daysBetween(server.createdAt, now.toISOString()));
}

/** How long servers of its kind live in all. */
export function lifetimesOf(lives: Lives, server: Server): Outlook {
  return outlookAt(lives, kindOf(server), 0);
}

function outlookAt(lives: Lives, kind: string, age: number): Outlook {
  const alike = Object.values(lives)
    .filter((life) => life.kind === kind)
    .map((life) => ({ days: daysBetween(life.createdAt, life.seenAt), ended: life.ended }))
    .filter(({ days }) => days >= age)
    .toSorted((a, b) => a.days - b.days);
  const endings = alike.filter(({ ended }) => ended).length;
  if (endings < FEWEST_ENDINGS) return { medianDays: undefined, ninetyDays: undefined, endings };
  const endsBy = (share: number): number | undefined => {
    const at = whenEnded(alike, share);
    return at === undefined ? undefined : at - age;
  };
  return { medianDays: endsBy(0.5), ninetyDays: endsBy(0.9), endings };
}

/**
 * Device-days that stand idle while a hypervisor is kept free of new servers until the last of these has
 * ended, by the medians; infinite where one cannot be told.
 */
export function idleDays(outlooks: readonly Outlook[]): number {
  const medians = outlooks.map(({ medianDays = Number.POSITIVE_INFINITY }) => medianDays);
  const last = Math.max(0, ...medians);
  if (!Number.isFinite(last)) return Number.POSITIVE_INFINITY;
  return medians.reduce((sum, days) => sum + last - days, last);
}

/** `half of its kind end within 3 days, 9 of 10 within 26 days (41 ends seen)`; undefined where nothing can be told. */
export function sayOutlook({ medianDays, ninetyDays, endings }: Outlook): string | undefined {
  if (medianDays === undefined) return undefined;
  const within = (days: number): string => sayDuration(days * DAY_MS);
  const nine = ninetyDays === undefined ? '' : `, 9 of 10 within ${within(ninetyDays)}`;
  return `half of its kind end within ${within(medianDays)}${nine} (${sayCount(endings, 'end')} seen)`;
}

/** Age at which the share of `lives`, sorted by it, has ended; undefined where so many have not. */
function whenEnded(
  lives: readonly { readonly days: number; readonly ended: boolean }[],
  share: number,
): number | undefined {
  let surviving = 1;
  for (const [i, { days, ended }] of lives.entries()) {
    if (!ended) continue;
    surviving *= 1 - 1 / (lives.length - i);
    // Beyond rounding: ten factors of nine tenths are no exact number.
    if (1 - surviving >= share - 1e-9) return days;
  }
  return undefined;
}

function daysBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS;
}
