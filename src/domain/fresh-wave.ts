/** What of a planned wave still holds on the fleet as it is now? */
import type { PlannedMove } from './defragment-plan.ts';
import { decideDrain } from './drain-policy.ts';
import type { FleetFile, FleetServer } from './fleet-file.ts';
import { withoutResting } from './fleet-snapshot.ts';
import { checkWave } from './plan-check.ts';
import type { WaveLimits } from './plan-replay.ts';

type Left = { readonly server: string; readonly why: string };

export type FreshWave = {
  /** Those that may begin, all together. */
  readonly moves: readonly PlannedMove[];
  /** Nothing is left to do for them: the server is gone, stopped, or somewhere else. */
  readonly dropped: readonly Left[];
  /** They may not begin, so that what follows has to be planned anew. */
  readonly misfits: readonly Left[];
};

export interface WaveQuestion {
  readonly wave: readonly PlannedMove[];
  /** The wave after it. */
  readonly next: readonly PlannedMove[];
  readonly limits: WaveLimits;
}

/** Judges each move by the independent rules of a plan's check; `seen` is a fresh snapshot. */
export function freshWave(seen: FleetFile, { wave, next, limits }: WaveQuestion): FreshWave {
  const servers = new Map(seen.servers.map((server) => [server.id, server]));
  const dropped: Left[] = [];
  let moves: PlannedMove[] = [];
  for (const move of wave) {
    const why = whyDone(servers.get(move.server), move);
    if (why === undefined) moves.push(move);
    else dropped.push({ server: move.server, why });
  }
  const fleet = withoutResting(seen);
  const misfits: Left[] = [];
  for (;;) {
    const { ok, violations } = checkWave(fleet, moves, { limits, next });
    if (ok) return { moves, dropped, misfits };
    const against = new Map(violations.flatMap(({ move, why }) => (move ? [[move.server, why]] : [])));
    const general = violations.find(({ move }) => move === undefined)?.why ?? '';
    const bad = moves.filter(({ server }) => against.size === 0 || against.has(server));
    misfits.push(...bad.map(({ server }) => ({ server, why: against.get(server) ?? general })));
    moves = moves.filter((move) => !bad.includes(move));
  }
}

function whyDone(server: FleetServer | undefined, { from }: PlannedMove): string | undefined {
  if (server === undefined) return 'it is gone';
  if (server.hypervisor !== from) return `it is on ${server.hypervisor} meanwhile`;
  const { does } = decideDrain({ status: server.status, locked: false });
  return does === 'stays' ? 'it does not run any more' : undefined;
}
