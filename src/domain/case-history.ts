/** How does every server stand to the patching terms after a poll, and what is to be remembered of it? */
import { notShown, type Shown, secondsOf, shownAgain, type Turn, turnOf } from './case-clock.ts';
import type { Case, CaseState, Cases, Doubt, JudgedServer, Judgement } from './cases.ts';
import { type Policy, workingTimeOf } from './compliance.ts';
import { type Exemption, grantsBy } from './exemptions.ts';
import { hostName, matcherOf } from './feed-match.ts';
import type { Server } from './fleet.ts';
import { judgedFinding, stateOf, tally } from './judged.ts';
import { DAY_MS } from './local-time.ts';
import type { Poll, ReportedHost } from './patch-feed.ts';
import { type Term, termsOf } from './policy-rules.ts';
import { type Evidence, evidenceOf, type Habits, habitsOf, silenceOf } from './poll-evidence.ts';
import { parseSpan } from './time-forms.ts';

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

/** Who was told that a finding is over may be told so for as long. */
const KEPT_MS = 7 * DAY_MS;

/**
 * Judges every server by one more poll of one feed. Rows that the poll changes are in `next`, and no others; the
 * same poll judged again upon what it left changes nothing. An incomplete poll adds findings and resolves none.
 */
export function judge(previous: Cases, look: Look): Judgement {
  const reading = readingOf(look);
  const { matched, ambiguous, nobody } = reading;
  const next = new Map<string, CaseState | null>();
  const servers = new Map<string, JudgedServer>();
  for (const server of look.servers) {
    const before = previous.get(server.id);
    const { row, judged } = judgeServer(server, before, reading);
    if (row !== before) next.set(server.id, row ?? null);
    servers.set(server.id, judged);
  }
  for (const id of previous.keys()) if (!servers.has(id)) next.set(id, null);
  const hosts = { matched, ambiguous: ambiguous.length, nobody: nobody.length };
  return {
    next,
    servers,
    counts: { ...tally(servers.values(), look.now, reading.turn.takenAt), hosts },
    ambiguous,
    nobody,
  };
}

interface Reading {
  readonly look: Look;
  readonly turn: Turn;
  readonly terms: readonly Term[];
  readonly habits: Habits;
  readonly grantsOf: ReturnType<typeof grantsBy>;
  readonly minAgeMs: number;
  /** Some rule asks servers to report. */
  readonly minds: boolean;
  /** By server id: what the poll lists for it, and why it might list more. */
  readonly hosts: ReadonlyMap<string, readonly ReportedHost[]>;
  readonly doubts: ReadonlyMap<string, string>;
  readonly matched: number;
  readonly ambiguous: readonly Doubt[];
  readonly nobody: readonly string[];
}

function readingOf(look: Look): Reading {
  const { poll, policy, exemptions = [], zone, now } = look;
  const time = workingTimeOf(policy, zone);
  const turn = turnOf({ feed: poll.feed, takenAt: secondsOf(new Date(poll.takenAt)) }, policy, time);
  return {
    look,
    turn,
    terms: termsOf(policy),
    habits: habitsOf(poll),
    grantsOf: grantsBy([...policy.exemptions, ...exemptions], { now, zone: time.zone }),
    minAgeMs: parseSpan(policy.minServerAge),
    minds: policy.rules.some(({ match }) => match.notReportingFor !== undefined),
    ...placeHosts(look),
  };
}

function placeHosts({ poll, servers, policy }: Look) {
  const matchOf = matcherOf(servers, policy.hosts);
  const hosts = new Map<string, ReportedHost[]>();
  const doubts = new Map<string, string>();
  const ambiguous: Doubt[] = [];
  const nobody: string[] = [];
  let matched = 0;
  for (const host of poll.hosts) {
    const match = matchOf(host);
    if (match.is === 'nobody') nobody.push(hostName(host));
    else if (match.is === 'server') {
      matched += 1;
      const placed = hosts.get(match.id);
      if (placed === undefined) hosts.set(match.id, [host]);
      else placed.push(host);
    } else {
      const { candidates, why } = match;
      ambiguous.push({ host: hostName(host), candidates, why });
      for (const id of candidates)
        doubts.set(id, `${poll.feed} lists a host that may be this server: ${why}`);
    }
  }
  return { hosts, doubts, ambiguous, nobody, matched };
}

function judgeServer(server: Server, before: CaseState | undefined, reading: Reading) {
  const { look, hosts, habits, turn } = reading;
  const leftAlone = whyLeftAlone(server, reading);
  if (leftAlone !== undefined) {
    const judged: JudgedServer = { id: server.id, state: 'unknown', leftAlone, findings: [] };
    return { row: before, judged };
  }
  const own = hosts.get(server.id) ?? [];
  const doubt = whyDoubted(server, own, reading);
  const silentSince = before?.silentSince?.[turn.feed];
  const evidence = evidenceOf(own, habits, { silentSince, doubtful: doubt !== undefined });
  const shown = shownBy(evidence, reading);
  const row = rowAfter(before, { server, evidence, shown }, reading);

  const grantOf = reading.grantsOf(server);
  const findings = (row?.cases ?? []).map((known) =>
    judgedFinding(known, { shown: shown.get(known.id), terms: reading.terms, grantOf }),
  );
  const unknown = doubt ?? whyUnknown(evidence, findings.length > 0, look.poll);
  const state = stateOf(findings, unknown);
  const judged: JudgedServer = {
    id: server.id,
    state,
    ...(evidence.host && { report: reportOf(evidence.host) }),
    ...(state === 'unknown' && unknown !== undefined && { unknown }),
    findings,
  };
  return { row, judged };
}

