/** What is remembered of a server once a poll has told what it tells of it? */
import { notShown, type Shown, shownAgain, type Turn } from './case-clock.ts';
import type { Case, CaseState } from './cases.ts';
import type { Server } from './fleet.ts';
import { DAY_MS } from './local-time.ts';
import type { Evidence } from './poll-evidence.ts';

/** Who was told of a finding that is over may be told so for as long. */
const KEPT_MS = 7 * DAY_MS;

/** What a poll tells of one server. */
interface Seen {
  readonly server: Server;
  readonly evidence: Evidence;
  /** By id: what a rule speaks of. */
  readonly shown: ReadonlyMap<string, Shown>;
}

/** `before` itself where nothing is new, undefined where nothing is left to remember. */
export function rowAfter(before: CaseState | undefined, seen: Seen, turn: Turn): CaseState | undefined {
  const old = before?.cases ?? [];
  const cases = casesAfter(old, seen, turn);
  const silentSince = silenceAfter(before?.silentSince, seen.evidence, turn);
  const isSame = cases.length === old.length && cases.every((each, i) => each === old[i]);
  if (isSame && silentSince === before?.silentSince) return before;
  if (cases.length === 0 && silentSince === undefined) return undefined;
  return { cases, ...(silentSince && { silentSince }) };
}

function casesAfter(old: readonly Case[], { server, evidence, shown }: Seen, turn: Turn): Case[] {
  const bornAt = Date.parse(server.createdAt);
  const earliest = Number.isNaN(bornAt) ? 0 : bornAt + turn.minAgeMs;
  const listed = new Set(evidence.subjects.map(({ finding }) => finding.id));
  const kept = old.map((known) => {
    const again = shown.get(known.id);
    if (again !== undefined) return shownAgain(known, again, turn, earliest);
    if (known.resolvedAt !== undefined) return known;
    // What is listed and no rule speaks of any more is over, too.
    const isOver = evidence.wouldShow(known) || (turn.complete && listed.has(known.id));
    return isOver ? notShown(known, turn) : known;
  });
  const fresh = [...shown]
    .filter(([id]) => !old.some((known) => known.id === id))
    .map(([, each]) => shownAgain(undefined, each, turn, earliest));
  const all = fresh.length === 0 ? kept : [...kept, ...fresh].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return all.filter((each) => !isForgotten(each, turn));
}

function isForgotten({ resolvedAt }: Case, { now, reopenMs }: Turn): boolean {
  return resolvedAt !== undefined && now.getTime() - Date.parse(resolvedAt) > Math.max(reopenMs, KEPT_MS);
}

function silenceAfter(
  before: CaseState['silentSince'],
  { heard }: Evidence,
  { feed, takenAt, mindsSilence }: Turn,
): CaseState['silentSince'] {
  const isNoted = before?.[feed] !== undefined;
  if (heard === 'no' && mindsSilence) return isNoted ? before : { ...before, [feed]: takenAt };
  if (!isNoted || heard === 'unknown') return before;
  const { [feed]: _, ...others } = before;
  return Object.keys(others).length === 0 ? undefined : others;
}
