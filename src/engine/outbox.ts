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

/** Taken at once by a line. */
const HANDFUL = 10;
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

/** Empty for that of mails. */
interface Way {
  readonly way?: typeof CHANNELS;
}

/** Sends what is due on a way out: one after the other while there is little, and more at once while there is more. */
async function sendAlong(outbox: Outbox, way: Way, pace: Pace): Promise<number> {
  const counts: number[] = [];
  let failed: { readonly error: unknown } | undefined;
  const lines = new Set<Promise<void>>();
  const begin = (): void => {
    if (lines.size >= pace.atOnce || failed !== undefined) return;
    const line = sendInTurn(outbox, way, { pace, begin })
      .then(
        (sent) => void counts.push(sent),
        (error: unknown) => void (failed ??= { error }),
      )
      .finally(() => lines.delete(line));
    lines.add(line);
  };
  begin();
  while (lines.size > 0) await Promise.all(lines);
  if (failed !== undefined) throw failed.error;
  return counts.reduce((sum, count) => sum + count, 0);
}

/** A mail that is hidden from other senders. */
interface Taken {
  readonly id: string;
  readonly body: string;
  readonly tries: number;
  readonly unknowns: number;
  readonly done: readonly string[];
}

/**
 * Sends mail after mail until none is due; `begin` is called with each handful, for there may be more. Redis puts
 * each word on disk, which takes about as long as a mail: so mails are taken by the handful, and the next is sent
 * while the one before is settled.
 */
async function sendInTurn(
  outbox: Outbox,
  way: Way,
  { pace, begin }: { readonly pace: Pace; readonly begin: () => void },
): Promise<number> {
  let sent = 0;
  for (;;) {
    const at = performance.now();
    const mails = await take(outbox, way, pace);
    if (mails.length === 0) return sent;
    begin();
    const settling: Promise<unknown>[] = [];
    const soon = (settled: Promise<unknown>): void => {
      // Looked at when the handful is done.
      settled.catch(() => {});
      settling.push(settled);
    };
    for (const [i, mail] of mails.entries()) {
      const settlement = await send(outbox, mail);
      soon(settle(outbox, way, { id: mail.id, settlement }));
      if (settlement.state === 'sent') sent += 1;
      // Others would fare no better; and what has waited for long might show to another while it is sent.
      const stop = settlement.closedMs !== undefined || performance.now() - at > outbox.hideMs / 20;
      const rest = mails.slice(i + 1).map(({ id }) => id);
      if (!stop || rest.length === 0) continue;
      soon(outbox.call('give-back-mails', { ids: rest, ...way }));
      break;
    }
    await Promise.all(settling);
  }
}

/** A line's share of what is due, the longest due first. */
async function take(
  { call, hideMs }: Outbox,
  way: Way,
  { perMinute, atOnce }: Pace,
): Promise<readonly Taken[]> {
  const limits = { most: HANDFUL, lines: atOnce, ...(perMinute !== undefined && { perMinute }) };
  const { verdict, rest } = await call('take-mail', { ...way, ...limits, hideMs });
  if (verdict !== 'OK') return [];
  return (rest as [string, string, number, number, string][]).map(([id, body, tries, unknowns, done]) => ({
    id,
    body,
    tries,
    unknowns,
    done: JSON.parse(done) as readonly string[],
  }));
}

/** Sends a mail; says what is to become of it. */
async function send({ deliver, refusals }: Outbox, mail: Taken): Promise<Settlement> {
  const { id, body, tries, unknowns, done } = mail;
  return deliver(JSON.parse(body) as OutgoingMail, done).then(
    (): Settlement => ({ state: 'sent' }),
    (error: unknown) => ({
      ...afterFailure(error, tries, unknowns),
      ...learnt(error, { id, done, refusals }),
    }),
  );
}

async function settle(
  { call, log }: Outbox,
  way: Way,
  { id, settlement }: { readonly id: string; readonly settlement: Settlement },
): Promise<void> {
  await call('settle-mail', { id, ...way, ...settlement });
  const { state, retryMs, closedMs } = settlement;
  if (state === 'sent') return;
  if (closedMs !== undefined) log.error('no mail can be sent now', { messageId: id, why: state });
  else if (retryMs !== undefined)
    log.warn('a mail could not be sent yet', { messageId: id, why: state, retryMs });
  else log.error('a mail was given up', { messageId: id, why: state });
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
