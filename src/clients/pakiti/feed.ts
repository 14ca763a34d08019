/** Which machines does a Pakiti 3 server list, and with what? Implements the `PatchFeed` port. */
import { messageOf } from '../../domain/failure.ts';
import type { Finding, PatchFeed, Poll, ReportedHost } from '../../domain/patch-feed.ts';
import { sayCount, sayDuration, sayList } from '../../domain/say.ts';
import { show } from '../../domain/words.ts';
import { readRows } from '../csv-rows.ts';
import { bounded, futureFault, timeReader, USUAL_TAGS, unescapeHtml, worstFirst } from '../feed-text.ts';
import { inParallel } from '../openstack/in-parallel.ts';
import { type Asking, askPakiti, nothingSaid, PakitiError, type PakitiServer } from './ask.ts';
import { type Advice, readAdvice, readExceptions } from './exports.ts';
import { type Listed, type Listing, marksByCve, readListing } from './hosts.ts';
import { type Package, readPackage } from './packages.ts';

export interface PakitiSettings extends PakitiServer {
  /** Of the server's clocks, on which its times are: `Europe/London`. */
  readonly timezone: string;
  /** Worst first; others come after these. */
  readonly tags?: readonly string[];
  /** Only the machines of this one, as its reports name it (`site`). */
  readonly hostGroup?: string;
  /** When the newest report of all is older, reports do not come through, and nothing is taken for resolved. */
  readonly staleMs?: number;
  /** Ask which package closes what; a call for each CVE and operating system. */
  readonly packages?: boolean;
}

/** Of machines that most have, those that many have; what is left is told without a package. */
const MOST_PACKAGES = 1000;
const PACKAGES_AT_ONCE = 4;
/** A server that cannot say of so many will not say of the others. */
const ENOUGH_FAULTS = 3;

/**
 * Only machines with a tagged CVE are listed, and one that is patched is gone from the list; one that stopped to
 * report stays, with its old report. Asks nothing before its first poll. @throws PakitiError when a poll fails
 */
export function openPakiti(name: string, settings: PakitiSettings): PatchFeed {
  return {
    name,
    async poll(signal) {
      const takenAt = new Date().toISOString();
      const ask = askPakiti(settings, signal);
      try {
        const listing = await askHosts(ask, settings.hostGroup);
        // Asked after the list: an answer proves that the database was there until the list was at its end.
        const advice = await tryTo(() => ask.readText('exportCvesTags.php', {}, readAdvice), []);
        const exceptions = await tryTo(
          () => ask.readText('exportCvesExceptions.php', {}, readExceptions),
          [],
        );
        const packages = await askPackages(ask, listing, settings.packages ?? true);
        const hosts = hostsOf(listing, { settings, advice: advice.got, packages: packages.got });
        const stale = staleFault(hosts, takenAt, settings.staleMs);
        const cut = advice.faults.map(
          (fault) => `the list may be cut off, and it is not known since when there are tags: ${fault}`,
        );
        return {
          feed: name,
          takenAt,
          complete: cut.length === 0 && stale.length === 0,
          warnings: [
            ...cut,
            ...stale,
            ...futureFault(newestOf(hosts), takenAt),
            ...sayUnclear(listing),
            ...exceptions.faults.map((fault) => `it is not known what is excepted: ${fault}`),
            ...sayExceptions(exceptions.got),
            ...packages.faults,
          ],
          listsClean: false,
          hosts,
        } satisfies Poll;
      } finally {
        ask.close();
      }
    },
  };
}

/** The list of all. With `activity` it would leave out who fell silent; with `tag`, other tags of the same CVE. */
async function askHosts(ask: Asking, hostGroup: string | undefined): Promise<Listing> {
  const rows = readListing(hostGroup);
  const query = hostGroup === undefined ? {} : { hostGroup };
  const listing = await ask.read('hosts.php', query, async (answer, called) => {
    let isEmpty = true;
    const isWhole = await readRows(answer.body, (cells) => {
      isEmpty = false;
      rows.take(cells);
    });
    if (isEmpty) throw nothingSaid(called, answer);
    if (!isWhole) throw Object.assign(new Error('its last row is cut off'), { retryable: true });
    return rows.listing();
  });
  // It answers with everybody where it does not know the group.
  if (hostGroup !== undefined && listing.rows > 0 && listing.rows === listing.ofOthers) {
    const why = `Pakiti lists nobody of the host group ${show(hostGroup)} but ${sayCount(listing.rows, 'row')} of others, as it does when it does not know the group`;
    throw new PakitiError(why, { retryable: false, status: 200 });
  }
  return listing;
}

