/**
 * Which rows that Nova and Placement keep of a hypervisor have lain there since before Nightshift: they stop
 * no reboot. What came later does, because it may be a server that nobody sees.
 */
import type { Migration, Occupancy, Server } from './fleet.ts';
import { judgeSuspect } from './leftovers.ts';
import { isFinal } from './migration.ts';
import { sayCount, sayDuration } from './say.ts';

/** A row that belongs to nothing, with why, and how to give it back. */
export type Row = { readonly key: string; readonly why: string };

/** Keys of the rows that were there when the hypervisor was looked at for the first time. */
export type KnownRows = readonly string[];

export type Books = {
  readonly known: KnownRows;
  /** Those of them that are still there, and those that are not known. */
  readonly old: readonly Row[];
  readonly fresh: readonly Row[];
};

/** A live migration whose record has stood still for so long is none. */
const ABANDONED_MS = 24 * 3_600_000;

/**
 * The rows of a hypervisor that belong to nothing. `servers` are those of the consumers and migrations that are
 * not aboard, read just before `occupancy`. None while Nova cannot see some servers: theirs look the same.
 */
export function leftoversOf(occupancy: Occupancy, servers: ReadonlyMap<string, Server>): readonly Row[] {
  if (occupancy.servers.some(({ status }) => status === 'UNKNOWN')) return [];
  return [
    ...occupancy.allocations.flatMap(({ consumer, resources }) => {
      const server = servers.get(consumer);
      // It may be reverted to this hypervisor.
      if (server?.status === 'VERIFY_RESIZE') return [];
      const suspect = { hypervisor: occupancy.hypervisor, consumer, resources };
      const leftover = judgeSuspect(suspect, server, occupancy);
      if (leftover === undefined) return [];
      const why = `Placement books ${resources} for ${leftover.why} (${leftover.repair})`;
      return [{ key: allocationKey(consumer), why }];
    }),
    ...occupancy.migrations
      .filter((migration) => isAbandoned(migration, occupancy, servers.get(migration.serverId)))
      .map((migration) => ({
        key: migrationKey(migration),
        why: `${migration.kind} ${migration.id} of ${migration.serverId.slice(0, 4)}… has been ${migration.status} for ${sayDuration(ageMs(migration, occupancy))} and moves nothing`,
      })),
  ];
}

/** The consumers and migrated servers of which it must be known whether they are servers, and where. */
export function suspectsOf({ servers, allocations, migrations }: Occupancy): readonly string[] {
  const aboard = new Set(servers.map(({ id }) => id));
  const ids = [...allocations.map(({ consumer }) => consumer), ...migrations.map(({ serverId }) => serverId)];
  return [...new Set(ids)].filter((id) => !aboard.has(id));
}

/** Judges what is found by what was known; at the first look (`known` undefined) all of it has always been there. */
export function balance(found: readonly Row[], known: KnownRows | undefined): Books {
  const before = new Set(known ?? found.map(({ key }) => key));
  const old = found.filter(({ key }) => before.has(key));
  return { known: old.map(({ key }) => key), old, fresh: found.filter(({ key }) => !before.has(key)) };
}

/** `1 new leftover: …`; undefined when there is none. */
export function whyUnbalanced({ fresh }: Books): string | undefined {
  if (fresh.length === 0) return undefined;
  const rows = fresh.slice(0, 3).map(({ why }) => why);
  const more = fresh.length > rows.length ? [`and ${fresh.length - rows.length} more`] : [];
  return `${sayCount(fresh.length, 'row')} in its books ${fresh.length === 1 ? 'belongs' : 'belong'} to nothing and came since the first look: ${[...rows, ...more].join('; ')}`;
}

export function allocationKey(consumer: string): string {
  return `allocation ${consumer}`;
}

/** Another key as soon as anything has happened to it. */
export function migrationKey({ id, status, updatedAt }: Migration): string {
  return `migration ${id} ${status} ${updatedAt}`;
}

/** Never a resize, which its owner may still revert, nor one of a server that is here. */
function isAbandoned(migration: Migration, occupancy: Occupancy, server: Server | undefined): boolean {
  if (migration.kind !== 'live-migration' || isFinal(migration)) return false;
  if (occupancy.servers.some(({ id }) => id === migration.serverId)) return false;
  return server?.task === undefined && ageMs(migration, occupancy) >= ABANDONED_MS;
}

function ageMs({ updatedAt }: Migration, { from }: Occupancy): number {
  return Date.parse(from) - Date.parse(updatedAt);
}
