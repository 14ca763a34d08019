/** What happens to the rules of a fleet while the moves of a plan are made, wave by wave, with both ends held? */
import type { DefragmentPolicy, PlannedMove } from './defragment-plan.ts';
import type { FleetFile, FleetGroup, FleetServer } from './fleet-file.ts';
import {
  cellsFor,
  enter,
  hasUnknownCells,
  leave,
  missingFor,
  type Room,
  roomsOf,
  whyNotCells,
} from './fleet-room.ts';
import { whysNotThere, whysStays } from './move-rules.ts';
import { sayCount, sayList } from './say.ts';

/** What of a policy each wave has to keep; what is left out is not limited. */
export type WaveLimits = Partial<
  Pick<DefragmentPolicy, 'parallel' | 'outPerHypervisor' | 'inPerHypervisor' | 'coolDownHours'>
>;

export type Wave = readonly PlannedMove[];

export interface Complaint {
  readonly move?: PlannedMove;
  readonly why: string;
}

/** A fleet between two waves. */
export interface Replay {
  readonly fleet: FleetFile;
  readonly rooms: ReadonlyMap<string, Room>;
  readonly servers: ReadonlyMap<string, FleetServer>;
  /** Where each server is now. */
  readonly homes: Map<string, string>;
  /** Hard groups by member. */
  readonly groupsOf: ReadonlyMap<string, readonly FleetGroup[]>;
  /** Hypervisors that each group of affinity was on when the replay began. */
  readonly spreadBefore: ReadonlyMap<FleetGroup, number>;
}

/** The fleet as it is, before the first wave. */
export function openReplay(fleet: FleetFile): Replay {
  const homes = new Map(fleet.servers.map(({ id, hypervisor }) => [id, hypervisor]));
  const hard = fleet.groups.filter(({ policy }) => policy === 'affinity' || policy === 'anti-affinity');
  const groupsOf = new Map<string, FleetGroup[]>();
  for (const group of hard)
    for (const id of group.members) groupsOf.set(id, [...(groupsOf.get(id) ?? []), group]);
  return {
    fleet,
    rooms: roomsOf(fleet),
    servers: new Map(fleet.servers.map((server) => [server.id, server])),
    homes,
    groupsOf,
    spreadBefore: new Map(hard.map((group) => [group, hostsOf(group, homes).size])),
  };
}

/**
 * Makes the moves of a wave, those against the rules too where that is possible, and says what is wrong with
 * them. `next` is the wave after it, which may make a group of affinity whole again.
 */
export function replayWave(replay: Replay, wave: Wave, limits: WaveLimits, next: Wave = []): Complaint[] {
  const complaints = limitComplaints(wave, limits);
  const made = new Map<string, PlannedMove>();
  for (const move of wave) {
    const impossible = whyImpossible(replay, move, made);
    const whys = impossible === undefined ? whysAgainst(replay, move, limits) : [impossible];
    complaints.push(...whys.map((why) => ({ move, why })));
    if (impossible !== undefined) continue;
    const server = replay.servers.get(move.server)!;
    const room = replay.rooms.get(move.to)!;
    enter(room, server, move.toCells ?? cellsFor(room, server) ?? []);
    made.set(move.server, move);
  }
  for (const { server, from, to } of made.values()) {
    leave(replay.rooms.get(from)!, replay.servers.get(server)!);
    replay.homes.set(server, to);
  }
  return [...complaints, ...splitComplaints(replay, [...made.values()], next)];
}

/** What no replay can do. */
function whyImpossible(
  { servers, rooms, homes }: Replay,
  { server, from, to }: PlannedMove,
  made: ReadonlyMap<string, PlannedMove>,
): string | undefined {
  if (!servers.has(server)) return `no server has the id ${server}`;
  if (made.has(server)) return `${server} is moved twice in one wave`;
  if (homes.get(server) !== from) return `${server} is on ${homes.get(server)}, not on ${from}`;
  if (!rooms.has(to)) return `no hypervisor is called ${to}`;
  return from === to ? `${server} is on ${to} already` : undefined;
}

