/** What of each hypervisor is taken while servers come and go? The checker's own books: it trusts no planner's. */
import type { FleetFile, FleetHypervisor, FleetServer, NumaCell } from './fleet-file.ts';
import { amounts } from './resources.ts';
import { sayCount, sayList } from './say.ts';

/** A hypervisor with what is taken of it. */
export interface Room {
  readonly hypervisor: FleetHypervisor;
  /** vCPU, MiB of memory, GiB of disk, then the fleet's extra resources. */
  readonly capacity: readonly number[];
  readonly taken: number[];
  /** What is free of each NUMA cell. */
  readonly cells: { vcpus: number; ramMb: number }[];
  /** Servers that hold something here, with their cells; those on their way here or away included. */
  readonly servers: Map<string, readonly number[]>;
}

const MB_PER_GIB = 1024;

/** Shares of memory that are no whole number must not make a cell too full. */
const ROUNDING = 1e-6;

/** Each hypervisor with the servers that it has, by its name. */
export function roomsOf(fleet: FleetFile): Map<string, Room> {
  const rooms = new Map(
    fleet.hypervisors.map((hypervisor): [string, Room] => [
      hypervisor.name,
      {
        hypervisor,
        capacity: capacityOf(hypervisor),
        taken: [0, 0, 0, ...fleet.extraResources.map(() => 0)],
        cells: (hypervisor.numa ?? []).map(({ vcpus, ramMb }) => ({ vcpus, ramMb })),
        servers: new Map(),
      },
    ]),
  );
  for (const server of fleet.servers) enter(rooms.get(server.hypervisor)!, server, server.cells ?? []);
  return rooms;
}

/** Placement's formula; extra resources have no ratio. */
export function capacityOf(one: FleetHypervisor): number[] {
  return [
    Math.floor((one.vcpus - one.reservedVcpus) * one.cpuRatio),
    Math.floor((one.ramMb - one.reservedRamMb) * one.ramRatio),
    Math.floor((one.diskGb - one.reservedDiskGb) * one.diskRatio),
    ...one.extra,
  ];
}

/** Takes what the server needs, whether it is there or not. */
export function enter(room: Room, server: FleetServer, cells: readonly number[]): void {
  book(room, server, { cells, by: 1 });
  room.servers.set(server.id, cells);
}

/** Gives back what the server holds there. */
export function leave(room: Room, server: FleetServer): void {
  book(room, server, { cells: room.servers.get(server.id) ?? [], by: -1 });
  room.servers.delete(server.id);
}

/** What is missing for the server, as `12 GiB of memory, 1 PGPU`; undefined where there is enough. */
export function missingFor(
  room: Room,
  server: FleetServer,
  extraNames: readonly string[],
): string | undefined {
  const after = needsOf(server).map((need, r) =>
    need === 0 ? 0 : room.taken[r]! + need - room.capacity[r]!,
  );
  return sayExcess(after, extraNames);
}

/** What is taken beyond what the hypervisor may give; undefined where nothing is. */
export function excessOf({ taken, capacity }: Room, extraNames: readonly string[]): string | undefined {
  return sayExcess(
    taken.map((amount, r) => amount - capacity[r]!),
    extraNames,
  );
}

function sayExcess(beyond: readonly number[], extraNames: readonly string[]): string | undefined {
  const [vcpus = 0, ramMb = 0, diskGb = 0, ...extra] = beyond.map((amount) => Math.max(0, amount));
  const extras = extra.flatMap((amount, r) => (amount > 0 ? [`${amount} ${extraNames[r]}`] : []));
  const words = [amounts({ vcpus, ramMb: roundUp(ramMb), diskGb }), ...extras].filter((part) => part !== '');
  return words.length === 0 ? undefined : words.join(', ');
}

/**
 * The cells that the server would take: of those with room the ones with the least free vCPU, then the lowest.
 * None for a server that needs none; undefined where there are not enough.
 */
export function cellsFor(room: Room, server: FleetServer): readonly number[] | undefined {
  const { numa } = server;
  if (numa === undefined) return [];
  const fitting = room.cells
    .map((cell, index) => ({ cell, index }))
    .filter(({ cell }) => fitsIn(cell, shareOf(server)))
    .toSorted((a, b) => a.cell.vcpus - b.cell.vcpus || a.index - b.index);
  return fitting.length < numa
    ? undefined
    : fitting
        .slice(0, numa)
        .map(({ index }) => index)
        .toSorted((a, b) => a - b);
}

/** Why the server cannot take these cells; undefined where it can. */
export function whyNotCells(room: Room, server: FleetServer, cells: readonly number[]): string | undefined {
  const { numa = 0 } = server;
  if (cells.length !== numa || new Set(cells).size < numa)
    return `it needs ${sayCount(numa, 'cell')}, not ${sayList(cells.map(String))}`;
  const wrong = cells.filter((cell) => room.cells[cell] === undefined);
  if (wrong.length > 0) return `there is no cell ${sayList(wrong.map(String))}`;
  const full = cells.filter((cell) => !fitsIn(room.cells[cell]!, shareOf(server)));
  return full.length > 0 ? `no room on cell ${sayList(full.map(String))}` : undefined;
}

/** Servers there that are bound to cells nobody knows. */
export function hasUnknownCells(room: Room, serverOf: (id: string) => FleetServer): boolean {
  for (const [id, cells] of room.servers)
    if (cells.length === 0 && serverOf(id).numa !== undefined) return true;
  return false;
}

/** To a tenth of a GiB, which is what people are told: what is missing is never nothing. */
function roundUp(ramMb: number): number {
  return (Math.ceil((ramMb * 10) / MB_PER_GIB) * MB_PER_GIB) / 10;
}

function needsOf({ vcpus, ramMb, diskGb, extra }: FleetServer): number[] {
  return [vcpus, ramMb, diskGb, ...extra];
}

function book(
  room: Room,
  server: FleetServer,
  { cells, by }: { readonly cells: readonly number[]; readonly by: 1 | -1 },
): void {
  for (const [r, need] of needsOf(server).entries()) room.taken[r]! += by * need;
  if (server.numa === undefined) return;
  const share = shareOf(server);
  for (const index of cells) {
    const cell = room.cells[index];
    if (cell === undefined) continue;
    cell.vcpus -= by * share.vcpus;
    cell.ramMb -= by * share.ramMb;
  }
}

function shareOf({ vcpus, ramMb, numa = 1 }: FleetServer): NumaCell {
  return { vcpus: vcpus / numa, ramMb: ramMb / numa };
}

function fitsIn(free: NumaCell, share: NumaCell): boolean {
  return share.vcpus <= free.vcpus + ROUNDING && share.ramMb <= free.ramMb + ROUNDING;
}
