/** Which mail addresses are no good, since when and why? What refusals, bounces and complaints have taught. */
import type { AddressVerdict } from './mail-status.ts';

/** The table of marks: `addressKey` → `AddressMark`. An address without a row is good. */
export const ADDRESSES = 'addresses';

export type AddressMark = {
  /**
   * `bounced`: no mail goes there any more. `doubtful`: a mail was not taken for a reason that is not the
   * address's, and `complained`: a reader called one unwanted; mail still goes. `clear`: a person says it is good.
   */
  readonly state: 'bounced' | 'complained' | 'doubtful' | 'clear';
  /** ISO 8601 in UTC. What is older than a person's word changes nothing. */
  readonly since: string;
  readonly why: string;
  readonly source: 'refusal' | 'bounce' | 'complaint' | 'person';
  /** Message-ID of the mail that was not taken, or not wanted. */
  readonly mail?: string;
  /** Who cleared it. */
  readonly by?: string;
};

/** One thing that was seen of an address. */
export interface Sighting {
  readonly address: string;
  readonly state: Exclude<AddressMark['state'], 'clear'>;
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly why: string;
  readonly source: Exclude<AddressMark['source'], 'person'>;
  readonly mail?: string;
}

const WORSE: Readonly<Record<AddressMark['state'], number>> = {
  clear: 0,
  doubtful: 1,
  complained: 2,
  bounced: 3,
};

/** One way to write an address: hosts have no case, and mailboxes that have one are not met. */
export function addressKey(address: string): string {
  return address.trim().toLowerCase();
}

/** The row that a sighting makes of the one there is; undefined where it teaches nothing new. */
export function markedBy(sighting: Sighting, known: AddressMark | undefined): AddressMark | undefined {
  const { address: _, at, ...seen } = sighting;
  if (known !== undefined && WORSE[seen.state] <= WORSE[known.state]) return undefined;
  if (known?.state === 'clear' && at <= known.since) return undefined;
  return { ...seen, since: at };
}

/** Why no mail goes to an address; undefined where it does. */
export function whyNotMailed(mark: AddressMark | undefined): string | undefined {
  return mark?.state === 'bounced' ? mark.why : undefined;
}

/** What a verdict means for the address; undefined where it means nothing yet. */
export function stateFor(verdict: AddressVerdict): 'bounced' | 'doubtful' | undefined {
  return verdict === 'passing' ? undefined : verdict;
}

/** The table in which the outbox writes whom a mail was refused for: `addressKey` → the latest `Refusal`. */
export const REFUSALS = 'refusals';

/** A recipient whom the relay refused for good, in answer to RCPT. */
export type Refusal = {
  readonly address: string;
  /** The relay's words, on one line. */
  readonly reply: string;
  /** ISO 8601 in UTC. */
  readonly at: string;
  /** Message-ID. */
  readonly mail: string;
};
