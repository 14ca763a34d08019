/** What is a server, and until when may each of its findings last, after all that is remembered and shown of it? */
import { type Shown, secondsOf } from './case-clock.ts';
import type { Case, CaseState, Counts, JudgedFinding, JudgedServer } from './cases.ts';
import { type FindingKind, type Policy, STATES, type State } from './compliance.ts';
import { type Exemption, type Grant, grantsBy } from './exemptions.ts';
import type { Server } from './fleet.ts';
import { type Term, termsOf } from './policy-rules.ts';

/** What the worst of several findings makes of a server, the worst first. */
const STATE_BY_KIND: readonly (readonly [FindingKind, State])[] = [
  ['silence', 'not-reporting'],
  ['advisory', 'vulnerable'],
  ['updates', 'outdated'],
  ['reboot', 'reboot-pending'],
];

export interface Standing {
  /** As the poll shows it; undefined where it does not. */
  readonly shown?: Shown | undefined;
  readonly terms: readonly Term[];
  readonly grantOf: (findingId: string) => Grant | undefined;
}

/** An exemption gives time until its end, also to what is judged after it. */
export function judgedFinding(known: Case, { shown, terms, grantOf }: Standing): JudgedFinding {
  const { id, kind, since, worseAt, reopenedAt, resolvedAt } = known;
  const grant = grantOf(id);
  const granted = grant === undefined ? '' : secondsOf(grant.endsAt);
  const rule = (shown?.term ?? terms.find(({ key }) => key === known.rule))?.rule;
  return {
    id,
    kind,
    standing: resolvedAt !== undefined ? 'resolved' : grant?.stands ? 'exempt' : 'open',
    since,
    due: granted > known.due ? granted : known.due,
    ...(worseAt !== undefined && { worseAt }),
    ...(reopenedAt !== undefined && { reopenedAt }),
    ...(resolvedAt !== undefined && { resolvedAt }),
    ...(rule && { rule }),
    ...(shown && { shown: shown.finding }),
    ...(grant?.stands && { exempt: grant.exemption, exemptUntil: granted }),
  };
}

/** What is remembered of one server, judged without a poll; none of it is `shown`. */
export function judgedRow(
  { cases }: CaseState,
  server: Pick<Server, 'id' | 'projectId' | 'image'>,
  about: { policy: Policy; exemptions: readonly Exemption[]; zone: string; now: Date },
): JudgedFinding[] {
  const { policy, exemptions, now } = about;
  const zone = policy.timezone ?? about.zone;
  const grantOf = grantsBy([...policy.exemptions, ...exemptions], { now, zone })(server);
  const terms = termsOf(policy);
  return cases.map((known) => judgedFinding(known, { terms, grantOf }));
}

/** Exempt findings count: the server is as it is. `unknown`: why nobody could tell if nothing is found. */
export function stateOf(findings: readonly JudgedFinding[], unknown: string | undefined): State {
  const kinds = new Set(findings.filter(({ standing }) => standing !== 'resolved').map(({ kind }) => kind));
  const worst = STATE_BY_KIND.find(([kind]) => kinds.has(kind));
  return worst?.[1] ?? (unknown === undefined ? 'compliant' : 'unknown');
}

/** `takenAt`: of the poll whose changes are counted. */
export function tally(servers: Iterable<JudgedServer>, now: Date, takenAt: string): Omit<Counts, 'hosts'> {
  const states = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
  const counts = { servers: 0, leftAlone: 0, open: 0, overdue: 0, exempt: 0, opened: 0, resolved: 0 };
  const at = secondsOf(now);
  for (const { state, leftAlone, findings } of servers) {
    counts.servers += 1;
    states[state] += 1;
    if (leftAlone !== undefined) counts.leftAlone += 1;
    for (const { standing, due, since, reopenedAt, resolvedAt } of findings) {
      if (standing === 'open') counts.open += 1;
      if (standing === 'open' && due <= at) counts.overdue += 1;
      if (standing === 'exempt') counts.exempt += 1;
      if (standing !== 'resolved' && (reopenedAt ?? since) === takenAt) counts.opened += 1;
      if (resolvedAt === takenAt) counts.resolved += 1;
    }
  }
  return { states, ...counts };
}
