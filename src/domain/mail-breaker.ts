/** Do so many of our mails to owners come back, or annoy, that none should leave until somebody has looked? */
import type { AddressMark, Refusal } from './address-marks.ts';
import type { Breaker } from './breakers.ts';
import { DAY_MS } from './local-time.ts';
import { sayCount } from './say.ts';

/** The breaker of mails to owners about their patches. */
export const PATCH_NOTICES_BREAKER = 'patch-notices';

/** How the ids of such mails begin. */
const OURS = '<patch-compliance.';

export interface MailBreakerRule {
  /** Of the mails of so many days. */
  readonly days: number;
  /** Fewer mails than this tell nothing. */
  readonly mails: number;
  /** Percent that did not arrive, and percent that somebody called unwanted. */
  readonly bouncedPercent: number;
  readonly complainedPercent: number;
}

export interface MailsSeen {
  readonly marks: Iterable<AddressMark>;
  /** What the relay refused and nobody has taken note of yet. */
  readonly refusals: Iterable<Refusal>;
  /** Day, `20261127` → mails that were posted on it. */
  readonly mailed: ReadonlyMap<string, number>;
  /** The breaker as it is known. */
  readonly breaker: Breaker | undefined;
  readonly now: Date;
}

/** The breaker that has to be open now, the one that is or a new one; undefined where mails may go. */
export function openMailBreaker(
  { marks, refusals, mailed, breaker, now }: MailsSeen,
  { days, mails, bouncedPercent, complainedPercent }: MailBreakerRule,
): Breaker | undefined {
  if (breaker?.state === 'open') return breaker;
  const begun = new Date(now.getTime() - days * DAY_MS).toISOString();
  // What came back until a person closed it opens it no more.
  const from = breaker !== undefined && breaker.since > begun ? breaker.since : begun;
  const isOurs = ({ mail = '', at }: { mail?: string | undefined; at: string }) =>
    mail.startsWith(OURS) && at > from;
  const seen = [...marks].filter(({ mail, since }) => isOurs({ mail, at: since }));
  const marked = new Set(seen.map(({ mail }) => mail));
  const refused = [...refusals].filter((one) => isOurs(one) && !marked.has(one.mail)).length;
  const total = [...mailed]
    .filter(([day]) => day >= from.slice(0, 10).replaceAll('-', ''))
    .reduce((sum, [, count]) => sum + count, 0);
  if (total < mails) return undefined;
  const complained = seen.filter(({ state }) => state === 'complained').length;
  const bounced = seen.filter(({ state }) => state === 'bounced' || state === 'doubtful').length + refused;
  const why = [
    isOver(bounced, bouncedPercent) ? `${bounced} did not arrive (${bouncedPercent} % may)` : '',
    isOver(complained, complainedPercent) ? `${complained} were unwanted (${complainedPercent} % may)` : '',
  ].filter((part) => part !== '');
  if (why.length === 0) return undefined;
  const among = `of ${sayCount(total, 'mail')} to owners within ${sayCount(days, 'day')}`;
  return { state: 'open', since: now.toISOString(), why: `${among}, ${why.join(' and ')}` };

  function isOver(count: number, percent: number): boolean {
    return count * 100 > total * percent;
  }
}
