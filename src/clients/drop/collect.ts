/** What do several lines about the same machine say together? */
import type { Finding, ReportedHost } from '../../domain/patch-feed.ts';
import { worstFirst } from '../feed-text.ts';

type Gathered = Omit<ReportedHost, 'findings'> & { findings: Map<string, Finding> };

/**
 * Takes lines in any order. Of a machine that is named several times the newest report counts, and lines of the
 * same time together.
 */
export function collectHosts(order: readonly string[]) {
  const byBadness = worstFirst(order);
  const machines = new Map<string, Gathered>();
  return {
    add(host: ReportedHost): void {
      const key = (host.serverId ?? host.hostname ?? host.addresses?.[0] ?? '').toLowerCase();
      const known = machines.get(key);
      const [was = '', is = ''] = [known?.lastReport, host.lastReport];
      if (known === undefined || is > was) machines.set(key, gathered(host));
      else if (is === was) join(known, host, byBadness);
    },
    hosts: (): ReportedHost[] =>
      Array.from(machines.values(), ({ findings, ...host }) => ({
        ...host,
        findings: [...findings.values()],
      })),
  };
}

function gathered({ findings, ...host }: ReportedHost): Gathered {
  const own: Gathered = { ...host, findings: new Map() };
  join(own, { findings }, () => 0);
  return own;
}

/** The worse of both, where they differ. */
function join(
  known: { -readonly [Key in keyof Gathered]: Gathered[Key] },
  { findings, rebootRequired, securityUpdates }: ReportedHost,
  byBadness: (a: string, b: string) => number,
): void {
  for (const finding of findings) {
    const other = known.findings.get(finding.id);
    const tags = [...new Set([...(other?.tags ?? []), ...finding.tags])].toSorted(byBadness);
    known.findings.set(finding.id, other === undefined ? finding : { ...finding, ...other, tags });
  }
  if (rebootRequired !== undefined) known.rebootRequired = known.rebootRequired === true || rebootRequired;
  if (securityUpdates !== undefined)
    known.securityUpdates = Math.max(known.securityUpdates ?? 0, securityUpdates);
}
