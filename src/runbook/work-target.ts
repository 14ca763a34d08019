/** One target's way through the steps, in the end with what puts back. */
import { messageOf } from '../domain/failure.ts';
import { isCancelled } from '../procedures/attempt.ts';
import type { TargetEnd } from './board.ts';
import type { Definition, Step } from './definition.ts';
import { isFailure } from './kind.ts';
import type { Target } from './targets.ts';
import { leaseOf, type Surroundings, takeLease, workAll, workStep } from './work-step.ts';

/** With the error that ends the run: a failed step, from which it can be resumed, or the cancellation. */
export interface Attended extends TargetEnd {
  readonly error?: Error;
}

/**
 * Works the target's steps one after the other, then `onError` if one failed, then `finally`, however it
 * ended. Holds the hypervisor's lease meanwhile, so no other run touches it.
 */
export async function workTarget(
  definition: Definition,
  around: Surroundings & { target: Target },
): Promise<Attended> {
  const { ctx, target } = around;
  const { name } = target;
  try {
    await takeLease(around, target);
  } catch (error) {
    if (isCancelled(error)) return { name, verdict: 'held', why: `not begun: ${error.message}`, error };
    throw error;
  }
  const worked = await workSteps(definition.steps, around);
  const back: Surroundings = { ...around, puttingBack: true };
  const faults = [
    ...(worked.verdict === 'failed' ? await workAll(ofTarget(definition.onError), back) : []),
    ...(await workAll(ofTarget(definition.finally), back)),
  ];
  await ctx.release(leaseOf(target));
  if (faults.length === 0) return worked;
  const why = [...(worked.verdict === 'done' || worked.verdict === 'skipped' ? [] : [worked.why]), ...faults];
  return { ...worked, verdict: 'failed', why: why.join('; ') };
}

async function workSteps(
  steps: readonly Step[],
  around: Surroundings & { target: Target },
): Promise<Attended> {
  const { name } = around.target;
  const [skips, remarks]: [string[], string[]] = [[], []];
  let changed = false;
  try {
    for (const step of ofTarget(steps)) {
      const end = await workStep(step, around, (words) => void remarks.push(words));
      if (end.verdict === 'held') return { name, verdict: 'held', why: end.why };
      if (end.verdict === 'skipped') skips.push(end.why);
      else changed ||= changes(step);
    }
  } catch (error) {
    if (isCancelled(error)) return { name, verdict: 'held', why: messageOf(error), error };
    if (isFailure(error)) return { name, verdict: 'failed', why: messageOf(error), error };
    throw error;
  }
  const verdict = changed || skips.length === 0 ? 'done' : 'skipped';
  const said = [...(verdict === 'skipped' ? skips : []), ...remarks];
  return { name, verdict, why: said.length === 0 ? 'every step went as it should' : said.join('; ') };
}

function ofTarget(steps: readonly Step[]): Step[] {
  return steps.filter(({ each }) => each);
}

/** Waiting and looking leave a target that needed nothing as it was. */
function changes({ action: { effect } }: Step): boolean {
  return effect !== undefined && effect !== 'read';
}
