/** The planner for a thread of its own: whoever asks for a plan loads neither it nor its solver. */
import type { DefragmentPlan, DefragmentPolicy } from './defragment-plan.ts';
import type { FleetFile } from './fleet-file.ts';

/** As `planUntil` of the planner itself: until all rounds are done, or `stop[0]` is 1. */
export async function planUntil(
  fleet: FleetFile,
  policy: DefragmentPolicy,
  stop: Int32Array,
): Promise<DefragmentPlan> {
  const planner = await import('./packing/in-thread.ts');
  return planner.planUntil(fleet, policy, stop);
}
