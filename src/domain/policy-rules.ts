/** Which rule of the policy speaks of a finding? */
import type { FindingKind, Policy, Rule, Severity } from './compliance.ts';
import { isLike } from './like.ts';
import type { Finding } from './patch-feed.ts';
import { parseSpan } from './time-forms.ts';

/** A finding as rules see it. */
export interface Subject {
  readonly finding: Finding;
  readonly kind: FindingKind;
  /** For how long nothing was heard; only of kind `silence`. */
  readonly silentMs?: number;
}

/** A rule with all that it says by leaving out. */
export interface Term {
  readonly rule: Rule;
  /** What it asks: `tags EGI-Critical: 7d from advisory`. */
  readonly text: string;
  /** Short, and the same as long as it asks the same. */
  readonly key: string;
  readonly clockStart: Policy['clockStart'];
  readonly fits: (subject: Subject) => boolean;
}

/** In order: the first that fits counts. */
export function termsOf({ rules, kev, clockStart }: Pick<Policy, 'rules' | 'kev' | 'clockStart'>): Term[] {
  const exploited = new Set(kev);
  return rules.map((rule): Term => {
    const start = rule.clockStart ?? clockStart;
    const from = start === 'advisory' ? 'from advisory' : 'from first seen';
    const text = `${sayMatch(rule.match)}: ${rule.grace} ${from}`;
    return { rule, text, key: keyOf(text), clockStart: start, fits: fitsOf(rule.match, exploited) };
  });
}

/** By CVSS 3.1's bands of the score, else by the word with which its worst tag ends. */
export function severityOf({ score, tags: [worst = ''] }: Finding): Severity {
  if (score !== undefined) {
    if (score >= 9) return 'critical';
    if (score >= 7) return 'high';
    return score >= 4 ? 'medium' : 'low';
  }
  const [word] = /(?:critical|high|medium|moderate|low)$/.exec(worst.toLowerCase()) ?? [];
  return word === 'moderate' ? 'medium' : ((word as Severity | undefined) ?? 'unknown');
}

function fitsOf(match: Rule['match'], exploited: ReadonlySet<string>): Term['fits'] {
  const { tags, severity, scoreMin, kev, rebootRequired, pendingSecurity, notReportingFor } = match;
  const silentMs = notReportingFor === undefined ? undefined : parseSpan(notReportingFor);
  const hasPackage = packageTest(match.package);
  return ({ finding, kind, silentMs: silent = -1 }) =>
    (silentMs === undefined ? kind !== 'silence' : silent >= silentMs) &&
    (pendingSecurity === undefined || kind === 'updates') &&
    (rebootRequired === undefined || rebootRequired === (kind === 'reboot')) &&
    (kev === undefined || kev === exploited.has(finding.id)) &&
    (tags === undefined || tags.some((tag) => finding.tags.includes(tag))) &&
    (severity === undefined || (isAdvisory(finding, kind) && severity.includes(severityOf(finding)))) &&
    (scoreMin === undefined || (finding.score ?? -1) >= scoreMin) &&
    hasPackage(finding.package);
}

/** Pending updates and a reboot without an advisory have no severity, not an unknown one. */
function isAdvisory({ tags, score, advisedAt }: Finding, kind: FindingKind): boolean {
  return kind === 'advisory' || tags.length > 0 || score !== undefined || advisedAt !== undefined;
}

/** Names of packages are few, findings many. */
function packageTest(globs: readonly string[] | undefined): (name: string | undefined) => boolean {
  if (globs === undefined) return () => true;
  const known = new Map<string | undefined, boolean>([[undefined, false]]);
  return (name) => {
    const seen = known.get(name);
    if (seen !== undefined || name === undefined) return seen ?? false;
    const fits = globs.some((glob) => isLike(name, glob));
    known.set(name, fits);
    return fits;
  };
}

/** FNV-1a: rows name their rule hundreds of thousands of times. */
function keyOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return (hash >>> 0).toString(36);
}

function sayMatch(match: Rule['match']): string {
  const said = Object.entries(match).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [value === true ? key : `${key} ${Array.isArray(value) ? value.join(' or ') : String(value)}`];
  });
  return said.length === 0 ? 'anything' : said.join(', ');
}
