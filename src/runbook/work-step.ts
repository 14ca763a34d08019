/** One step in its turn: is it needed at all, and how did it end? */
import { messageOf } from '../domain/failure.ts';
import { isCancelled } from '../procedures/attempt.ts';
import type { Step } from './definition.ts';
import { isFailure, type Place, type StepEnd } from './kind.ts';
import { LOOK_MS, look } from './run-command.ts';
import type { Target } from './targets.ts';
import { fillWord } from './template.ts';

/** Where steps are worked, before it is known which. */
export type Surroundings = Omit<Place, 'key' | 'host'> & { readonly target?: Target };

/** The step's name in the journal: `restart-agents hv07`. */
function keyOf({ label }: Step, target: Target | undefined): string {
  return target === undefined ? label : `${label} ${target.name}`;
}

function hostOf({ on }: Step, { target, values }: Surroundings): string | undefined {
  return on === undefined ? target?.name : fillWord(on, values);
}

/** Why there is nothing to do; undefined while there is. A look of its own, so that nothing was begun if it is never answered. */
export async function whyNotNeeded(step: Step, around: Surroundings): Promise<string | undefined> {
  const { unless } = step.action;
  const host = hostOf(step, around);
  if (unless === undefined || host === undefined) return undefined;
  const options = { effect: 'read', timeoutMs: 2 * LOOK_MS } as const;
  const found = await around.ctx.step<string | null>(
    `unless ${keyOf(step, around.target)}`,
    options,
    async (scope) => {
      const seen = await look(around, { probe: unless, host }, scope.signal);
      if ('fault' in seen) return null;
      scope.skipped(seen.fits);
      return seen.fits;
    },
  );
  return found ?? undefined;
}

/** Throws when it fails, unless its failure is no reason to stop: then `remark` is told. */
export async function workStep(
  step: Step,
  around: Surroundings,
  remark: (words: string) => void,
): Promise<StepEnd> {
  const key = keyOf(step, around.target);
  try {
    const why = await whyNotNeeded(step, around);
    if (why !== undefined) return { verdict: 'skipped', why };
    const work = () => step.action.work({ ...around, key, host: hostOf(step, around) });
    return await (step.action.byAnotherRun ? lettingGo(around, work) : work());
  } catch (error) {
    if (!isFailure(error) || !step.goesOn) throw error;
    remark(`${key} failed, and its onError is continue: ${messageOf(error)}`);
    return { verdict: 'done', why: '' };
  }
}

/** The lease that a target's run holds while it works on it. */
export function leaseOf({ name }: Target): string {
  return `hypervisor ${name}`;
}

export function takeLease({ ctx, job }: Surroundings, target: Target): Promise<void> {
  return ctx.lease(leaseOf(target), `${job} works on it`);
}

/** Who waits for another run must not hold what that run waits for. */
async function lettingGo<T>(around: Surroundings, work: () => Promise<T>): Promise<T> {
  const { ctx, target } = around;
  if (target === undefined) return work();
  await ctx.release(leaseOf(target));
  const worked = await work();
  await takeLease(around, target);
  return worked;
}

/** Works every step, whatever becomes of those before it; what failed, in words. Only for what puts back. */
export async function workAll(steps: readonly Step[], around: Surroundings): Promise<string[]> {
  const failed: string[] = [];
  for (const step of steps) {
    try {
      await workStep(step, around, (words) => void failed.push(words));
    } catch (error) {
      if (!isFailure(error) && !isCancelled(error)) throw error;
      failed.push(`${keyOf(step, around.target)} failed: ${messageOf(error)}`);
    }
  }
  return failed;
}
