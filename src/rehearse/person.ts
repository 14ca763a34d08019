/** What does a person do in the morning after a night that is rehearsed? */
import { listBreakers, resetBreaker } from '../breakers.ts';
import type { Clients } from '../context.ts';
import type { Engine } from '../engine/engine.ts';
import { answerFromConsole } from '../twin/console.ts';
import type { State } from '../twin/state.ts';

const ASKER = { by: 'rehearsal', why: 'looked at in the morning' };
/** More runs than stay for a person at a time. */
const MOST = 1000;

/**
 * Looks at the consoles to decide about steps whose end nobody saw, and resets the breakers. What was left
 * disabled stays so: repairs take days. Answers how often it had to act.
 */
export async function morning(engine: Engine<Clients>, state: State): Promise<number> {
  let acts = 0;
  const asking = await engine.runs.list({ state: 'needs-decision', limit: MOST });
  for (const { id } of asking) {
    const run = await engine.runs.get(id);
    for (const { key } of run?.steps.filter((step) => step.state === 'unknown') ?? []) {
      const answer = answerFromConsole(key, state);
      if (answer === undefined) continue;
      await engine.acts.decide(id, { step: key, by: ASKER.by, ...answer });
      acts += 1;
    }
  }
  for (const { name, state: open } of await listBreakers(engine.acts)) {
    if (open !== 'open') continue;
    await resetBreaker(engine.acts, { name, ...ASKER }, new Date(state.at));
    acts += 1;
  }
  return acts;
}
