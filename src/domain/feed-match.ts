/** Which server is the machine that a feed speaks of? */
import { addressesIn, canonicalAddress } from './addresses.ts';
import type { Doubt } from './cases.ts';
import type { Server } from './fleet.ts';
import type { Poll, ReportedHost } from './patch-feed.ts';
import { sayCount } from './say.ts';

/** A host that fits several servers is none of theirs until a person has said whose. */
export type Match =
  | { readonly is: 'server'; readonly id: string }
  | { readonly is: 'ambiguous'; readonly candidates: readonly string[]; readonly why: string }
  | { readonly is: 'nobody' };

/** Where the hosts of a poll are. */
export interface Placed {
  /** By server id: what the poll lists for it, and why it might list more. */
  readonly hosts: ReadonlyMap<string, readonly ReportedHost[]>;
  readonly doubts: ReadonlyMap<string, string>;
  /** How many hosts have a server. */
  readonly matched: number;
  readonly ambiguous: readonly Doubt[];
  /** What the feed calls the hosts that fit no server. */
  readonly nobody: readonly string[];
}

type Matched = Pick<Server, 'id' | 'name' | 'projectId' | 'addresses'>;

/** Ids of servers. */
type Index = ReadonlyMap<string, readonly string[]>;

const NOBODY: Match = { is: 'nobody' };
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Finds the server of one host after the other, by the first of these that any server answers to: the id, what
 * the policy says (`hosts`: ids by what a feed calls them), an address in the name, a reported address, the
 * name, the name without its domain. Where the feed names the project, only servers of that one are asked.
 * Case does not count. Costs a few look-ups for each host, however many servers there are.
 */
export function matcherOf(
  servers: readonly Matched[],
  hosts: Readonly<Record<string, string>>,
): (host: ReportedHost) => Match {
  const projects = new Map(servers.map(({ id, projectId }) => [id, projectId]));
  const byAddress = indexOf(servers, ({ addresses = [] }) =>
    addresses.flatMap((each) => canonicalAddress(each) ?? []),
  );
  const byName = indexOf(servers, ({ name }) => namesOf(name));
  const told = new Map(Object.entries(hosts).map(([host, id]) => [host.toLowerCase(), id]));

  return (host) => {
    const name = host.hostname?.toLowerCase() ?? '';
    const named = host.serverId ?? idIn(name, projects) ?? told.get(name);
    if (named !== undefined) return projects.has(named) ? { is: 'server', id: named } : NOBODY;

    const ofProject = (ids: readonly string[]): readonly string[] =>
      host.projectId === undefined ? ids : ids.filter((id) => projects.get(id) === host.projectId);
    const having = (addresses: readonly string[]) =>
      ofProject([...new Set(addresses.flatMap((each) => byAddress.get(each) ?? []))]);
    const called = (text: string) => ofProject(byName.get(text) ?? []);

    for (const addresses of [addressesIn(name), reportedBy(host)]) {
      const owners = having(addresses);
      const namesakes = owners.length > 1 ? shortNames(name).flatMap(called) : [];
      const match = onlyOne(owners, namesakes, `have the address ${addresses.join(' or ')}`);
      if (match !== undefined) return match;
    }
    for (const text of shortNames(name)) {
      const match = onlyOne(called(text), [], `are called ${text}`);
      if (match !== undefined) return match;
    }
    return NOBODY;
  };
}

/** Puts every host of a poll to its server; see `matcherOf` for `known`. */
export function placeHosts(
  { feed, hosts: listed }: Pick<Poll, 'feed' | 'hosts'>,
  servers: readonly Matched[],
  known: Readonly<Record<string, string>>,
): Placed {
  const matchOf = matcherOf(servers, known);
  const hosts = new Map<string, ReportedHost[]>();
  const doubts = new Map<string, string>();
  const ambiguous: Doubt[] = [];
  const nobody: string[] = [];
  let matched = 0;
  for (const host of listed) {
    const match = matchOf(host);
    if (match.is === 'nobody') nobody.push(hostName(host));
    else if (match.is === 'server') {
      matched += 1;
      const placed = hosts.get(match.id);
      if (placed === undefined) hosts.set(match.id, [host]);
      else placed.push(host);
    } else {
      const { candidates, why } = match;
      ambiguous.push({ host: hostName(host), candidates, why });
      for (const id of candidates) doubts.set(id, `${feed} lists a host that may be this server: ${why}`);
    }
  }
  return { hosts, doubts, ambiguous, nobody, matched };
}

/** What a feed's people would call the host: its name, else whatever else is known of it. */
export function hostName({ hostname, serverId, addresses = [] }: ReportedHost): string {
  return hostname ?? serverId ?? addresses[0] ?? 'a host without a name';
}

/** Undefined where nobody fits; of several, the only one that is also among the others. */
function onlyOne(ids: readonly string[], others: readonly string[], share: string): Match | undefined {
  if (ids.length === 0) return undefined;
  const both = ids.length === 1 ? ids : ids.filter((id) => others.includes(id));
  if (both.length === 1) return { is: 'server', id: both[0]! };
  return { is: 'ambiguous', candidates: ids, why: `${sayCount(ids.length, 'server')} ${share}` };
}

function reportedBy({ addresses = [] }: ReportedHost): string[] {
  return addresses.flatMap((each) => canonicalAddress(each) ?? []);
}

/** What calls itself by an id means that server, and no namesake. */
function idIn(name: string, known: ReadonlyMap<string, unknown>): string | undefined {
  const label = labelOf(name);
  return UUID.test(label) && known.has(label) ? label : undefined;
}

/** The name as it is, without the domain that Nova gives, and without any. */
function shortNames(name: string): string[] {
  if (name === '') return [];
  return [...new Set([name, name.replace(/\.novalocal\.?$/, ''), labelOf(name)])];
}

function labelOf(name: string): string {
  return name.split('.', 1)[0]!;
}

/** What a server's people call it, and what Nova makes of that as the guest's host name, older and newer. */
function namesOf(name: string): string[] {
  const dashed = name
    .slice(0, 63)
    .toLowerCase()
    .replaceAll(/[ _]/g, '-')
    .replaceAll(/[^\w.-]/g, '')
    .replaceAll(/^[.-]+|[.-]+$/g, '');
  return [name.toLowerCase(), dashed, dashed.replaceAll('.', '-')].filter((each) => each !== '');
}

function indexOf(servers: readonly Matched[], keysOf: (server: Matched) => readonly string[]): Index {
  const index = new Map<string, string[]>();
  for (const server of servers)
    for (const key of new Set(keysOf(server))) {
      const ids = index.get(key);
      if (ids === undefined) index.set(key, [server.id]);
      else ids.push(server.id);
    }
  return index;
}
