/** How is the planner called in a thread of its own, by one who may stop it? */

import { planDefragmentation } from '../defragment.ts';
import type { DefragmentPlan, DefragmentPolicy } from '../defragment-plan.ts';
import type { FleetFile } from '../fleet-file.ts';
import { loadSolver } from './highs.ts';

/**
 * Plans until all rounds are done, or `stop[0]` is 1: then the best plan so far. `stop` lies in memory that is
 * shared; `stop[1]`, if there is one, is set to the rounds that are done.
 */
export async function planUntil(
  fleet: FleetFile,
  policy: DefragmentPolicy,
  stop: Int32Array,
): Promise<DefragmentPlan> {
  return planDefragmentation(fleet, policy, {
    solve: await loadSolver(),
    isOver: () => Atomics.load(stop, 0) === 1,
    progress: (rounds) => {
      if (stop.length > 1) Atomics.store(stop, 1, rounds);
    },
  });
}
