/** Which owner was told of what is to be done to a server, when, and may it be done by now? */
import type { Owner, Server } from './fleet.ts';
import { serverName } from './names.ts';
import { sayInstant, sayList } from './say.ts';

/** That somebody was told, or that there is nobody to tell. */
export type Notice = {
  /** Null: nobody is known who could be told. */
  readonly email: string | null;
  readonly by: Owner['by'] | null;
  /** When it was told, or looked for in vain. */
  readonly at: string;
  /** The run that told it, or whose question it is. */
  readonly run: string;
  /** When who had not answered was reminded. */
  readonly remindedAt?: string;
};

/** That an owner does not agree to a stop, as an operator noted it. */
export type Refusal = {
  /** `kim noted that its owner does not agree to a stop: …` */
  readonly why: string;
  readonly at: string;
};

/** By server id. */
export type Refusals = Readonly<Record<string, Refusal>>;

/** By server id. */
export type Notices = Readonly<Record<string, Notice>>;

/** The last mail to an address, of whatever campaign. */
export type LastMail = { readonly at: string; readonly run: string };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What was told longer ago than this, beyond its hours, was told of something else. */
const KEPT_MS = 30 * DAY_MS;

/** One address is one owner, however it is written. */
export function mailKey(email: string): string {
  return email.toLowerCase();
}

/** When the next mail may go to somebody; undefined: now. */
export function nextMailAt(last: LastMail | undefined, now: Date): Date | undefined {
  if (last === undefined) return undefined;
  const next = new Date(Date.parse(last.at) + DAY_MS);
  return next > now ? next : undefined;
}

/** The notice that still counts; `run`: only that of this run does, because a question ends with the run that asked it. */
export function standingNotice(
  notices: Notices,
  id: string,
  { now, run }: { readonly now: Date; readonly run?: string | undefined },
): Notice | undefined {
  const notice = notices[id];
  if (notice === undefined || (run !== undefined && notice.run !== run)) return undefined;
  return now.getTime() - Date.parse(notice.at) < KEPT_MS ? notice : undefined;
}

/** The refusal that still counts: its owner is not asked again before a month is over. */
export function standingRefusal(refusals: Refusals, id: string, now: Date): Refusal | undefined {
  const refusal = refusals[id];
  return refusal !== undefined && askedAgainAt(refusal) > now ? refusal : undefined;
}

export function askedAgainAt({ at }: Refusal): Date {
  return new Date(Date.parse(at) + KEPT_MS);
}

/** From when on something may be done to a server whose owner was told. */
export function earliestAfter({ at }: Pick<Notice, 'at'>, noticeHours: number): Date {
  return new Date(Date.parse(at) + noticeHours * HOUR_MS);
}

/** `alice@alpha.example was told Tue 24 Nov 2026 23:00 UTC`, or that nobody could be. */
export function sayNotice({ email, at }: Notice): string {
  return email === null
    ? 'nobody is known who could be told'
    : `${email} was told ${sayInstant(new Date(at), 'UTC')}`;
}

export interface TooEarly {
  readonly why: string;
  /** Ids of those whose owners must be told yet. */
  readonly tell: readonly string[];
}

/**
 * Of servers that are to be stopped or migrated cold, those of which nobody was told, or not long enough ago.
 * Undefined when all of them may go. One of whom nobody can be told is no hold: its wish was somebody's.
 */
export function whyTooEarly(
  servers: readonly Server[],
  { notices, noticeHours, now }: { notices: Notices; noticeHours: number; now: Date },
): TooEarly | undefined {
  if (noticeHours === 0) return undefined;
  const early = servers.flatMap((server) => {
    const notice = standingNotice(notices, server.id, { now });
    if (notice === undefined) return [{ server, why: 'its owner is told first', untold: true }];
    const from = earliestAfter(notice, noticeHours);
    if (notice.email === null || from <= now) return [];
    const why = `${sayNotice(notice)}, so not before ${sayInstant(from, 'UTC')}`;
    return [{ server, why, untold: false }];
  });
  if (early.length === 0) return undefined;
  const said = early.map(({ server, why }) => `${serverName(server)} (${why})`);
  return {
    why: `too early to stop or cold-migrate ${sayList(said, 3)}`,
    tell: early.filter(({ untold }) => untold).map(({ server }) => server.id),
  };
}
