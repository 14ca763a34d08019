/** What is remembered of the findings of a server from poll to poll, and what is judged of them at one? */
import type { FindingKind, Policy, Rule, State } from './compliance.ts';
import type { Exemption } from './exemptions.ts';
import type { Server } from './fleet.ts';
import type { Finding, Poll, ReportedHost } from './patch-feed.ts';

/** One finding on one server, from when it was first seen until it can no longer come back with the same clock. */
export type Case = {
  /** The finding's; unique on a server, whichever feeds show it. */
  readonly id: string;
  readonly kind: FindingKind;
  /** When a poll first showed it, ISO 8601 in UTC as all of these. */
  readonly since: string;
  /** When its clock began, where that is not `since`. */
  readonly start?: string;
  /** The key of the rule that set `due`. */
  readonly rule: string;
  /** A date once given stays, unless another rule comes to fit. */
  readonly due: string;
  /** When a rule came to fit that makes it due sooner. */
  readonly worseAt?: string;
  /** When it last came back after it was resolved. */
  readonly reopenedAt?: string;
  /** The feeds that still show it; none once it is resolved. */
  readonly seenBy: readonly string[];
  /** By feed, of those: the complete polls in a row that have not shown it. */
  readonly missed?: Readonly<Record<string, Missed>>;
  /** It was told by a count or a flag of the host, so that silence about it tells nothing. */
  readonly counted?: true;
  readonly resolvedAt?: string;
};

type Missed = {
  readonly polls: number;
  /** When the last of them was taken. */
  readonly at: string;
};

/** The row of one server; there is none where it would be empty. */
export type CaseState = {
  /** By id. */
  readonly cases: readonly Case[];
  /** By feed: since when one that lists everybody does not hear of it. */
  readonly silentSince?: Readonly<Record<string, string>>;
};

/** By server id. */
export type Cases = ReadonlyMap<string, CaseState>;

/** All that a judgement rests on. */
export interface Look {
  readonly poll: Poll;
  /** Every server of the cloud: what is remembered of any other is forgotten. */
  readonly servers: readonly Server[];
  readonly policy: Policy;
  /** Beside those of the policy; kept when they have ended, they go on granting the time that they gave. */
  readonly exemptions?: readonly Exemption[];
  /** The site's time zone, for a policy that names none. */
  readonly zone: string;
  readonly now: Date;
}

export interface JudgedFinding {
  readonly id: string;
  readonly kind: FindingKind;
  readonly standing: 'open' | 'exempt' | 'resolved';
  /** When it was first seen, ISO 8601 in UTC as all of these. */
  readonly since: string;
  /** Until when it may last, with the time that exemptions grant. */
  readonly due: string;
  readonly worseAt?: string;
  readonly reopenedAt?: string;
  readonly resolvedAt?: string;
  /** The one that counts; absent where the policy no longer has it and no poll has asked anew. */
  readonly rule?: Rule;
  /** As this poll shows it; absent where it does not, and then nothing can be claimed of it now. */
  readonly shown?: Finding;
  /** What exempts it now, and until when: `due` may be later. */
  readonly exempt?: Exemption;
  readonly exemptUntil?: string;
}

export interface JudgedServer {
  readonly id: string;
  readonly state: State;
  /** What the feed says of it in this poll, its findings aside; absent where it does not list it. */
  readonly report?: Pick<ReportedHost, 'hostname' | 'os' | 'lastReport'>;
  /** Why nothing is asked of its owner for now; its findings are not looked at then. */
  readonly leftAlone?: string;
  /** Why nobody knows how it is; only of state `unknown`. */
  readonly unknown?: string;
  readonly findings: readonly JudgedFinding[];
}

export interface Judgement {
  /** Rows that differ from before; null: to be deleted. */
  readonly next: ReadonlyMap<string, CaseState | null>;
  /** Every server, by id. */
  readonly servers: ReadonlyMap<string, JudgedServer>;
  readonly counts: Counts;
  /** Hosts that fit several servers: for operators. */
  readonly ambiguous: readonly Doubt[];
  /** Hosts that fit no server, as the feed calls them. */
  readonly nobody: readonly string[];
}

/** What the feed calls a host, the ids of the servers that it might be, and by what. */
export interface Doubt {
  readonly host: string;
  readonly candidates: readonly string[];
  readonly why: string;
}

export interface Counts {
  readonly servers: number;
  /** Adds up to `servers`. */
  readonly states: Readonly<Record<State, number>>;
  /** Of the servers: those that nothing is asked of. */
  readonly leftAlone: number;
  readonly open: number;
  /** Of the open findings: those that are due. */
  readonly overdue: number;
  readonly exempt: number;
  /** Findings that this poll showed first, or again, and those that it resolved. */
  readonly opened: number;
  readonly resolved: number;
  readonly hosts: { readonly matched: number; readonly ambiguous: number; readonly nobody: number };
}
