/** May a plan be carried out, and does it do what it says? Judged by the rules alone, apart from who made it. */
import type { DefragmentPlan, DefragmentPolicy, PlannedMove } from './defragment-plan.ts';
import type { FleetFile } from './fleet-file.ts';
import { claimComplaints, type Outcome, outcomeOf } from './plan-claims.ts';
import { openReplay, replayWave, type WaveLimits } from './plan-replay.ts';

/** What of a policy a plan has to keep; what is left out is not limited. */
export type PlanLimits = WaveLimits & Partial<Pick<DefragmentPolicy, 'maxMoves'>>;

export interface Violation {
  /** Counted from 1; absent where it is about the plan as a whole. */
  readonly wave?: number;
  readonly move?: PlannedMove;
  readonly why: string;
}

export interface PlanCheck {
  readonly ok: boolean;
  readonly violations: readonly Violation[];
  readonly outcome: Outcome;
}

/**
 * Replays the plan on the fleet, each migration holding both its ends until its wave is over. What the fleet
 * violates before the first move, and no move makes worse, is no violation.
 */
export function checkPlan(fleet: FleetFile, plan: DefragmentPlan, limits: PlanLimits = {}): PlanCheck {
  const replay = openReplay(fleet);
  const violations: Violation[] = [];
  for (const [w, wave] of plan.waves.entries())
    for (const complaint of replayWave(replay, wave, limits, plan.waves[w + 1]))
      violations.push({ wave: w + 1, ...complaint });
  violations.push(...targetViolations(fleet, plan), ...budgetComplaints(plan, limits));
  const outcome = outcomeOf(replay, plan, limits);
  violations.push(...claimComplaints(replay, plan, { outcome, limits }));
  return { ok: violations.length === 0, violations, outcome };
}

/** No server may end where the plan, or somebody before it, has made room; it may stop over there. */
function targetViolations({ servers }: FleetFile, plan: DefragmentPlan): Violation[] {
  const emptied = new Set(plan.emptied);
  const had = new Set(servers.map(({ hypervisor }) => hypervisor));
  const last = new Map(
    plan.waves.flatMap((wave, w) => wave.map((move) => [move.server, { wave: w + 1, move }] as const)),
  );
  return [...last.values()].flatMap(({ wave, move }) => {
    const { server, to } = move;
    if (emptied.has(to)) return [{ wave, move, why: `${server} ends on ${to}, which the plan empties` }];
    return had.has(to) ? [] : [{ wave, move, why: `${server} ends on ${to}, which was empty` }];
  });
}

function budgetComplaints({ waves }: DefragmentPlan, { maxMoves = Infinity }: PlanLimits): Violation[] {
  const moves = waves.flat().length;
  return moves > maxMoves ? [{ why: `${moves} moves, at most ${maxMoves} may be` }] : [];
}
