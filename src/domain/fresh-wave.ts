/** What of a plan still holds on the fleet as it is now, up to the wave that is about to begin? */
import type { PlannedMove } from './defragment-plan.ts';
import { decideDrain } from './drain-policy.ts';
import type { FleetFile, FleetHypervisor, FleetServer } from './fleet-file.ts';
import { withoutResting } from './fleet-snapshot.ts';
import { openReplay, replayWave, type WaveLimits } from './plan-replay.ts';

type Left = { readonly server: string; readonly why: string };

export type FreshWave = {
  /** Those that still may be made, of whichever wave. */
  readonly moves: readonly PlannedMove[];
  /** Nothing is left to do for them: the server is gone, stopped, or somewhere else. */
  readonly dropped: readonly Left[];
  /** They may not begin, so that what follows has to be planned anew. */
  readonly misfits: readonly Left[];
};

export interface WaveQuestion {
  /** What is not over, wave by wave; the last one is about to begin. */
  readonly waves: readonly (readonly PlannedMove[])[];
  /** Those of them that are under way: they hold both their ends. */
  readonly underWay?: readonly PlannedMove[];
  /** The wave after them. */
  readonly next: readonly PlannedMove[];
  readonly limits: WaveLimits;
}

/** Judges each move by the independent rules of a plan's check; `seen` is a fresh snapshot. */
export function freshWave(seen: FleetFile, { waves, underWay = [], next, limits }: WaveQuestion): FreshWave {
  const going = new Set(underWay);
  const servers = new Map(seen.servers.map((server) => [server.id, server]));
  const dropped: Left[] = [];
  const onTheWay = new Set<string>();
  let left = waves.map((wave) =>
    wave.filter((move) => {
      const { server } = move;
      // Where it is then, its earlier move will tell.
      const why = going.has(move) || onTheWay.has(server) ? undefined : whyDone(servers.get(server), move);
      if (why === undefined) onTheWay.add(server);
      else dropped.push({ server, why });
      return why === undefined;
    }),
  );
  const fleet = withoutResting(asBefore(seen, underWay));
  const misfits: Left[] = [];
  for (;;) {
    const bad = misfitsOf(fleet, left, { next, limits, going });
    if (bad.size === 0) return { moves: left.flat().filter((move) => !going.has(move)), dropped, misfits };
    misfits.push(...[...bad].map(([{ server }, why]) => ({ server, why })));
    left = left.map((wave) => wave.filter((move) => !bad.has(move)));
  }
}

/** Those of the first wave in which something is wrong; where it is about the wave, all of it that waits. */
function misfitsOf(
  fleet: FleetFile,
  waves: WaveQuestion['waves'],
  {
    next,
    limits,
    going,
  }: Pick<WaveQuestion, 'next' | 'limits'> & { readonly going: ReadonlySet<PlannedMove> },
): ReadonlyMap<PlannedMove, string> {
  const replay = openReplay(fleet);
  for (const [w, wave] of waves.entries()) {
    const complaints = replayWave(replay, wave, limits, waves[w + 1] ?? next);
    const waiting = wave.filter((move) => !going.has(move));
    const against = new Map(complaints.flatMap(({ move, why }) => (move ? [[move, why] as const] : [])));
    const general = complaints.find(({ move }) => move === undefined)?.why;
    const bad = waiting.flatMap((move) => {
      const why = against.get(move) ?? (against.size === 0 ? general : undefined);
      return why === undefined ? [] : [[move, why] as const];
    });
    if (bad.length > 0) return new Map(bad);
  }
  return new Map();
}

/** Why nothing is left to do for the move; undefined where something is. */
export function whyDone(
  server: Pick<FleetServer, 'hypervisor' | 'status'> | undefined,
  { from }: PlannedMove,
): string | undefined {
  if (server === undefined) return 'it is gone';
  if (server.hypervisor !== from) return `it is on ${server.hypervisor} meanwhile`;
  const { does } = decideDrain({ status: server.status, locked: false });
  return does === 'stays' ? 'it does not run any more' : undefined;
}

/** Who is under way is where it came from, and booked nowhere else: the replay holds its other end. */
function asBefore(seen: FleetFile, underWay: readonly PlannedMove[]): FleetFile {
  const moveOf = new Map(underWay.map((move) => [move.server, move]));
  const booked = new Map<string, FleetServer[]>();
  const servers = seen.servers.map((server) => {
    const move = moveOf.get(server.id);
    if (move === undefined || ![move.from, move.to].includes(server.hypervisor)) return server;
    const other = server.hypervisor === move.to ? move.from : move.to;
    booked.set(other, [...(booked.get(other) ?? []), server]);
    return { ...server, hypervisor: move.from };
  });
  const hypervisors = seen.hypervisors.map((one) => (booked.get(one.name) ?? []).reduce(unbooked, one));
  return { ...seen, servers, hypervisors };
}

/** What a snapshot knows of a migration's other end is that something is booked there beside the servers seen. */
function unbooked(one: FleetHypervisor, { vcpus, ramMb, diskGb }: FleetServer): FleetHypervisor {
  return {
    ...one,
    reservedVcpus: Math.max(0, one.reservedVcpus - vcpus),
    reservedRamMb: Math.max(0, one.reservedRamMb - ramMb),
    reservedDiskGb: Math.max(0, one.reservedDiskGb - diskGb),
  };
}
