/** The run that a path names. */
import type { RunRecord } from '../engine/runs.ts';
import type { Desk } from './desk.ts';
import { Problem } from './problem.ts';

/** Rejects with a problem when there is none. */
export async function findRun({ engine, ask }: Desk, id: string): Promise<RunRecord> {
  const run = couldBeRun(id) ? await ask(() => engine.runs.get(id)) : undefined;
  if (run === undefined) throw noRun(engine, id);
  return run;
}

/** What stands in a run's id. Others would reach other keys of Redis, and other files than logs. */
export function couldBeRun(id: string): boolean {
  return /^[\w.~@+-]{1,300}$/.test(id);
}

export function noRun(engine: Desk['engine'], id: string): Problem {
  return new Problem('not-found', engine.sayNone(id));
}
