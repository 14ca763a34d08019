/** Mails wait in Redis from the moment the step that wrote them is journalled until a server took them. */
import { createHash } from 'node:crypto';
import { isRetryable, messageOf } from '../domain/failure.ts';
import type { Log, Mail } from './job.ts';
import type { Call } from './scripts.ts';

/** A mail with the id by which every copy of it is known. */
export interface OutgoingMail extends Omit<Mail, 'id' | 'thread'> {
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Hands a mail to a server, for all of its readers who are not `done` with: they have it, or were refused for good,
 * at an earlier try. May see the same mail twice, the same to the byte. Throws when not all of them have it: with
 * `retryable` when it may go well later, and with what else is known of a `Failure`.
 */
export type Deliver = (mail: OutgoingMail, done: readonly string[]) => Promise<void>;

/** What the error of a delivery may say beside its message; what it leaves out is not so. */
interface Failure {
  /** `unknown`: nobody can tell whether the server took it. */
  readonly outcome?: string;
  /** No other mail would fare better now: none is tried until a pause is over, and this try does not count. */
  readonly forAll?: boolean;
  /** Who has it from this try. */
  readonly taken?: readonly string[];
  /** Whom the server refused for good, with its words. */
  readonly refused?: readonly { readonly address: string; readonly reply: string }[];
}

/** How fast mails leave; channels have no pace. */
export interface Pace {
  /** In any minute, whichever processes send; as many as can be if left out. */
  readonly perMinute?: number;
  /** By this process at once. */
  readonly atOnce: number;
}

export interface Outbox {
  readonly call: Call;
  readonly deliver: Deliver;
  readonly log: Log;
  /** How long a mail that is being sent is hidden from other senders. */
  readonly hideMs: number;
  readonly pace: Pace;
  /** The table in which it is written whom a mail was refused for; nowhere if left out. */
  readonly refusals?: string | undefined;
}

/** A row of it; its key is the address in lower case, so the latest refusal of a reader is kept. */
interface Refusal {
  readonly address: string;
  readonly reply: string;
  /** ISO 8601 in UTC. */
  readonly at: string;
  /** Message-ID. */
  readonly mail: string;
}

const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;
/** At six hours a try this is about three weeks. */
const MOST_TRIES = 100;
/** Either of these may have reached its readers: rather twice than never, and no third time. */
const MOST_UNKNOWN = 2;
/** What broke a connection between mail and answer is given time to pass. */
const UNKNOWN_PAUSE_MS = 10 * 60_000;
/** A server that is away is asked again soon, and one that wants no login of ours is not asked too often. */
const FIRST_CLOSED_MS = 15_000;
const MOST_CLOSED_MS = 15 * 60_000;

/** A line of a header may be 998 long, and a folded one reads better. */
const LONGEST_SLUG = 120;

/** `<run.key@host>`: the same for every try and every process, other for every resume of the run. */
export function messageIdOf(run: string, key: string, host: string, resumes = 0): string {
  return `<${run}.${slugOf(key)}${resumes === 0 ? '' : `.r${resumes}`}@${host}>`;
}

/** `<id@host>`: of a mail that is named by itself, whichever run posts it. */
function messageIdFor(id: string, host: string): string {
  return `<${slugOf(id)}@${host}>`;
}

/** The same for the same text, and no other's. */
function slugOf(text: string): string {
  if (/^[\w.-]+$/.test(text) && text.length <= LONGEST_SLUG) return text;
  const slug = text.replaceAll(/[^\w.-]+/g, '-').slice(0, LONGEST_SLUG);
  return `${slug}.${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}

/** An item of the outbox as the scripts post it. */
export interface Posted {
  readonly id: string;
  readonly body: string;
  /** The way out that it queues for; left out, that of mails. */
  readonly way?: typeof CHANNELS;
}

/** A slow or missing mail server holds up no channel, nor a channel the mails. */
const CHANNELS = 'channels';

/** Readers that are no mail address but a channel, such as `webhook:operators`. */
const CHANNEL = /^([a-z]+):[\w-]+$/;

/** What a mail is posted by. */
export interface Poster {
  /** The run that it is about, where it is about one. */
  readonly run?: string | undefined;
  /** Its Message-ID, unless the mail names itself. */
  readonly messageId: string;
  /** The right-hand side of Message-IDs. */
  readonly host: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A mail as the scripts post it: one item for its mail addresses, and one for each channel, so that what
 * one cannot deliver is not sent again to the others.
 */
export function sealed({ id, thread, ...mail }: Mail, by: Poster): Posted[] {
  const messageId = id === undefined ? by.messageId : messageIdFor(id, by.host);
  const headers = {
    ...(by.run !== undefined && { 'X-Nightshift-Run': by.run }),
    ...threadOf((thread ?? []).map((one) => messageIdFor(one, by.host))),
    ...by.headers,
    Date: new Date().toUTCString().replace('GMT', '+0000'),
  };
  const addresses = mail.to.filter((to) => !CHANNEL.test(to));
  const channels = mail.to.filter((to) => CHANNEL.test(to));
  const item = (id: string, to: readonly string[]): Posted => {
    const outgoing: OutgoingMail = { ...mail, to, messageId: id, headers };
    return { id, body: JSON.stringify(outgoing) };
  };
  return [
    ...(addresses.length > 0 || channels.length === 0 ? [item(messageId, addresses)] : []),
    ...channels.map((to): Posted => {
      const mine = item(messageId.replace('@', `.${to.replace(':', '-')}@`), [to]);
      return { ...mine, way: CHANNELS };
    }),
  ];
}

/** Headers of a mail that follows others, the first of them first. */
export function threadOf(messageIds: readonly string[]): Record<string, string> {
  const last = messageIds.at(-1);
  return last === undefined ? {} : { References: messageIds.join(' '), 'In-Reply-To': last };
}

/** Sends what is due, as fast as the pace allows; returns how many left. Several processes may do so at once. */
export async function sendDue(outbox: Outbox): Promise<number> {
  const ways = await Promise.allSettled([
    sendAlong(outbox, {}, outbox.pace),
    sendAlong(outbox, { way: CHANNELS }, { atOnce: 1 }),
  ]);
  const failed = ways.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  return ways.reduce((sum, way) => sum + (way.status === 'fulfilled' ? way.value : 0), 0);
}

/** Sends what is due on a way out: one after the other while there is little, and more at once while there is more. */
async function sendAlong(outbox: Outbox, way: Way, { perMinute, atOnce }: Pace): Promise<number> {
  let sent = 0;
  let failed: { readonly error: unknown } | undefined;
  const lines = new Set<Promise<void>>();
  const begin = (): void => {
    if (lines.size >= atOnce || failed !== undefined) return;
    const line = work()
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => lines.delete(line));
    lines.add(line);
  };
  const work = async (): Promise<void> => {
    for (;;) {
      const pace = perMinute === undefined ? {} : { perMinute };
      const { verdict, rest } = await outbox.call('take-mail', { ...way, ...pace, hideMs: outbox.hideMs });
      if (verdict !== 'OK') return;
      begin();
      if (await send(outbox, way, rest)) sent += 1;
    }
  };
  begin();
  while (lines.size > 0) await Promise.all(lines);
  if (failed !== undefined) throw failed.error;
  return sent;
}

/** Empty for that of mails. */
interface Way {
  readonly way?: typeof CHANNELS;
}

/** Sends one mail and settles what came of it; true when it left. */
async function send(outbox: Outbox, way: Way, taken: readonly unknown[]): Promise<boolean> {
  const { call, deliver, log, refusals } = outbox;
  const [id, body, tries, unknowns, known] = taken as [string, string, number, number, string];
  const done = JSON.parse(known) as readonly string[];
  const settlement = await deliver(JSON.parse(body) as OutgoingMail, done).then(
    (): Settlement => ({ state: 'sent' }),
    (error: unknown) => ({
      ...afterFailure(error, tries, unknowns),
      ...learnt(error, { id, done, refusals }),
    }),
  );
  await call('settle-mail', { id, ...way, ...settlement });
  const { state, retryMs, closedMs } = settlement;
  if (closedMs !== undefined) log.error('no mail can be sent now', { messageId: id, why: state });
  else if (retryMs !== undefined)
    log.warn('a mail could not be sent yet', { messageId: id, why: state, retryMs });
  else if (state !== 'sent') log.error('a mail was given up', { messageId: id, why: state });
  return state === 'sent';
}

interface Settlement {
  /** `sent`, or in words for people what became of it. */
  readonly state: string;
  /** It is due again after this; left out when it is not tried again. */
  readonly retryMs?: number;
  readonly unknown?: true;
  /** No mail is tried on this way for so long at first, doubling up to the most. */
  readonly closedMs?: number;
  readonly mostClosedMs?: number;
  /** JSON of who needs no further try. */
  readonly done?: string;
  /** By address the JSON of its `Refusal`, and the table that they go to. */
  readonly refused?: Readonly<Record<string, string>>;
  readonly refusals?: string;
}

/** What becomes of a mail whose last try failed: the `tries`-th, after `unknowns` whose outcome nobody knows. */
function afterFailure(error: unknown, tries: number, unknowns: number): Settlement {
  const why = messageOf(error);
  const { outcome, forAll } = error as Failure;
  const unknown = outcome === 'unknown';
  if (forAll === true && !unknown)
    return { state: `waiting: ${why}`, closedMs: FIRST_CLOSED_MS, mostClosedMs: MOST_CLOSED_MS };
  if (unknown && unknowns + 1 >= MOST_UNKNOWN) {
    return { state: `unknown: ${why}; tried ${MOST_UNKNOWN} times without an answer` };
  }
  if (!isRetryable(error) || tries >= MOST_TRIES) return { state: `refused: ${why}` };
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
  if (!unknown) return { state: `waiting: ${why}`, retryMs: pauseMs };
  return { state: `waiting: ${why}`, retryMs: Math.max(pauseMs, UNKNOWN_PAUSE_MS), unknown };
}

/** What a failed try tells of single readers. */
function learnt(
  error: unknown,
  {
    id,
    done,
    refusals,
  }: { readonly id: string; readonly done: readonly string[] } & Pick<Outbox, 'refusals'>,
): Pick<Settlement, 'done' | 'refused' | 'refusals'> {
  const { taken = [], refused = [] } = error as Failure;
  if (taken.length + refused.length === 0) return {};
  const over = JSON.stringify([...done, ...taken, ...refused.map(({ address }) => address)]);
  if (refused.length === 0 || refusals === undefined) return { done: over };
  const at = new Date().toISOString();
  const rows = refused.map((one): Refusal => ({ ...one, at, mail: id }));
  return {
    done: over,
    refused: Object.fromEntries(rows.map((row) => [row.address.toLowerCase(), JSON.stringify(row)])),
    refusals,
  };
}
