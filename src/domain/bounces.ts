/** What does a mail in the mailbox for bounces say: which reader was not reached, or complains, and for good? */
import { type Sighting, stateFor } from './address-marks.ts';
import { type Fields, fieldBlocks, type MailPart, mailParts, parameterOf } from './mail-parts.ts';
import { judgeStatus, quoted } from './mail-status.ts';
import { readerIn } from './verp.ts';

export interface BounceMailbox {
  /** The address under which mails leave; `bounceAddress` writes their readers into it. */
  readonly address: string;
  /** Right-hand side of our Message-IDs, or the end of it. */
  readonly host: string;
}

export interface ReceivedBounce {
  readonly raw: Uint8Array;
  readonly receivedAt: Date;
}

/** `seen` tells of readers; a mail that tells of none says why. */
export type Reading = { readonly seen: readonly Sighting[] } | { readonly ignored: string };

/** Complaints by RFC 5965 that mean that a reader does not want the mail. */
const COMPLAINTS = new Set(['abuse', 'fraud', 'opt-out', 'opt-out-list']);
/** More readers than a mail of ours has. */
const MOST_READERS = 50;
const LONGEST_ADDRESS = 254;

/**
 * Reads a delivery report (RFC 3464) or a complaint (RFC 5965). The reader is the one that the envelope named, else
 * the original recipient, else the final one, which may be where the mail was forwarded to. Only what failed counts,
 * not what is delayed; a report counts only where it names a mail of ours or came to a sender that named a reader,
 * because anybody may write to this mailbox. No input takes longer than it has bytes to read.
 */
export function readBounce({ raw, receivedAt }: ReceivedBounce, mailbox: BounceMailbox): Reading {
  const { whole, parts } = mailParts(new TextDecoder().decode(raw));
  const kind = parameterOf(whole.fields.get('content-type')?.[0] ?? '', 'report-type')?.toLowerCase();
  const mail = originalId(parts, mailbox);
  const reader = readerOf(whole, mailbox);
  const around = { mail, reader, at: dateOf(whole, receivedAt) };
  if (whole.type !== 'multipart/report') return { ignored: 'it is no report' };
  if (mail === undefined && reader === undefined) return { ignored: 'it names no mail of ours' };
  if (kind === 'delivery-status') return readReport(parts, around);
  if (kind === 'feedback-report') return readComplaint(parts, around, mailbox);
  return { ignored: `it is a report of another kind (${quoted(kind ?? 'none')})` };
}

interface Around {
  /** Message-ID of ours. */
  readonly mail: string | undefined;
  readonly reader: string | undefined;
  readonly at: string;
}

function readReport(parts: readonly MailPart[], { mail, reader, at }: Around): Reading {
  const status = parts.find(({ type }) => /^message\/(global-)?delivery-status$/.test(type));
  if (status === undefined) return { ignored: 'it holds no delivery status' };
  const [, ...blocks] = fieldBlocks(status.body);
  const failed = blocks.slice(0, MOST_READERS).filter((block) => is(block, 'action', 'failed'));
  if (failed.length === 0) {
    const actions = new Set(blocks.map((block) => quoted(first(block, 'action')).toLowerCase()));
    return { ignored: `nothing failed (${[...actions].slice(0, 3).join(', ') || 'it names no reader'})` };
  }
  const seen = failed.flatMap((block): Sighting[] => {
    const address = (failed.length === 1 && reader) || recipientOf(block);
    const said = first(block, 'diagnostic-code').replace(/^[\w-]+;\s*/, '');
    const code = first(block, 'status');
    const state = stateFor(judgeStatus(code, said));
    if (address === undefined || state === undefined) return [];
    const why = quoted(`${code} ${said === '' ? 'the mail bounced' : said}`.trim());
    return [{ address, state, at, why, source: 'bounce', ...(mail !== undefined && { mail }) }];
  });
  return seen.length > 0 ? { seen } : { ignored: 'what failed may go well another time, or names no reader' };
}

