/** How does every server stand to the patching terms after a poll, and what is to be remembered of it? */
import { type Shown, type Turn, turnOf } from './case-clock.ts';
import { rowAfter } from './case-row.ts';
import type { CaseState, Cases, JudgedServer, Judgement, Look } from './cases.ts';
import { workingTimeOf } from './compliance.ts';
import { grantsBy } from './exemptions.ts';
import { type Placed, placeHosts } from './feed-match.ts';
import type { Server } from './fleet.ts';
import { atOnce, type InTurns } from './in-turns.ts';
import { judgedFinding, stateOf, tally } from './judged.ts';
import type { Poll, ReportedHost } from './patch-feed.ts';
import { type Term, termsOf } from './policy-rules.ts';
import { type Evidence, evidenceOf, type Habits, habitsOf, silenceOf } from './poll-evidence.ts';

/** Servers judged without a stop. */
const A_TURN = 500;

/**
 * Judges every server by one more poll of one feed. Rows that the poll changes are in `next`, and no others; the
 * same poll judged again upon what it left changes nothing. An incomplete poll adds findings and resolves none.
 */
export function judge(previous: Cases, look: Look): Judgement {
  return atOnce(judgeInTurns(previous, look));
}

/** The same, in turns of a few thousandths of a second once hosts are put to their servers. */
export function* judgeInTurns(previous: Cases, look: Look): InTurns<Judgement> {
  const reading = readingOf(look);
  const { matched, ambiguous, nobody } = reading;
  const next = new Map<string, CaseState | null>();
  const servers = new Map<string, JudgedServer>();
  for (const [n, server] of look.servers.entries()) {
    if (n % A_TURN === 0) yield;
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

interface Reading extends Placed {
  readonly look: Look;
  readonly turn: Turn;
  readonly terms: readonly Term[];
  readonly habits: Habits;
  readonly grantsOf: ReturnType<typeof grantsBy>;
}

function readingOf(look: Look): Reading {
  const { poll, policy, exemptions = [], zone, now } = look;
  const time = workingTimeOf(policy, zone);
  return {
    look,
    turn: turnOf(look, time),
    terms: termsOf(policy),
    habits: habitsOf(poll),
    grantsOf: grantsBy([...policy.exemptions, ...exemptions], { now, zone: time.zone }),
    ...placeHosts(poll, look.servers, policy.hosts),
  };
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
  const row = rowAfter(before, { server, evidence, shown }, turn);

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

function whyLeftAlone(
  { createdAt }: Server,
  { look: { now, policy }, turn: { minAgeMs } }: Reading,
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
