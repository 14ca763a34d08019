/** Which runs belong together? One that was asked for, and all that it started. */
import type { RunRecord } from '../engine/runs.ts';

export interface Family {
  readonly root: RunRecord;
  /** The root first, then those that it started, directly or not. */
  readonly members: readonly RunRecord[];
}

/** In the order of their roots. A run whose parent is not among them is one that was asked for. */
export function familiesOf(runs: readonly RunRecord[]): Family[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const rootOf = (run: RunRecord): RunRecord => {
    const parent = run.parent === undefined ? undefined : byId.get(run.parent);
    return parent === undefined ? run : rootOf(parent);
  };
  const members = Map.groupBy(runs, (run) => rootOf(run).id);
  return runs
    .filter((run) => rootOf(run) === run)
    .map((root) => ({
      root,
      members: [root, ...(members.get(root.id) ?? []).filter((run) => run !== root)],
    }));
}
