/** How many hypervisors can any placement leave empty? What the relaxed program by class says. */
import { classModelOf } from './class-model.ts';
import { stakeOf } from './classes.ts';
import type { Model } from './model.ts';
import { Placement } from './placement.ts';
import type { Solve } from './program.ts';

const SLACK = 1e-6;
/** Beyond, the program is too large for what the bound is worth. */
const MOST_HYPERVISORS = 160;

/**
 * Candidates that a plan of so many moves can empty, at most; tighter than cuts where hypervisors differ in shape.
 * Undefined for a large fleet, and for one in which not everything that is allowed can be said in rows.
 */
export function classBound(model: Model, maxMoves: number, solve: Solve): number | undefined {
  if (model.hypervisorCount > MOST_HYPERVISORS) return undefined;
  const classes = classModelOf(stakeOf(new Placement(model)), { maxMoves, isShuffling: true });
  if (!classes.isComplete) return undefined;
  const cost = new Float64Array(classes.program.cost.length);
  for (const column of classes.emptied) if (column >= 0) cost[column] = -1;
  const { status, objective } = solve({ ...classes.program, cost }, { isRelaxed: true });
  return status === 'optimal' ? Math.floor(-objective + SLACK) : undefined;
}
