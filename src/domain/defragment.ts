/** Which servers move where, in which order, so that the most hypervisors stand empty? */
import type { DefragmentPlan, DefragmentPolicy, PlannedMove } from './defragment-plan.ts';
import type { FleetFile } from './fleet-file.ts';
import { bestDraft } from './packing/best-draft.ts';
import { keepRoom } from './packing/keep-room.ts';
import { level } from './packing/level.ts';
import { makespanBound } from './packing/makespan.ts';
import { type Model, modelOf } from './packing/model.ts';
import { odditiesOf } from './packing/oddities.ts';
import type { Solve } from './packing/program.ts';
import { heldBy } from './packing/reasons.ts';
import { movesOf, settle } from './packing/settle.ts';
import { tasteOf } from './packing/taste.ts';
import type { Move } from './packing/timetable.ts';
import { redoTinyPools } from './packing/tiny-pools.ts';
import { boundServers, makespanOf } from './plan-clock.ts';

export interface DefragmentTools {
  /** Solver of linear programs; without one the search does without, and the bound is wider. */
  readonly solve?: Solve;
  /** Asked between rounds: true ends the search, and the best found so far is the plan. */
  readonly isOver: () => boolean;
  /** Told the rounds of improvement that are done. */
  readonly progress?: (rounds: number) => void;
}

/**
 * Empties as many hypervisors as it can; then with as few moves, then at as little cost as it can; then so that
 * the busiest of the others is as little busy as it finds. Every state on the way is legal, also while both ends
 * of a migration are held. On the result of its own plan it finds nothing to do. What the fleet violates already
 * is left alone, with a warning. Never throws on a fleet that was parsed.
 */
export function planDefragmentation(
  fleet: FleetFile,
  policy: DefragmentPolicy,
  tools: DefragmentTools,
): DefragmentPlan {
  const model = modelOf(fleet, policy);
  const emptyBefore = model.wasEmpty.reduce((sum, is) => sum + is, 0);
  const most = policy.wanted === 'max' ? Infinity : Math.max(0, policy.wanted - emptyBefore);
  const { draft, bound } = bestDraft(model, { ...policy, most, ...tools });
  level(draft, tools.isOver);
  const taste = tasteOf(model, 1);
  const kept = keepRoom(draft, policy.keepEmpty, taste);
  const tiny = policy.keepEmpty === 0 ? redoTinyPools(draft, { ...policy, most }) : new Map();
  const { sequence, givenBack } = settle(draft, policy, tiny);
  const moves = movesOf(sequence);
  const together = boundServers(fleet);
  return {
    format: 'plan/1',
    fleet: fleet.name,
    seed: policy.seed,
    waves: sequence.waves.map((wave) => wave.map((move) => plannedMove(model, move))),
    emptied: fleet.hypervisors
      .filter((_, h) => isEmptied(model, draft.placement.count, h))
      .map(({ name }) => name),
    emptyBefore,
    emptyAfter: emptyBefore + draft.emptied,
    bound: emptyBefore + bound,
    moves,
    ramMovedMb: sequence.waves.flat().reduce((sum, { server }) => sum + fleet.servers[server]!.ramMb, 0),
    makespanSeconds: makespanOf(sequence.waves, {
      limits: policy,
      isBound: ({ server }) => together.has(fleet.servers[server]!.id),
    }),
    makespanBound: makespanBound(sequence.waves.flat(), policy),
    held: heldBy({ draft, policy, taste, moves, givenBack: new Map([...kept, ...givenBack]) }),
    warnings: [...model.warnings, ...odditiesOf(model)],
  };
}

function isEmptied({ canTake, wasEmpty }: Model, count: Int32Array, h: number): boolean {
  return canTake[h] === 1 && wasEmpty[h] === 0 && count[h] === 0;
}

function plannedMove({ fleet }: Model, { server, from, to, cells, seconds }: Move): PlannedMove {
  return {
    server: fleet.servers[server]!.id,
    from: fleet.hypervisors[from]!.name,
    to: fleet.hypervisors[to]!.name,
    ...(cells === 0 ? {} : { toCells: [...Array(32).keys()].filter((cell) => (cells >>> cell) & 1) }),
    seconds,
  };
}
