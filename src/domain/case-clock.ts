/** How does what is remembered of a finding go on when a poll shows it, and when one does not? */
import type { Case, Look } from './cases.ts';
import type { Finding } from './patch-feed.ts';
import type { Subject, Term } from './policy-rules.ts';
import { parseSpan } from './time-forms.ts';
import { endOfWork, parseGrace, type WorkingTime } from './working-time.ts';

/** A finding that a poll shows, with the rule that speaks of it. */
export interface Shown extends Subject {
  readonly term: Term;
  /** See `Case.counted`. */
  readonly counted: boolean;
}

/** What is the same for every server at one poll. */
export interface Turn {
  readonly feed: string;
  /** The feed alone. */
  readonly seenBy: readonly string[];
  /** ISO 8601 in UTC. */
  readonly takenAt: string;
  readonly complete: boolean;
  readonly now: Date;
  /** Younger servers are left alone. */
  readonly minAgeMs: number;
  /** Some rule asks servers to report. */
  readonly mindsSilence: boolean;
  readonly resolveAfter: number;
  /** One that comes back within so long goes on with its clock. */
  readonly reopenMs: number;
  /** The same for the same start and rule. */
  readonly dueOf: (start: string, term: Term) => string;
}

export function turnOf(
  { poll, policy, now }: Pick<Look, 'poll' | 'policy' | 'now'>,
  time: WorkingTime,
): Turn {
  const known = new Map<string, string>();
  return {
    feed: poll.feed,
    seenBy: [poll.feed],
    takenAt: secondsOf(new Date(poll.takenAt)),
    complete: poll.complete,
    now,
    minAgeMs: parseSpan(policy.minServerAge),
    mindsSilence: policy.rules.some(({ match }) => match.notReportingFor !== undefined),
    resolveAfter: policy.resolve.afterCompletePolls,
    reopenMs: parseSpan(policy.reopenKeepsClock),
    dueOf: (start, { rule: { grace } }) => {
      const key = `${grace} ${start}`;
      const due = known.get(key) ?? secondsOf(endOfWork(new Date(start), parseGrace(grace)!, time));
      known.set(key, due);
      return due;
    },
  };
}

/**
 * The case after a poll that shows the finding. `earliest`: no clock begins before (ms). The case itself where
 * nothing is new; the same poll again changes nothing.
 */
export function shownAgain(before: Case | undefined, shown: Shown, turn: Turn, earliest: number): Case {
  if (before === undefined || isOver(before, turn)) return opened(shown, turn, earliest);
  const judged = rejudged(before, shown, turn);
  if (judged.resolvedAt !== undefined) {
    const { resolvedAt: _, ...open } = judged;
    return { ...open, reopenedAt: turn.takenAt, seenBy: turn.seenBy };
  }
  const seen = withoutMissed(judged, turn);
  return seen.seenBy.includes(turn.feed) ? seen : { ...seen, seenBy: [...seen.seenBy, turn.feed] };
}

/**
 * The case after a complete poll that would show the finding if it were still there. Several in a row resolve
 * it, once no other feed shows it; the same poll counts once. The case itself where nothing is new.
 */
export function notShown(before: Case, turn: Turn): Case {
  const { feed, takenAt, resolveAfter } = turn;
  const missed = before.missed?.[feed];
  const last = missed?.at ?? before.reopenedAt ?? before.since;
  if (!before.seenBy.includes(feed) || takenAt <= last) return before;
  const polls = (missed?.polls ?? 0) + 1;
  if (polls < resolveAfter)
    return { ...before, missed: { ...before.missed, [feed]: { polls, at: takenAt } } };
  const others = before.seenBy.filter((each) => each !== feed);
  const over = withoutMissed(before, turn);
  return { ...over, seenBy: others, ...(others.length === 0 && { resolvedAt: takenAt }) };
}

/** An instant to the second, as rows hold it. */
export function secondsOf(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

/** Resolved too long ago to go on. */
function isOver({ resolvedAt }: Case, { takenAt, reopenMs }: Turn): boolean {
  return resolvedAt !== undefined && Date.parse(takenAt) - Date.parse(resolvedAt) > reopenMs;
}

function opened({ finding, kind, term, counted }: Shown, turn: Turn, earliest: number): Case {
  const since = turn.takenAt;
  const start = startOf(finding, term, since, earliest);
  return {
    id: finding.id,
    kind,
    since,
    ...(start !== since && { start }),
    rule: term.key,
    due: turn.dueOf(start, term),
    seenBy: turn.seenBy,
    ...(counted && { counted }),
  };
}

/** An advisory's clock does not begin before anybody could have acted on the server, nor in the future. */
function startOf({ advisedAt }: Finding, { clockStart }: Term, since: string, earliest: number): string {
  const advised = Date.parse(clockStart === 'advisory' ? (advisedAt ?? '') : '');
  if (Number.isNaN(advised)) return since;
  const start = Math.max(advised, earliest);
  return start < Date.parse(since) ? secondsOf(new Date(start)) : since;
}

/**
 * Under another rule than before. One that gives more time gives it from the clock's start; one that gives less
 * counts from the poll that brought it, so that nothing becomes due in the past.
 */
function rejudged(before: Case, { kind, term }: Shown, turn: Turn): Case {
  if (before.rule === term.key) return before.kind === kind ? before : { ...before, kind };
  const more = turn.dueOf(before.start ?? before.since, term);
  if (more >= before.due) return { ...before, kind, rule: term.key, due: more };
  const less = turn.dueOf(turn.takenAt, term);
  if (less >= before.due) return { ...before, kind, rule: term.key };
  return { ...before, kind, rule: term.key, due: less, worseAt: turn.takenAt };
}

/** The case itself where the feed has missed nothing. */
function withoutMissed(before: Case, { feed }: Turn): Case {
  if (before.missed?.[feed] === undefined) return before;
  const { missed, ...rest } = before;
  const { [feed]: _, ...others } = missed;
  return Object.keys(others).length === 0 ? rest : { ...rest, missed: others };
}
