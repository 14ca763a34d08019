/** Stays with a run while it goes on: its log as it grows and its progress, until somebody has seen enough. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../domain/failure.ts';
import type { Engine } from '../engine/engine.ts';
import { isOver, type RunRecord } from '../engine/runs.ts';
import { sayProgress } from './render.ts';
import { renderLogLine, renderProgress } from './render-log.ts';
import { truncate } from './table.ts';
import type { Terminal } from './terminal.ts';

const LOOK_EVERY_MS = 200;
const CHUNK_BYTES = 256 * 1024;

/** Is handed the run's words as they come. */
export interface Listener {
  /** A line of the log, as it lies in its file. */
  line(json: string): void;
  /** The run as it is now, after each look. */
  look(run: RunRecord): void;
}

export interface Following {
  readonly listener: Listener;
  /** First byte of the log to read; the whole log if left out. */
  readonly from?: number;
  readonly until: (run: RunRecord) => boolean;
  /** Aborts when nobody looks on any more. */
  readonly signal?: AbortSignal;
}

/** Resolves with the run as it is when `until` says so or `signal` aborts; all of its log was handed over by then. */
export async function followRun(
  engine: Engine,
  id: string,
  { listener, from = 0, until, signal }: Following,
): Promise<RunRecord> {
  const decoder = new TextDecoder();
  let next = from;
  let rest = '';
  for (;;) {
    const run = await engine.runs.get(id);
    if (run === undefined) throw new Error(`run ${id} is gone`);
    for (;;) {
      const chunk = engine.logs.read(id, next, CHUNK_BYTES);
      if (chunk.text.length === 0) break;
      next = chunk.next;
      const lines = (rest + decoder.decode(chunk.text, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) listener.line(line);
    }
    listener.look(run);
    if (until(run) || signal?.aborted) return run;
    await sleep(LOOK_EVERY_MS, undefined, signal && { signal }).catch(ignoreAbort);
  }
}

/** True when neither the run nor one that it waits for goes further by itself, or not soon. */
export function isSettled({ state, children }: Pick<RunRecord, 'state' | 'children'>): boolean {
  if (state !== 'waiting') return isOver(state) || state === 'needs-decision';
  return !children.some((child) => child.state === 'queued' || child.state === 'running');
}

/** The log as it grows, and under it a bar; where nothing can be overwritten, a line for each step forward. */
export function showLog(terminal: Terminal): Listener {
  let said = '';
  return {
    line: (json) => terminal.say(renderLogLine(json)),
    look({ progress }) {
      if (progress === undefined) return;
      const words = sayProgress(progress);
      if (!terminal.interactive && words !== said) terminal.say(words);
      said = words;
      terminal.transient(renderProgress(progress, terminal.width));
    },
  };
}

/** One line that changes: how far it is, and what it does just now. Nothing where that cannot be. */
export function showStatus(terminal: Terminal): Listener {
  let latest = '';
  return {
    line(json) {
      latest = renderLogLine(json);
    },
    look({ progress }) {
      const bar = progress === undefined ? '' : `${renderProgress(progress, terminal.width)}  `;
      terminal.transient(truncate(`${bar}${latest}`, terminal.width - 1));
    },
  };
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw new Error(messageOf(error));
}
