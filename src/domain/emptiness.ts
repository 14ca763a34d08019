/**
 * Whether a hypervisor is empty: proved by the host itself, Placement, Nova's list and the migrations
 * together, because each of them alone has been seen to lie. Nova answers "no servers" while a cell is
 * down, and it does not list a server whose resize away is not confirmed.
 */
import { allocationKey, type KnownRows, migrationKey } from './books.ts';
import { decideDrain } from './drain-policy.ts';
import type { Occupancy } from './fleet.ts';
import type { HostGuests } from './host-guests.ts';
import { serverName } from './names.ts';
import { sayCount, sayList } from './say.ts';

/** What was read together is only a proof while it describes one moment. */
const ONE_MOMENT_MS = 30_000;

export interface Evidence {
  readonly occupancy: Occupancy;
  readonly host: HostGuests;
  /** From the first question to the last answer. */
  readonly tookMs: number;
  /** Rows of the books that belonged to nothing before we ever looked. */
  readonly known?: KnownRows;
}

export type Emptiness =
  | { readonly empty: true }
  | { readonly empty: false; readonly reasons: readonly string[] };

/** Names every fact that speaks against a reboot; servers that do not run may stay aboard. */
export function judgeEmptiness({ occupancy, host, tookMs, known = [] }: Evidence): Emptiness {
  const reasons = [
    ...againstByHost(host),
    ...againstByServers(occupancy),
    ...againstByAllocations(occupancy, known),
    ...againstByMigrations(occupancy, known),
  ];
  if (tookMs > ONE_MOMENT_MS) {
    reasons.push(`looking took ${Math.round(tookMs / 1000)} s, too long for one picture (30 s)`);
  }
  return reasons.length === 0 ? { empty: true } : { empty: false, reasons };
}

function againstByHost(host: HostGuests): string[] {
  if (!host.known) return [host.why];
  if (host.domains.length > 0) {
    return [`${sayCount(host.domains.length, 'domain')} active on the host: ${sayList(host.domains, 5)}`];
  }
  return host.processes > 0
    ? [
        `${sayCount(host.processes, 'virtual machine process', 'virtual machine processes')} on the host, unknown to libvirt`,
      ]
    : [];
}

function againstByServers({ servers }: Occupancy): string[] {
  const unseen = servers.filter((server) => server.status === 'UNKNOWN');
  const running = servers.filter((server) => server.status !== 'UNKNOWN' && !isAtRest(server));
  const reasons = running.map((server) => `${serverName(server)} is ${server.status}${taskOf(server)}`);
  if (unseen.length > 0) reasons.push(`Nova cannot see ${sayCount(unseen.length, 'server')}: a cell is down`);
  return reasons;
}

function againstByAllocations({ servers, allocations, migrations }: Occupancy, ofOld: KnownRows): string[] {
  const known = new Set(servers.map((server) => server.id));
  const moving = new Set(migrations.map((migration) => migration.uuid));
  return allocations
    .filter(({ consumer }) => !known.has(consumer) && !moving.has(consumer))
    .filter(({ consumer }) => !ofOld.includes(allocationKey(consumer)))
    .map(
      ({ consumer, resources }) =>
        `Placement holds ${resources} for ${consumer}, which is no server here: one that Nova does not list, or a leftover (if \`openstack server show ${consumer}\` finds none: \`openstack resource provider allocation delete ${consumer}\`)`,
    );
}

function againstByMigrations({ migrations }: Occupancy, ofOld: KnownRows): string[] {
  const open = migrations.filter((migration) => !ofOld.includes(migrationKey(migration)));
  return open.map(({ id, kind, status, serverId, from, to }) => {
    const way = to === undefined ? `off ${from}` : `from ${from} to ${to}`;
    return `${kind} ${id} of ${serverId.slice(0, 4)}… ${way} is not over (${status})`;
  });
}

function isAtRest(server: Occupancy['servers'][number]): boolean {
  return decideDrain({ ...server, locked: false }).does === 'stays';
}

function taskOf({ task }: Occupancy['servers'][number]): string {
  return task === undefined ? '' : ` (${task})`;
}
