/**
 * The log of a run as server-sent events, while it grows: one event for each line, whose id is the number of the
 * byte behind it. Whoever says that id when coming back misses no line and gets none twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isOver, type RunState } from '../engine/runs.ts';
import { RedisAway } from './ask-redis.ts';
import type { Desk } from './desk.ts';

const CHUNK_BYTES = 256 * 1024;
const COME_BACK_MS = 1000;
const NEWLINE = '\n'.charCodeAt(0);

export interface Following {
  readonly run: string;
  /** First byte to send. */
  readonly from: number;
  /** Aborts when nobody listens any more. */
  readonly signal: AbortSignal;
}

/** Ends with an event `end` when the run is over; without one when the server closes or nobody listens. */
export async function* followLog(desk: Desk, { run, from, signal }: Following): AsyncGenerator<string> {
  const { heartbeatMs, lookMs } = desk.limits;
  yield `retry: ${COME_BACK_MS}\n\n`;
  let spokeAt = performance.now();
  let at = from;
  let begun = Buffer.alloc(0);
  while (!signal.aborted) {
    // First the state, then the log: what is written before the end is sent before it is told.
    const state = await stateOf(desk, run);
    const over = state !== undefined && isOver(state);
    for (;;) {
      const { text } = desk.engine.logs.read(run, at + begun.length, CHUNK_BYTES);
      if (text.length === 0 || signal.aborted) break;
      begun = Buffer.concat([begun, text]);
      const whole = begun.lastIndexOf(NEWLINE) + 1;
      if (whole === 0) continue;
      yield eventsOf(begun.subarray(0, whole), at);
      at += whole;
      begun = begun.subarray(whole);
      spokeAt = performance.now();
    }
    if (over) {
      yield `event: end\ndata: ${JSON.stringify({ state })}\n\n`;
      return;
    }
    if (performance.now() - spokeAt >= heartbeatMs) {
      yield ':\n\n';
      spokeAt = performance.now();
    }
    await sleep(lookMs, undefined, { signal }).catch(() => {});
  }
}

/** Undefined while Redis is away: the log may go on all the same. */
async function stateOf({ engine, ask }: Desk, run: string): Promise<RunState | undefined> {
  try {
    return await ask(() => engine.runs.state(run));
  } catch (error) {
    if (error instanceof RedisAway) return undefined;
    throw error;
  }
}

/** One event for each of the lines, which begin at byte `at`. */
function eventsOf(lines: Buffer, at: number): string {
  const events: string[] = [];
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(NEWLINE, start) + 1;
    events.push(`id: ${at + end}\ndata: ${lines.toString('utf8', start, end - 1)}\n\n`);
    start = end;
  }
  return events.join('');
}
