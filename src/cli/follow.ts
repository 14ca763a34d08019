/** Shows a run while it goes on: its log as it grows, its progress, until it ends or waits. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import type { RunRecord } from '../engine/runs.ts';
import { renderLogLine, renderProgress } from './render-log.ts';
import type { Terminal } from './terminal.ts';

const LOOK_EVERY_MS = 200;
const CHUNK_BYTES = 256 * 1024;

/**
 * Prints what is in the log from `from` on and, unless `once`, goes on until the run has ended, waits
 * for a person, or `until` says so. Resolves with the run as it then is.
 */
export async function followRun(
  engine: Engine,
  id: string,
  { terminal, raw = false, until }: { terminal: Terminal; raw?: boolean; until: (run: RunRecord) => boolean },
): Promise<RunRecord> {
  let start = 0;
  let rest = '';
  for (;;) {
    const run = await engine.runs.get(id);
    if (run === undefined) throw new Error(`run ${id} is gone`);
    for (;;) {
      const { text, next } = engine.logs.read(id, start, CHUNK_BYTES);
      if (text.length === 0) break;
      start = next;
      const lines = (rest + text.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (raw) process.stdout.write(`${line}\n`);
        else terminal.say(renderLogLine(line));
      }
    }
    if (until(run)) return run;
    if (run.progress !== undefined) terminal.transient(renderProgress(run.progress, terminal.width));
    await sleep(LOOK_EVERY_MS);
  }
}