function shownBy(evidence: Evidence, { terms, look }: Reading): ReadonlyMap<string, Shown> {
  const shown = new Map<string, Shown>();
  const silence = silenceOf(evidence, look.now);
  for (const subject of silence === undefined ? evidence.subjects : [...evidence.subjects, silence]) {
    if (shown.has(subject.finding.id)) continue;
    const term = terms.find(({ fits }) => fits(subject));
    if (term !== undefined) shown.set(subject.finding.id, { ...subject, term });
  }
  return shown;
}

function reportOf({ hostname, os, lastReport }: ReportedHost): NonNullable<JudgedServer['report']> {
  return {
    ...(hostname !== undefined && { hostname }),
    ...(os !== undefined && { os }),
    ...(lastReport !== undefined && { lastReport }),
  };
}

interface Seen {
  readonly server: Server;
  readonly evidence: Evidence;
  readonly shown: ReadonlyMap<string, Shown>;
}

/** `before` itself where nothing is new, undefined where nothing is left to remember. */
function rowAfter(before: CaseState | undefined, seen: Seen, reading: Reading): CaseState | undefined {
  const old = before?.cases ?? [];
  const cases = casesAfter(old, seen, reading);
  const silentSince = silenceAfter(before?.silentSince, seen.evidence, reading);
  const isSame = cases.length === old.length && cases.every((each, i) => each === old[i]);
  if (isSame && silentSince === before?.silentSince) return before;
  if (cases.length === 0 && silentSince === undefined) return undefined;
  return { cases, ...(silentSince && { silentSince }) };
}

function casesAfter(old: readonly Case[], { server, evidence, shown }: Seen, reading: Reading): Case[] {
  const { turn, minAgeMs, look } = reading;
  const bornAt = Date.parse(server.createdAt);
  const earliest = Number.isNaN(bornAt) ? 0 : bornAt + minAgeMs;
  const listed = new Set(evidence.subjects.map(({ finding }) => finding.id));
  const kept = old.map((known) => {
    const again = shown.get(known.id);
    if (again !== undefined) return shownAgain(known, again, turn, earliest);
    if (known.resolvedAt !== undefined) return known;
    // What is listed and no rule speaks of any more is over, too.
    const isOver = evidence.wouldShow(known) || (look.poll.complete && listed.has(known.id));
    return isOver ? notShown(known, turn) : known;
  });
  const fresh = [...shown]
    .filter(([id]) => !old.some((known) => known.id === id))
    .map(([, each]) => shownAgain(undefined, each, turn, earliest));
  const all = fresh.length === 0 ? kept : [...kept, ...fresh].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return all.filter((each) => !isForgotten(each, reading));
}

function isForgotten({ resolvedAt }: Case, { look: { now }, turn: { reopenMs } }: Reading): boolean {
  return resolvedAt !== undefined && now.getTime() - Date.parse(resolvedAt) > Math.max(reopenMs, KEPT_MS);
}

function silenceAfter(
  before: CaseState['silentSince'],
  { heard }: Evidence,
  { turn: { feed, takenAt }, minds }: Reading,
): CaseState['silentSince'] {
  const isNoted = before?.[feed] !== undefined;
  if (heard === 'no' && minds) return isNoted ? before : { ...before, [feed]: takenAt };
  if (!isNoted || heard === 'unknown') return before;
  const { [feed]: _, ...others } = before;
  return Object.keys(others).length === 0 ? undefined : others;
}

function whyLeftAlone(
  { createdAt }: Server,
  { look: { now, policy }, minAgeMs }: Reading,
): string | undefined {
  const ageMs = now.getTime() - Date.parse(createdAt);
  return ageMs < minAgeMs ? `it is younger than ${policy.minServerAge}` : undefined;
}

function whyDoubted(
  { id, status }: Server,
  own: readonly ReportedHost[],
  { doubts }: Reading,
): string | undefined {
  if (own.length > 0) return undefined;
  return status === 'UNKNOWN' ? 'its cell is silent, so it cannot be found in any feed' : doubts.get(id);
}

/** `known`: the feed has said something of it before. */
function whyUnknown({ host, heard }: Evidence, known: boolean, poll: Poll): string | undefined {
  if (heard === 'yes') return undefined;
  if (heard === 'no')
    return host === undefined ? `${poll.feed} does not list it` : `${poll.feed} lists it without a report`;
  if (!poll.complete) return `${poll.feed} gave an incomplete list, and it is not in it`;
  // Whatever was said of it, nothing is any more.
  if (known) return undefined;
  return `${poll.feed} lists only what something speaks against: it is well, or it does not report`;
}
