/** Which machines does a Pakiti 3 server list, and with what? Implements the `PatchFeed` port. */
import type { PatchFeed, Poll, ReportedHost } from '../../domain/patch-feed.ts';
import { sayCount, sayDuration, sayList } from '../../domain/say.ts';
import { show } from '../../domain/words.ts';
import { readRows } from '../csv-rows.ts';
import { futureFault } from '../feed-text.ts';
import { type Asking, askPakiti, nothingSaid, PakitiError, type PakitiServer, tryTo } from './ask.ts';
import { readAdvice, readExceptions } from './exports.ts';
import { type Listing, readListing } from './hosts.ts';
import { askPackages } from './packages.ts';
import { hostsOf, newestOf } from './reported.ts';

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
        return pollOf(await askAll(ask, settings), settings, { feed: name, takenAt });
      } finally {
        ask.close();
      }
    },
  };
}

async function askAll(ask: Asking, { hostGroup, packages = true }: PakitiSettings) {
  const listing = await askHosts(ask, hostGroup);
  // Asked after the list: an answer proves that the database was there until the list was at its end.
  const advice = await tryTo(() => ask.readText('exportCvesTags.php', {}, readAdvice), []);
  const exceptions = await tryTo(() => ask.readText('exportCvesExceptions.php', {}, readExceptions), []);
  return { listing, advice, exceptions, packages: await askPackages(ask, listing, packages) };
}

function pollOf(
  { listing, advice, exceptions, packages }: Awaited<ReturnType<typeof askAll>>,
  { timezone, tags: order, staleMs }: PakitiSettings,
  { feed, takenAt }: Pick<Poll, 'feed' | 'takenAt'>,
): Poll {
  const hosts = hostsOf(listing, { timezone, order, advice: advice.got, packages: packages.got });
  const stale = staleFault(hosts, takenAt, staleMs);
  const cut = advice.faults.map(
    (fault) => `the list may be cut off, and it is not known since when there are tags: ${fault}`,
  );
  return {
    feed,
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