async function askPackages(ask: Asking, listing: Listing, wanted: boolean) {
  const got = new Map<string, Package>();
  if (!wanted) return { got, faults: [] };
  const pairs = pairsOf(listing);
  const faults: string[] = [];
  const asked = pairs.slice(0, MOST_PACKAGES);
  await inParallel(asked, PACKAGES_AT_ONCE, async ({ cve, os }) => {
    if (faults.length >= ENOUGH_FAULTS) return;
    const answer = await tryTo(() => ask.readText('cve.php', { cve, os }, readPackage), undefined);
    if (answer.got !== undefined) got.set(pairKey(cve, os), answer.got);
    faults.push(...answer.faults);
  });
  const [first] = faults;
  const said = first === undefined ? [] : [`it is not known of all CVEs in which package they are: ${first}`];
  if (pairs.length > asked.length)
    said.push(
      `packages were asked for the ${asked.length} most frequent of ${pairs.length} CVEs and systems`,
    );
  return { got, faults: said };
}

/** CVEs with the systems that they are found on, the most frequent first. */
function pairsOf({ hosts, cves }: Listing): { cve: string; os: string }[] {
  const counts = new Map<string, { cve: string; os: string; count: number }>();
  for (const { os, marks } of hosts)
    for (const at of marksByCve(marks).keys()) {
      const cve = cves[at]!;
      const known = counts.get(pairKey(cve, os));
      if (known === undefined) counts.set(pairKey(cve, os), { cve, os, count: 1 });
      else known.count += 1;
    }
  return [...counts.values()].toSorted((a, b) => b.count - a.count);
}

function pairKey(cve: string, os: string): string {
  return `${cve}\n${os}`;
}

interface Known {
  readonly settings: PakitiSettings;
  readonly advice: readonly Advice[];
  readonly packages: ReadonlyMap<string, Package>;
}

function hostsOf(listing: Listing, { settings, advice, packages }: Known): ReportedHost[] {
  const timeOf = timeReader(settings.timezone);
  const order = worstFirst(settings.tags ?? USUAL_TAGS);
  const advised = new Map(advice.map((each) => [`${each.cve} ${each.tag}`, each]));
  const findings = new Map<string, Finding>();

  /** Machines share what is the same for all of them. */
  const findingOf = (cveAt: number, tagsAt: readonly number[], os: string): Finding => {
    const key = `${cveAt} ${tagsAt.join()} ${os}`;
    const known = findings.get(key);
    if (known !== undefined) return known;
    const id = listing.cves[cveAt]!;
    const tags = tagsAt.map((at) => listing.tags[at]!).toSorted(order);
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

function newestOf(hosts: readonly ReportedHost[]): string | undefined {
  let newest: string | undefined;
  for (const { lastReport } of hosts)
    if (lastReport !== undefined && (newest === undefined || lastReport > newest)) newest = lastReport;
  return newest;
}

function staleFault(hosts: readonly ReportedHost[], takenAt: string, staleMs = Infinity): string[] {
  const newest = newestOf(hosts);
  const age = newest === undefined ? 0 : Date.parse(takenAt) - Date.parse(newest);
  if (age <= staleMs) return [];
  return [`no machine has reported since ${newest}, for ${sayDuration(age)}: do reports come through?`];
}

function sayUnclear({ unclear }: Listing): string[] {
  return unclear === 0 ? [] : [`${sayCount(unclear, 'row')} without a host or a CVE left out`];
}

/** Pakiti itself leaves them out of its list. */
function sayExceptions(exceptions: readonly { cve: string; package: string; reason: string }[]): string[] {
  if (exceptions.length === 0) return [];
  const said = exceptions.map(({ cve, package: name, reason }) => show(`${cve} in ${name}: ${reason}`));
  return [`Pakiti does not list what is excepted there: ${sayList(said, 3)}`];
}

/** What can be done without. Whoever is told to stop stops. */
async function tryTo<T>(ask: () => Promise<T>, otherwise: T): Promise<{ got: T; faults: string[] }> {
  try {
    return { got: await ask(), faults: [] };
  } catch (error) {
    if (!(error instanceof PakitiError)) throw error;
    return { got: otherwise, faults: [messageOf(error)] };
  }
}
