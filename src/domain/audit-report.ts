/** What an audit tells people: each finding with since when it is known, what is new, and what is gone. */
import { AUDIT_KINDS, type AuditKind, type Finding, type Unasked } from './audit.ts';
import { byName } from './names.ts';
import { sayCount, sayDay, sayInstant, sayList } from './say.ts';

/** A finding as it is remembered between audits, by `keyOf` it. */
export type Known = { readonly kind: AuditKind; readonly subject: string; readonly since: string };

type Dated = Finding & {
  readonly since: string;
  /** `since` is when an audit saw it first; the cloud does not tell how old it is. */
  readonly firstSeen?: true;
  readonly isNew?: true;
};

export type Audit = {
  readonly at: string;
  /** How much was looked at. */
  readonly hypervisors: number;
  readonly servers: number;
  readonly findings: readonly Dated[];
  /** Known from the last audit, and found no more. */
  readonly gone: readonly (Known & { readonly key: string })[];
  readonly unasked: Unasked;
};

/** A finding has a few hundred bytes, and a run may return 64 KiB. */
const MOST_RETURNED = 60;

const KINDS = Object.keys(AUDIT_KINDS) as AuditKind[];

export function keyOf({ kind, id }: Pick<Finding, 'kind' | 'id'>): string {
  return `${kind} ${id}`;
}

/** Puts findings beside those of the audits before; what was not looked for is neither new nor gone. */
export function dateFindings(
  findings: readonly Finding[],
  known: ReadonlyMap<string, Known>,
  { at, unasked }: Pick<Audit, 'at' | 'unasked'>,
): Pick<Audit, 'findings' | 'gone'> {
  const found = new Set(findings.map(keyOf));
  return {
    findings: findings.map((finding) => {
      const before = known.get(keyOf(finding));
      const since = finding.since ?? before?.since ?? at;
      return {
        ...finding,
        since,
        ...(finding.since === undefined && { firstSeen: true as const }),
        ...(before === undefined && { isNew: true as const }),
      };
    }),
    gone: [...known]
      .filter(([key, { kind }]) => !found.has(key) && unasked[kind] === undefined)
      .map(([key, row]) => ({ key, ...row }))
      .toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || byName(a.subject, b.subject)),
  };
}

export function hasChanged({ findings, gone }: Audit): boolean {
  return gone.length > 0 || findings.some(({ isNew }) => isNew);
}

/** At most `shown` findings of a kind are told one by one. */
export function describeAudit(audit: Audit, shown: number) {
  const asked = KINDS.filter((kind) => audit.unasked[kind] === undefined);
  const counts = asked.map((kind) => countOf(audit, kind)).filter(({ now, gone }) => now + gone > 0);
  const sheet = {
    columns: ['what', 'found', 'new', 'gone'],
    rows: counts.map(({ kind, now, fresh, gone }) => [nounOf(kind, now), now, fresh, gone]),
  };
  const lines = [
    ...KINDS.flatMap((kind) => describeKind(audit, kind, shown)),
    ...describeGone(audit, shown),
    ...describeUnasked(audit),
  ];
  return { headline: headlineOf(audit), ...(counts.length > 0 && { sheet }), lines };
}

/** The mail to operators. */
export function auditMail(audit: Audit, shown: number): { readonly subject: string; readonly text: string } {
  const { headline, lines } = describeAudit(audit, shown);
  const fresh = audit.findings.filter(({ isNew }) => isNew).length;
  const what = [
    fresh === 0 ? '' : sayCount(fresh, 'new finding'),
    audit.gone.length === 0 ? '' : `${audit.gone.length} gone`,
  ].filter((part) => part !== '');
  return {
    subject: `[nightshift] ${sayDay(new Date(audit.at), 'UTC')}: audit, ${what.join(', ')}`,
    text: `${[headline, ...lines].join('\n')}\n`,
  };
}

function headlineOf(audit: Audit): string {
  const { findings, gone, hypervisors, servers } = audit;
  const fresh = findings.filter(({ isNew }) => isNew).length;
  const changes = [
    ...(fresh > 0 ? [`${fresh} new`] : []),
    ...(gone.length > 0 ? [`${gone.length} gone`] : []),
  ];
  const since = changes.length === 0 ? 'as in the last audit' : changes.join(', ');
  const looked =
    hypervisors === 0 ? '' : ` on ${sayCount(hypervisors, 'hypervisor')} with ${sayCount(servers, 'server')}`;
  if (findings.length === 0 && gone.length === 0) return `Nothing found${looked}.`;
  const count = findings.length === 0 ? 'No findings' : sayCount(findings.length, 'finding');
  return `${count}${looked}: ${since}.`;
}

function countOf({ findings, gone }: Audit, kind: AuditKind) {
  const now = findings.filter((finding) => finding.kind === kind);
  return {
    kind,
    now: now.length,
    fresh: now.filter(({ isNew }) => isNew).length,
    gone: gone.filter((row) => row.kind === kind).length,
  };
}

function describeKind({ findings }: Audit, kind: AuditKind, shown: number): string[] {
  const found = findings.filter((finding) => finding.kind === kind);
  if (found.length === 0) return [];
  const left = found.length - shown;
  return [
    `${found.length} ${nounOf(kind, found.length)}`,
    ...found.slice(0, shown).flatMap(describeFinding),
    ...(left > 0 ? [`  and ${left} more (option shown)`] : []),
  ];
}

function describeFinding({ subject, why, since, firstSeen, isNew, look, repair }: Dated): string[] {
  const known = `since ${sayInstant(new Date(since), 'UTC')}`;
  const when = isNew && firstSeen ? 'new' : firstSeen ? `seen ${known}` : `${known}${isNew ? ', new' : ''}`;
  return [
    `  ${subject}  ${why}  [${when}]`,
    ...(look === undefined ? [] : [`    look:    ${look}`]),
    ...(repair === undefined ? [] : [`    repair:  ${repair}`]),
  ];
}

function describeGone({ gone }: Audit, shown: number): string[] {
  if (gone.length === 0) return [];
  const names = gone.map(({ kind, subject }) => `${subject} (${nounOf(kind, 1)})`);
  return [`gone since the last audit  ${gone.length}: ${sayList(names, shown)}`];
}

function describeUnasked({ unasked }: Audit): string[] {
  const byWhy = Map.groupBy(
    KINDS.filter((kind) => unasked[kind] !== undefined),
    (kind) => unasked[kind],
  );
  return [...byWhy].map(
    ([why, kinds]) => `not looked for  ${sayList(kinds.map((kind) => nounOf(kind, 2)))}: ${why}`,
  );
}

function nounOf(kind: AuditKind, count: number): string {
  return AUDIT_KINDS[kind][count === 1 ? 0 : 1];
}

/** What a program is told of it, within what a run may return: of a long list the first ones, and how many are left. */
export function auditResult({ findings, gone, ...audit }: Audit) {
  const kept = findings.slice(0, MOST_RETURNED);
  const goneKept = gone.slice(0, MOST_RETURNED);
  return {
    ...audit,
    findings: kept,
    gone: goneKept,
    left: findings.length - kept.length + (gone.length - goneKept.length),
  };
}
