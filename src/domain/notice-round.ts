/** What do decisions about notices rest on, and what do they say? */
import type { JudgedFinding, JudgedServer } from './cases.ts';
import type { EscalationStep, Policy } from './compliance.ts';
import type { Owner, Server } from './fleet.ts';
import type { NoticeKind, NoticeLog, NoticeRow } from './notice-log.ts';
import type { Moment } from './notice-news.ts';

/** A judged server of which somebody is answerable, and who. */
export interface Owned {
  readonly server: Pick<Server, 'id' | 'name' | 'projectId' | 'addresses' | 'image'>;
  readonly judged: JudgedServer;
  readonly owner: Owner;
}

/** All that it rests on whether somebody gets a notice now. */
export interface Round {
  /** Those without findings may be left out. */
  readonly owned: readonly Owned[];
  /** Servers with findings are missing, too, or owners could not be found: nothing follows from what is not there. */
  readonly partial?: true;
  readonly log: NoticeLog;
  readonly policy: Policy;
  /** The site's time zone, for a policy that names none. */
  readonly zone: string;
  readonly now: Date;
  /** By project id. */
  readonly contacts: Readonly<Record<string, Owner>>;
  /** Why mail to an address does not arrive, by `mailKey`. */
  readonly unreachable: ReadonlyMap<string, string>;
  /** Ids of the projects whose owners are written to; left out: of all. */
  readonly pilot?: ReadonlySet<string>;
  /** So many get their first mail of a day, the worst first. */
  readonly maxOwnersPerDay: number;
  /** Why nobody is written to: too many of the mails came back, say. */
  readonly broken?: string;
}

/** What a notice says of one server. */
export interface NoticeServer extends Owned {
  /** All that can be claimed of it now, what is due first first. */
  readonly open: readonly NoticeFinding[];
  /** What was told and is over. */
  readonly resolved: readonly JudgedFinding[];
}

export interface NoticeFinding {
  readonly finding: JudgedFinding;
  /** Until when its owner may take: the due date, or later where that was over when the owner was first told. */
  readonly askedBy: string;
  /** When its owner was first told: now, where this notice is the first. */
  readonly toldAt: string;
  readonly overdue: boolean;
  /** What makes this notice go out now; absent where it was told before. */
  readonly news?: Exclude<NoticeKind, 'contact'>;
}

/** One mail to one reader; a later decision for the same reader, kind and period has the same id. */
export interface Notice {
  /** Names the mail: its Message-ID is made of it. */
  readonly id: string;
  /** Ids of the notices that it follows. */
  readonly thread: readonly string[];
  readonly kind: NoticeKind;
  /** `20261127` */
  readonly period: string;
  readonly to: Owner;
  /** The worst first; at least one. */
  readonly servers: readonly NoticeServer[];
}

/**
 * `nothing`: nothing is asked · `grace`: told, and it has time · `exempt` · `not shown`: nothing can be claimed now · `pilot`: its projects are
 * not written to yet · `sent`: there was a mail today · `digest`, `quiet hours`: not at this hour · `bounced`: mail
 * does not arrive · `too many`: others are worse and today's mails are used up · `broken`: nobody is written to.
 */
export type Hold =
  | 'nothing'
  | 'grace'
  | 'exempt'
  | 'not shown'
  | 'pilot'
  | 'sent'
  | 'digest'
  | 'quiet hours'
  | 'bounced'
  | 'too many'
  | 'broken';

/** Whether somebody gets a notice, and why; `key` is that of the row in the log. */
export type Decision = {
  readonly key: string;
  readonly to: Owner;
  /** In a sentence's words, without its full stop. */
  readonly why: string;
  /** What comes next if nothing changes. */
  readonly next?: Moment;
  /**
   * The row as it is to be kept, where that differs; null: it is to be deleted. Written in the step that posts the
   * mail: who is not written to has a row that says so.
   */
  readonly row?: NoticeRow | null;
} & ({ readonly send: Notice } | { readonly hold: Hold; readonly until?: Date });

/** What operators are asked to look at: an owner was told, and it is still so. */
export interface Escalated {
  readonly owned: Owned;
  readonly findings: readonly NoticeFinding[];
  /** What could be done to the server; nothing is done by itself. */
  readonly propose: NonNullable<EscalationStep['propose']>;
  /** Since when the operators are asked, ISO 8601 in UTC. */
  readonly since: string;
}

export interface Notices {
  /** Every owner of a server in the round, the worst first. */
  readonly owners: readonly Decision[];
  /** Contacts of projects, with what others own in them; only where there is something to tell. */
  readonly contacts: readonly Decision[];
  readonly operators: readonly Escalated[];
  /** Rows of those who own nothing any more that would be asked of them. */
  readonly spent: ReadonlyMap<string, NoticeRow | null>;
}
