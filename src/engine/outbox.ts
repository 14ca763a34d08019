/** Mails wait in Redis from the moment the step that wrote them is journalled until a server took them. */
import { createHash } from 'node:crypto';
import { isRetryable, messageOf } from '../domain/failure.ts';
import type { Log, Mail } from './job.ts';
import type { Call } from './scripts.ts';

/** A mail with the id by which every copy of it is known. */
export interface OutgoingMail extends Mail {
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Hands a mail to a server; throws with `retryable` when it did not take it, and with the outcome
 * `unknown` when nobody can tell. May see the same mail twice, the same to the byte.
 */
export type Deliver = (mail: OutgoingMail) => Promise<void>;

export interface Outbox {
  readonly call: Call;
  readonly deliver: Deliver;
  readonly log: Log;
  /** How long a mail that is being sent is hidden from other senders. */
  readonly hideMs: number;
}

const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;
/** At six hours a try this is about three weeks. */
const MOST_TRIES = 100;
/** Each of these may have reached its readers: rather twice than never, but not a hundred times. */
const MOST_UNKNOWN = 3;

/** `<run.key@host>`: the same for every try and every process, other for every resume of the run. */
export function messageIdOf(run: string, key: string, host: string, resumes = 0): string {
  const plain = /^[\w.-]+$/.test(key);
  const slug = key.replaceAll(/[^\w.-]+/g, '-');
  const tail = plain ? slug : `${slug}.${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  return `<${run}.${tail}${resumes === 0 ? '' : `.r${resumes}`}@${host}>`;
}

/** An item of the outbox as the scripts post it. */
export interface Posted {
  readonly id: string;
  readonly body: string;
}

/** Readers that are no mail address but a channel, such as `webhook:operators`. */
const CHANNEL = /^([a-z]+):[\w-]+$/;

/**
 * A mail as the scripts post it: one item for its mail addresses, and one for each channel, so that what
 * one cannot deliver is not sent again to the others. `run` is what it is about, where it is about one.
 */
export function sealed(
  run: string | undefined,
  messageId: string,
  mail: Mail,
  further: Readonly<Record<string, string>> = {},
): Posted[] {
  const posted = new Date().toUTCString().replace('GMT', '+0000');
  const about = run === undefined ? {} : { 'X-Nightshift-Run': run };
  const headers = { ...about, ...further, Date: posted };
  const addresses = mail.to.filter((to) => !CHANNEL.test(to));
  const channels = mail.to.filter((to) => CHANNEL.test(to));
  const item = (id: string, to: readonly string[]): Posted => {
    const outgoing: OutgoingMail = { ...mail, to, messageId: id, headers };
    return { id, body: JSON.stringify(outgoing) };
  };
  return [
    ...(addresses.length > 0 || channels.length === 0 ? [item(messageId, addresses)] : []),
    ...channels.map((to) => item(messageId.replace('@', `.${to.replace(':', '-')}@`), [to])),
  ];
}

/** Sends what is due, one at a time; returns how many left. Several processes may do so at once. */
export async function sendDue({ call, deliver, log, hideMs }: Outbox): Promise<number> {
  let sent = 0;
  for (;;) {
    const { verdict, rest } = await call('take-mail', { hideMs });
    if (verdict !== 'OK') return sent;
    const [id, body, tries, unknowns] = rest as [string, string, number, number];
    const settlement = await deliver(JSON.parse(body) as OutgoingMail).then(
      (): Settlement => ({ state: 'sent' }),
      (error: unknown) => afterRefusal(error, tries, unknowns),
    );
    await call('settle-mail', { id, ...settlement });
    const { state, retryMs } = settlement;
    if (state === 'sent') sent += 1;
    else if (retryMs === undefined) log.error('a mail was given up', { messageId: id, why: state });
    else log.warn('a mail could not be sent yet', { messageId: id, why: state, retryMs });
  }
}

interface Settlement {
  /** `sent`, or in words for people what became of it. */
  readonly state: string;
  /** It is due again after this; left out when it is not tried again. */
  readonly retryMs?: number;
  readonly unknown?: true;
}

/** What becomes of a mail whose last try failed: the `tries`-th, after `unknowns` whose outcome nobody knows. */
function afterRefusal(error: unknown, tries: number, unknowns: number): Settlement {
  const why = messageOf(error);
  const unknown = error instanceof Error && 'outcome' in error && error.outcome === 'unknown';
  if (unknown && unknowns + 1 >= MOST_UNKNOWN) {
    return { state: `unknown: ${why}; tried ${MOST_UNKNOWN} times without an answer` };
  }
  if (!isRetryable(error) || tries >= MOST_TRIES) return { state: `refused: ${why}` };
  const retryMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
  return { state: `waiting: ${why}`, retryMs, ...(unknown ? { unknown } : {}) };
}
