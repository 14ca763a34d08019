/** What is remembered of the notices that somebody got, so that none comes twice? */
import type { Owner } from './fleet.ts';
import { mailKey } from './owner-notices.ts';

/** Why a notice goes out, what it holds of the most weight first. `contact`: to a project's contact, about servers of others. */
export const NOTICE_KINDS = ['escalated', 'worse', 'first', 'reminder', 'resolved', 'contact'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** When a finding was told first and last, ISO 8601 in UTC. */
export type Told = { readonly first: string; readonly at: string };

/** By server id and finding id. */
export type ToldOf = Readonly<Record<string, Readonly<Record<string, Told>>>>;

/** The row of one reader; there is none where it would be empty. */
export type NoticeRow = {
  /** The last period in which each kind was sent. */
  readonly sent: Readonly<Partial<Record<NoticeKind, string>>>;
  /** Id of the first notice of those that readers see together: since then something was always open. */
  readonly thread?: string;
  readonly told: ToldOf;
};

/** By `ownerRow` or `contactRow`. */
export type NoticeLog = ReadonlyMap<string, NoticeRow>;

export const NO_ROW: NoticeRow = { sent: {}, told: {} };

const CONTACT = 'contact ';

/** What an owner is told, and what one is told as a project's contact, are two rows. */
export function ownerRow(owner: Pick<Owner, 'email'>): string {
  return mailKey(owner.email);
}

export function contactRow(contact: Pick<Owner, 'email'>): string {
  return `${CONTACT}${mailKey(contact.email)}`;
}

export function isContactRow(key: string): boolean {
  return key.startsWith(CONTACT);
}

/** `patch-compliance.alice@alpha.example.first.20261127`: the mail is named by it, whichever run posts it. */
export function noticeId(reader: Pick<Owner, 'email'>, kind: NoticeKind, period: string): string {
  return `patch-compliance.${mailKey(reader.email)}.${kind}.${period}`;
}

/** The row without what `keep` refuses; the row itself where that is nothing. */
export function keptOf(row: NoticeRow, keep: (server: string, finding: string) => boolean): NoticeRow {
  let dropped = false;
  const told = Object.entries(row.told).flatMap(([server, findings]) => {
    const kept = Object.entries(findings).filter(([finding]) => keep(server, finding));
    if (kept.length === Object.keys(findings).length) return [[server, findings] as const];
    dropped = true;
    return kept.length === 0 ? [] : [[server, Object.fromEntries(kept)] as const];
  });
  if (!dropped) return row;
  if (told.length > 0) return { ...row, told: Object.fromEntries(told) };
  const { thread: _, ...rest } = row;
  return { ...rest, told: {} };
}

/** Nothing is told and nothing was sent in this period or later: the row has nothing to say any more. */
export function isSpent({ sent, told }: NoticeRow, period: string): boolean {
  return Object.keys(told).length === 0 && Object.values(sent).every((each) => each < period);
}

/** Ids are whatever a feed calls things. */
export function toldOf({ told }: NoticeRow, server: string, finding: string): Told | undefined {
  const findings = Object.hasOwn(told, server) ? told[server]! : {};
  return Object.hasOwn(findings, finding) ? findings[finding] : undefined;
}
