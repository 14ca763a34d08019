/** Which machines does Pakiti's list name, and with what? Read row by row; no row is kept. */
import { bounded, unescapeHtml } from '../feed-text.ts';

/** One machine: the rows of its newest report. */
export interface Listed {
  readonly hostname: string;
  /** As Pakiti asks for it: with HTML escapes. */
  os: string;
  /** On the clocks of the server. */
  lastReport: string;
  /** One for each row: which CVE with which tag. */
  marks: number[];
}

export interface Listing {
  readonly hosts: readonly Listed[];
  /** By the first part of a mark, and by the second. */
  readonly cves: readonly string[];
  readonly tags: readonly string[];
  /** Rows that were read, and those of them that are of another host group, name no host, or no CVE. */
  readonly rows: number;
  readonly ofOthers: number;
  readonly unclear: number;
}

/** So many tags can be told apart; an administrator makes them, one by one. */
const TAGS = 4096;
const COLUMNS = ['tag', 'cve', 'site', 'host', 'os', 'last_report'];

/** Takes the cells of one row after the other, the head first. Throws where that is not the head of such a list. */
export function readListing(hostGroup: string | undefined) {
  const hosts = new Map<string, Listed>();
  const cves = numbered();
  const tags = numbered();
  const texts = new Map<string, string>();
  const groups = new Map<string, boolean>();
  const counts = { rows: 0, ofOthers: 0, unclear: 0 };
  let columns: readonly number[] | undefined;

  /** The one string for all that say the same: a string of its own for each row would fill the memory. */
  const kept = (text: string): string => {
    const known = texts.get(text);
    if (known === undefined) texts.set(text, text);
    return known ?? text;
  };
  const isWanted = (site: string): boolean => {
    if (hostGroup === undefined) return true;
    const known = groups.get(site);
    const wanted = known ?? [site, unescapeHtml(site)].includes(hostGroup);
    if (known === undefined) groups.set(site, wanted);
    return wanted;
  };

  function take(cells: readonly string[]): void {
    if (columns === undefined) {
      columns = columnsOf(cells);
      return;
    }
    const [tag = '', cve = '', site = '', host = '', os = '', lastReport = ''] = columns.map(
      (at) => cells[at],
    );
    counts.rows += 1;
    if (!isWanted(site)) {
      counts.ofOthers += 1;
      return;
    }
    const hostname = bounded(unescapeHtml(host));
    const finding = bounded(cve, 64);
    if (hostname === undefined || finding === undefined) counts.unclear += 1;
    else
      add(hostname, {
        os: kept(os),
        lastReport,
        mark: cves.of(finding) * TAGS + tags.of(bounded(tag, 64) ?? ''),
      });
  }

  /** A machine that reports from another address is listed twice: what it said last counts. */
  function add(hostname: string, row: { os: string; lastReport: string; mark: number }): void {
    const { os, lastReport, mark } = row;
    const key = hostname.toLowerCase();
    const known = hosts.get(key);
    if (known === undefined) {
      hosts.set(key, { hostname, os, lastReport: kept(lastReport), marks: [mark] });
    } else if (lastReport === known.lastReport) {
      known.marks.push(mark);
    } else if (lastReport > known.lastReport) {
      Object.assign(known, { os, lastReport: kept(lastReport), marks: [mark] });
    }
  }

  return {
    take,
    listing: (): Listing => {
      if (tags.all.length > TAGS) throw new Error(`it has more than ${TAGS} tags`);
      return { hosts: [...hosts.values()], cves: cves.all, tags: tags.all, ...counts };
    },
  };
}

/** The CVEs of a host with the numbers of their tags, in the order in which the list first has them. */
export function marksByCve(marks: readonly number[]): Map<number, number[]> {
  const byCve = new Map<number, number[]>();
  for (const mark of new Set(marks)) {
    const [cve, tag] = [Math.floor(mark / TAGS), mark % TAGS];
    const known = byCve.get(cve);
    if (known === undefined) byCve.set(cve, [tag]);
    else known.push(tag);
  }
  return byCve;
}

function columnsOf(head: readonly string[]): readonly number[] {
  const missing = COLUMNS.filter((name) => !head.includes(name));
  if (missing.length > 0)
    throw new Error(`it has no column ${missing.join(', ')}, so it is not Pakiti’s list`);
  return COLUMNS.map((name) => head.indexOf(name));
}

/** Numbers texts as they come. */
function numbered() {
  const numbers = new Map<string, number>();
  const all: string[] = [];
  return {
    all,
    of(text: string): number {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      numbers.set(text, all.length);
      return all.push(text) - 1;
    },
  };
}
