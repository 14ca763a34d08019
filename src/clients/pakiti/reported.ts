/** What is told of the machines that Pakiti lists: findings with their worst tag first, and times in UTC. */
import type { Finding, ReportedHost } from '../../domain/patch-feed.ts';
import { bounded, timeReader, USUAL_TAGS, unescapeHtml, worstFirst } from '../feed-text.ts';
import type { Advice } from './exports.ts';
import { type Listed, type Listing, marksByCve } from './hosts.ts';
import { type Package, pairKey } from './packages.ts';

export interface Known {
  /** Of the server's clocks. */
  readonly timezone: string;
  /** Of tags, the worst first. */
  readonly order?: readonly string[] | undefined;
  readonly advice: readonly Advice[];
  readonly packages: ReadonlyMap<string, Package>;
}

/** Machines share the findings that are the same for all of them. */
export function hostsOf(
  listing: Listing,
  { timezone, order = USUAL_TAGS, advice, packages }: Known,
): ReportedHost[] {
  const timeOf = timeReader(timezone);
  const byBadness = worstFirst(order);
  const advised = new Map(advice.map((each) => [`${each.cve} ${each.tag}`, each]));
  const findings = new Map<string, Finding>();

  const findingOf = (cveAt: number, tagsAt: readonly number[], os: string): Finding => {
    const key = `${cveAt} ${tagsAt.join()} ${os}`;
    const known = findings.get(key);
    if (known !== undefined) return known;
    const id = listing.cves[cveAt]!;
    const tags = tagsAt
      .map((at) => listing.tags[at]!)
      .filter((tag) => tag !== '')
      .toSorted(byBadness);
    const { since = '', url } = advised.get(`${id} ${tags[0]}`) ?? {};
    const advisedAt = timeOf(since);
    const { name, fixed } = packages.get(pairKey(id, os)) ?? {};
    const finding = {
      id,
      tags,
      ...(name !== undefined && { package: name }),
      ...(fixed !== undefined && { fixed }),
      ...(advisedAt !== undefined && { advisedAt }),
      ...(url !== undefined && { url }),
    };
    findings.set(key, finding);
    return finding;
  };

  return Array.from(listing.hosts, ({ hostname, os, lastReport, marks }: Listed) => {
    const system = bounded(unescapeHtml(os));
    const reported = timeOf(lastReport);
    return {
      hostname,
      ...(system !== undefined && { os: system }),
      ...(reported !== undefined && { lastReport: reported }),
      findings: Array.from(marksByCve(marks), ([cve, tags]) => findingOf(cve, tags, os)),
    };
  });
}

/** When the last of them reported. */
export function newestOf(hosts: readonly ReportedHost[]): string | undefined {
  let newest: string | undefined;
  for (const { lastReport } of hosts)
    if (lastReport !== undefined && (newest === undefined || lastReport > newest)) newest = lastReport;
  return newest;
}
