/** Works off long pure computing whose input is too large to be handed to a thread, so that no lease is lost to it. */
import type { StepScope } from '../context.ts';
import type { InTurns } from '../domain/in-turns.ts';

/** Ends early, with the signal's reason, when nobody waits for the step any more. */
export async function worked<T>({ timers, signal }: StepScope, work: InTurns<T>): Promise<T> {
  for (;;) {
    const turn = work.next();
    if (turn.done === true) return turn.value;
    await timers.pause(0, signal);
  }
}