function readComplaint(
  parts: readonly MailPart[],
  { mail, reader, at }: Around,
  { address: ours }: BounceMailbox,
): Reading {
  const [report] = fieldBlocks(parts.find(({ type }) => type === 'message/feedback-report')?.body ?? '');
  if (report === undefined) return { ignored: 'it holds no feedback report' };
  const kind = first(report, 'feedback-type').toLowerCase();
  if (!COMPLAINTS.has(kind)) return { ignored: `it is feedback, but no complaint (${quoted(kind)})` };
  const named = [...(report.get('original-rcpt-to') ?? []), ...(report.get('removal-recipient') ?? [])];
  const from = readerIn(ours, addressIn(first(report, 'original-mail-from')) ?? '');
  const address = from ?? reader ?? named.map(addressIn).find((one) => one !== undefined);
  if (address === undefined) return { ignored: 'it names no reader' };
  const why = `a complaint (${quoted(kind)}) came through ${quoted(first(report, 'user-agent') || 'a mail system')}`;
  return {
    seen: [
      { address, state: 'complained', at, why, source: 'complaint', ...(mail !== undefined && { mail }) },
    ],
  };
}

/** The reader whom our sender named: where the mail came to, as the mailbox's own server wrote it, or as its header says. */
function readerOf({ fields }: MailPart, { address }: BounceMailbox): string | undefined {
  const given = ['delivered-to', 'x-original-to', 'envelope-to', 'to'].flatMap(
    (name) => fields.get(name) ?? [],
  );
  for (const one of given.slice(0, MOST_READERS)) {
    const reader = readerIn(address, addressIn(one) ?? '');
    if (reader !== undefined && addressIn(reader) !== undefined) return reader;
  }
  return undefined;
}

/** The Message-ID of the mail that is reported about, if it is one of ours. */
function originalId(parts: readonly MailPart[], { host }: BounceMailbox): string | undefined {
  const original = parts.findLast(({ type }) =>
    /^(message\/(rfc822|global)(-headers)?|text\/rfc822-headers)$/.test(type),
  );
  const [block] = fieldBlocks(original?.body.trimStart() ?? '');
  const id = /^<[^\s<>]{1,250}>$/.exec(first(block, 'message-id'))?.[0];
  const at = id?.slice(id.lastIndexOf('@') + 1, -1).toLowerCase();
  return at === host.toLowerCase() || at?.endsWith(`.${host.toLowerCase()}`) ? id : undefined;
}

/** What the report calls the reader to whom the mail was first sent. */
function recipientOf(block: Fields): string | undefined {
  return addressIn(first(block, 'original-recipient')) ?? addressIn(first(block, 'final-recipient'));
}

/** `rfc822; ann@example.org`, `Ann <ann@example.org>` or `ann@example.org`; undefined for what is no address. */
function addressIn(text: string): string | undefined {
  const bare = text
    .replace(/^(rfc822|utf-8);/i, '')
    .trim()
    .replace(/^[^<]*<([^<>]*)>$/, '$1');
  return bare.length <= LONGEST_ADDRESS && /^[^\s@<>,;"\p{Cc}\p{Cf}]+@[^\s@<>,;"\p{Cc}\p{Cf}]+$/u.test(bare)
    ? bare
    : undefined;
}

/** When it happened: as the mail says, unless that is later than it came. */
function dateOf({ fields }: MailPart, receivedAt: Date): string {
  const said = Date.parse(fields.get('date')?.[0] ?? '');
  return new Date(Math.min(receivedAt.getTime(), said || Number.POSITIVE_INFINITY)).toISOString();
}

function first(fields: Fields | undefined, name: string): string {
  return fields?.get(name)?.[0] ?? '';
}

function is(fields: Fields, name: string, value: string): boolean {
  return first(fields, name).toLowerCase() === value;
}