function whysAgainst(replay: Replay, move: PlannedMove, { coolDownHours = 0 }: WaveLimits): string[] {
  const { fleet, rooms, servers } = replay;
  const server = servers.get(move.server)!;
  const room = rooms.get(move.to)!;
  const from = rooms.get(move.from)!.hypervisor;
  const whys = [
    ...whysStays(fleet, server, { from, coolDownHours }),
    ...whysNotThere(server, { from, to: room.hypervisor }, fleet.isolatedAggregates),
  ];
  const missing = missingFor(room, server, fleet.extraResources);
  if (missing !== undefined) whys.push(`no room on ${move.to} for ${move.server}: ${missing} missing`);
  const cells = whyNoCells(replay, { server, room, toCells: move.toCells });
  if (cells !== undefined) whys.push(`no room on ${move.to} for ${move.server}: ${cells}`);
  for (const group of replay.groupsOf.get(move.server) ?? []) {
    if (group.policy !== 'anti-affinity') continue;
    const there = group.members.filter((id) => id !== move.server && room.servers.has(id));
    if (there.length >= group.maxPerHost)
      whys.push(
        `server group ${group.id} (anti-affinity) allows ${group.maxPerHost} on ${move.to}, and ${sayList(there, 3)} ${there.length === 1 ? 'is' : 'are'} there`,
      );
  }
  return whys;
}

function whyNoCells(
  { servers }: Replay,
  { server, room, toCells }: { server: FleetServer; room: Room; toCells: readonly number[] | undefined },
): string | undefined {
  if (server.numa === undefined && toCells === undefined) return undefined;
  if (server.numa !== undefined && hasUnknownCells(room, (id) => servers.get(id)!))
    return 'nobody knows which of its NUMA cells are taken';
  if (toCells !== undefined) return whyNotCells(room, server, toCells);
  return cellsFor(room, server) === undefined
    ? `not ${sayCount(server.numa ?? 0, 'NUMA cell')} with enough left`
    : undefined;
}

function limitComplaints(wave: Wave, limits: WaveLimits): Complaint[] {
  const { parallel = Infinity, outPerHypervisor = Infinity, inPerHypervisor = Infinity } = limits;
  const tooMany = (ends: readonly string[], limit: number, way: string) =>
    [...Map.groupBy(ends, (name) => name)]
      .filter(([, all]) => all.length > limit)
      .map(([name, all]) => ({
        why: `${all.length} migrations at once ${way} ${name}, at most ${limit} may be`,
      }));
  return [
    ...(wave.length > parallel
      ? [{ why: `${wave.length} migrations at once, at most ${parallel} may be` }]
      : []),
    ...tooMany(
      wave.map(({ from }) => from),
      outPerHypervisor,
      'off',
    ),
    ...tooMany(
      wave.map(({ to }) => to),
      inPerHypervisor,
      'onto',
    ),
  ];
}

/** Groups of affinity that this wave leaves on more hypervisors than they were on at first. */
function splitComplaints({ groupsOf, homes, spreadBefore }: Replay, made: Wave, next: Wave): Complaint[] {
  const touched = new Set(made.flatMap(({ server }) => groupsOf.get(server) ?? []));
  return [...touched].flatMap((group) => {
    if (group.policy !== 'affinity') return [];
    const hosts = hostsOf(group, homes);
    if (hosts.size <= Math.max(1, spreadBefore.get(group) ?? 1)) return [];
    if (isMendedBy(next, group, made)) return [];
    return [{ why: `server group ${group.id} (affinity) is left on ${sayList([...hosts], 3)}` }];
  });
}

/** The format's exception: the very next wave moves another member to where this one moved one. */
function isMendedBy(next: Wave, { members }: FleetGroup, made: Wave): boolean {
  const ours = new Set(members);
  const targets = new Set(made.filter(({ server }) => ours.has(server)).map(({ to }) => to));
  return next.some(({ server, from, to }) => ours.has(server) && targets.has(to) && !targets.has(from));
}

function hostsOf({ members }: FleetGroup, homes: ReadonlyMap<string, string>): Set<string> {
  return new Set(members.flatMap((id) => homes.get(id) ?? []));
}
