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

/** Hands a mail to a server; throws with `retryable` when it did not take it. May see the same mail twice. */
export type Deliver = (mail: OutgoingMail) => Promise<void>;

const HIDE_MS = 120_000;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;
/** At six hours a try this is about three weeks. */
const MOST_TRIES = 100;

/** `<run.key@host>`: the same for every try and every process, other for every resume of the run. */
export function messageIdOf(run: string, key: string, host: string, resumes = 0): string {
  const plain = /^[\w.-]+$/.test(key);
  const slug = key.replaceAll(/[^\w.-]+/g, '-');
  const tail = plain ? slug : `${slug}.${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  return `<${run}.${tail}${resumes === 0 ? '' : `.r${resumes}`}@${host}>`;
}

/** A mail as the scripts post it. */
export function sealed(run: string, messageId: string, mail: Mail): { id: string; body: string } {
  const outgoing: OutgoingMail = { ...mail, messageId, headers: { 'X-Nightshift-Run': run } };
  return { id: messageId, body: JSON.stringify(outgoing) };
}

/** Sends what is due, one at a time; returns how many left. Several processes may do so at once. */
export async function sendDue(call: Call, deliver: Deliver, log: Log): Promise<number> {
  let sent = 0;
  for (;;) {
    const { verdict, rest } = await call('take-mail', { hideMs: HIDE_MS });
    if (verdict !== 'OK') return sent;
    const [id, body, tries] = rest as [string, string, number];
    const refusal = await deliver(JSON.parse(body) as OutgoingMail).then(
      () => undefined,
      (error: unknown) => ({ why: messageOf(error), final: !isRetryable(error) || tries >= MOST_TRIES }),
    );
    if (refusal === undefined) {
      await call('settle-mail', { id, state: 'sent' });
      sent += 1;
    } else if (refusal.final) {
      await call('settle-mail', { id, state: `refused: ${refusal.why}` });
      log.error('a mail was refused', { messageId: id, why: refusal.why });
    } else {
      const retryMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
      await call('settle-mail', { id, state: `waiting: ${refusal.why}`, retryMs });
      log.warn('a mail could not be sent yet', { messageId: id, why: refusal.why, retryMs });
    }
  }
}
