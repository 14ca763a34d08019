/** Is every state legal that waves lead through, and where do they end? Judged by the checker of plans. */
import type { PlannedMove } from '../../../../src/domain/defragment-plan.ts';
import type { FleetFile } from '../../../../src/domain/fleet-file.ts';
import type { Limits } from '../../../../src/domain/move-order.ts';
import type { Move } from '../../../../src/domain/packing/timetable.ts';
import { openReplay, replayWave } from '../../../../src/domain/plan-replay.ts';

export interface Replayed {
  readonly complaints: readonly string[];
  /** Hypervisor of each server when all is done. */
  readonly homes: ReadonlyMap<string, string>;
}

export function replayed(fleet: FleetFile, waves: readonly (readonly Move[])[], limits: Limits): Replayed {
  const replay = openReplay(fleet);
  const planned = waves.map((wave) => wave.map((move) => named(fleet, move)));
  const complaints = planned.flatMap((wave, w) =>
    replayWave(replay, wave, limits, planned[w + 1]).map(({ why }) => `wave ${w + 1}: ${why}`),
  );
  return { complaints, homes: replay.homes };
}

/** `a hv1>hv2`, wave by wave. */
export function said(fleet: FleetFile, waves: readonly (readonly Move[])[]): string[][] {
  return waves.map((wave) =>
    wave.map((move) => {
      const { server, from, to, toCells } = named(fleet, move);
      return `${server} ${from}>${to}${toCells === undefined ? '' : ` cells ${toCells.join()}`}`;
    }),
  );
}

/** As a plan has it. */
export function named(
  { servers, hypervisors }: FleetFile,
  { server, from, to, cells, seconds }: Move,
): PlannedMove {
  const toCells = [...Array(8).keys()].filter((cell) => (cells >>> cell) & 1);
  return {
    server: servers[server]!.id,
    from: hypervisors[from]!.name,
    to: hypervisors[to]!.name,
    ...(servers[server]!.numa === undefined ? {} : { toCells }),
    seconds,
  };
}
