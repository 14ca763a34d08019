/** What does one poll tell of one server: which findings, for how long it is silent, and what is it no witness of? */
import type { Case } from './cases.ts';
import { NOT_REPORTING, PENDING_UPDATES, REBOOT_REQUIRED } from './compliance.ts';
import type { Finding, Poll, ReportedHost } from './patch-feed.ts';
import type { Subject } from './policy-rules.ts';

/** What a feed tells of anybody, so that silence about somebody means something. */
export interface Habits {
  readonly poll: Poll;
  readonly tellsLastReport: boolean;
}

export interface Evidence {
  /** What stands against the server; not yet asked whether a rule speaks of it. */
  readonly subjects: readonly (Subject & { readonly counted: boolean })[];
  /** The newest of what the feed lists for it; absent where it lists nothing. */
  readonly host?: ReportedHost;
  /** Since when nothing is heard (ms since 1970); absent where it is heard, or nobody can tell. */
  readonly silentFrom?: number;
  /** `no`: the feed would list it if it reported; `unknown`: it may or may not. */
  readonly heard: 'yes' | 'no' | 'unknown';
  /** The poll would show this finding if it were still there. */
  readonly wouldShow: (known: Case) => boolean;
}

export function habitsOf(poll: Poll): Habits {
  return { poll, tellsLastReport: poll.hosts.some(({ lastReport }) => isTime(lastReport)) };
}

/**
 * `hosts`: what the poll lists for the server. `silentSince`: since when earlier polls of this feed did not
 * hear of it. `doubtful`: something else in the poll may be about it, so that nothing follows from what is not.
 */
export function evidenceOf(
  hosts: readonly ReportedHost[],
  { poll, tellsLastReport }: Habits,
  { silentSince, doubtful }: { silentSince: string | undefined; doubtful: boolean },
): Evidence {
  const host = newestOf(hosts);
  const isQuiet = host === undefined || (tellsLastReport && isBare(host));
  const mayMiss = !poll.complete || !poll.listsClean || doubtful;
  const heard = isQuiet ? (mayMiss ? 'unknown' : 'no') : 'yes';
  const silentFrom = isTime(host?.lastReport)
    ? Date.parse(host.lastReport)
    : heard === 'no'
      ? Date.parse(silentSince ?? poll.takenAt)
      : undefined;
  return {
    subjects: host === undefined ? [] : subjectsOf(host),
    ...(host && { host }),
    ...(silentFrom !== undefined && { silentFrom }),
    heard,
    wouldShow: (known) => {
      if (!poll.complete || doubtful) return false;
      if (known.kind === 'silence') return silentFrom !== undefined || !isQuiet;
      if (isQuiet) return !poll.listsClean;
      return isRetracted(known, host, poll);
    },
  };
}

/** That a server does not report, as a finding; undefined where it is not silent. */
export function silenceOf({ silentFrom }: Evidence, now: Date): (Subject & { counted: true }) | undefined {
  if (silentFrom === undefined) return undefined;
  const silentMs = now.getTime() - silentFrom;
  return { finding: { id: NOT_REPORTING, tags: [] }, kind: 'silence', silentMs, counted: true };
}

/** What is listed says that this is over: newer than the finding, and not silent about such things. */
function isRetracted({ id, since, counted }: Case, host: ReportedHost, { listsClean }: Poll): boolean {
  if (counted && id === REBOOT_REQUIRED) return host.rebootRequired === false;
  if (counted && id === PENDING_UPDATES) return host.securityUpdates === 0;
  return !listsClean || !isTime(host.lastReport) || Date.parse(host.lastReport) > Date.parse(since);
}

function subjectsOf({ findings, rebootRequired, securityUpdates }: ReportedHost): Evidence['subjects'] {
  const counts = (id: string) =>
    (id === REBOOT_REQUIRED && rebootRequired !== undefined) ||
    (id === PENDING_UPDATES && securityUpdates !== undefined);
  const subjects = findings.map((finding) => ({
    finding,
    kind: kindOf(finding),
    counted: counts(finding.id),
  }));
  const add = (finding: Finding) => {
    if (!findings.some(({ id }) => id === finding.id))
      subjects.push({ finding, kind: kindOf(finding), counted: true });
  };
  if (rebootRequired === true) add({ id: REBOOT_REQUIRED, tags: [], needsReboot: true });
  if ((securityUpdates ?? 0) > 0) add({ id: PENDING_UPDATES, tags: [] });
  return subjects;
}

function kindOf({ id, needsReboot }: Finding): Exclude<Subject['kind'], 'silence'> {
  if (id === PENDING_UPDATES) return 'updates';
  return needsReboot === true || id === REBOOT_REQUIRED ? 'reboot' : 'advisory';
}

/** Of several machines that are one server, what it reported last; what was reported at the same time together. */
function newestOf(hosts: readonly ReportedHost[]): ReportedHost | undefined {
  if (hosts.length < 2) return hosts[0];
  const newest = Math.max(...hosts.map(timeOf));
  const [first, ...others] = hosts.filter((host) => timeOf(host) === newest);
  return others.reduce((whole, host): ReportedHost => {
    const ids = new Set(whole.findings.map(({ id }) => id));
    return {
      ...host,
      ...whole,
      findings: [...whole.findings, ...host.findings.filter(({ id }) => !ids.has(id))],
    };
  }, first!);
}

function timeOf({ lastReport }: ReportedHost): number {
  return isTime(lastReport) ? Date.parse(lastReport) : Number.NEGATIVE_INFINITY;
}

/** It is listed, and that is all. */
function isBare({ lastReport, findings, rebootRequired, securityUpdates }: ReportedHost): boolean {
  return (
    !isTime(lastReport) &&
    findings.length === 0 &&
    rebootRequired === undefined &&
    securityUpdates === undefined
  );
}

function isTime(text: string | undefined): text is string {
  return text !== undefined && !Number.isNaN(Date.parse(text));
}
