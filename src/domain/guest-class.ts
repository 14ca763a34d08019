/** Which servers are members of one cluster, of which only one at a time may be touched, and is it a member's turn? */
import type { Wish } from './drain-wish.ts';
import type { Server } from './fleet.ts';
import { serverName } from './names.ts';
import { sayList } from './say.ts';

/** Kinds of servers that belong together although no server group says so; the first that fits counts. */
export interface GuestClass {
  readonly class: string;
  /** Every pattern that is given has to fit; `*` stands for anything, `?` for one character. */
  readonly name?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly project?: string | undefined;
  /** One of its tags. */
  readonly tag?: string | undefined;
  /**
   * True: all of one project are one cluster. `*`: those whose names are the same up to the last fixed text
   * of the pattern. A key: those whose metadata have the same value there.
   */
  readonly oneAtATime?: true | string | undefined;
  /** What is wished for all of them. */
  readonly drain?: Wish | undefined;
}

/**
 * Ours is for everybody. Octavia says nowhere which load balancer an amphora serves. Magnum's and Cluster
 * API's nodes are told by their names. Trove leaves no sign: a site names the project of its databases.
 */
export const USUAL_CLASSES: readonly GuestClass[] = [
  { class: 'cluster', metadata: { 'nightshift:cluster': '*' }, oneAtATime: 'nightshift:cluster' },
  { class: 'amphora', name: 'amphora-*', oneAtATime: true },
  // k8s-prod-ngvi5qr4jxdj-master-0
  { class: 'magnum', name: '*-????????????-master-*', oneAtATime: '*' },
  { class: 'magnum', name: '*-????????????-node-*', oneAtATime: '*' },
  // prod-control-plane-x7k2p
  { class: 'cluster-api', name: '*-control-plane-?????', oneAtATime: '*' },
];

type Member = Pick<Server, 'name' | 'projectId' | 'metadata' | 'tags'>;

export function classOf(server: Member, classes: readonly GuestClass[]): GuestClass | undefined {
  return classes.find(
    ({ name, metadata = {}, project, tag }) =>
      (name === undefined || isLike(server.name, name)) &&
      (project === undefined || server.projectId === project) &&
      (tag === undefined || server.tags?.some((own) => isLike(own, tag)) === true) &&
      Object.entries(metadata).every(([key, glob]) => {
        const value = server.metadata[key];
        return value !== undefined && isLike(value, glob);
      }),
  );
}

/** `k8s-prod` of class cluster-api in a project, in words that are the same for every member; undefined for who is alone. */
export function clusterOf(server: Member, classes: readonly GuestClass[]): string | undefined {
  const kind = classOf(server, classes);
  if (kind?.oneAtATime === undefined) return undefined;
  if (kind.oneAtATime === true) return `${kind.class} of project ${server.projectId}`;
  const value = kind.oneAtATime === '*' ? stemOf(server.name, kind.name) : server.metadata[kind.oneAtATime];
  return value === undefined ? undefined : `${kind.class} ${value} of project ${server.projectId}`;
}

/**
 * Why a member has to wait for others of its cluster; undefined when it is its turn. Of a cluster that is
 * known by a key every other member has to run. Where a whole class counts as one, a member that stands
 * still for good is likely none of its own: only those under way count.
 */
export function whyNotItsTurn(
  server: Server,
  servers: readonly Server[],
  classes: readonly GuestClass[],
): string | undefined {
  const cluster = clusterOf(server, classes);
  if (cluster === undefined) return undefined;
  const mayRest = classOf(server, classes)?.oneAtATime === true;
  const others = servers.filter(
    (other) => other.id !== server.id && clusterOf(other, classes) === cluster && !isWell(other, { mayRest }),
  );
  if (others.length === 0) return undefined;
  const names = others.map((other) => `${serverName(other)} is ${other.task ?? other.status}`);
  return `its turn in ${cluster} has not come: ${sayList(names, 3)}`;
}

const AT_REST = new Set(['SHUTOFF', 'ERROR', 'SUSPENDED', 'SHELVED', 'SHELVED_OFFLOADED', 'PAUSED']);
const GONE = new Set(['DELETED', 'SOFT_DELETED']);

function isWell({ status, task }: Server, { mayRest }: { mayRest: boolean }): boolean {
  if (GONE.has(status)) return true;
  return task === undefined && (status === 'ACTIVE' || (mayRest && AT_REST.has(status)));
}

/** What of the name lies before the last fixed text of the pattern. */
function stemOf(name: string, glob = '*'): string | undefined {
  const parts = glob.split(/([*?]+)/);
  const last = parts.findLastIndex((part, index) => index % 2 === 0 && part !== '');
  const [before, after] = [parts.slice(0, last).join(''), parts.slice(last).join('')];
  return new RegExp(`^(${patternOf(before)})${patternOf(after)}$`, 's').exec(name)?.[1];
}

/** Case counts. */
function isLike(text: string, glob: string): boolean {
  return new RegExp(`^${patternOf(glob)}$`, 's').test(text);
}

function patternOf(glob: string): string {
  return glob
    .replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
}
