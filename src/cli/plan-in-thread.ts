/** How does a person see that a plan is being made, and end that? */
import type { DefragmentPlan, DefragmentPolicy } from '../domain/defragment-plan.ts';
import type { FleetFile } from '../domain/fleet-file.ts';
import { planUntil } from '../domain/packing/in-thread.ts';
import { computing } from '../engine/computing.ts';
import { renderProgress } from './render-log.ts';
import { terminalOn } from './terminal.ts';

const PLANNER = new URL('../domain/packing/in-thread.ts', import.meta.url).href;

/** The bar changes so often. */
const LOOK_MS = 200;

/**
 * Plans in a thread of its own, with a bar on the terminal behind standard error. When the seconds are over, or
 * `signal` is aborted, it is the best plan so far.
 */
export async function planInThread(
  fleet: FleetFile,
  policy: DefragmentPolicy,
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<DefragmentPlan> {
  // Two numbers that both threads see: whether to end, and the rounds that are done.
  const shared = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const end = (): void => void Atomics.store(shared, 0, 1);
  signal.addEventListener('abort', end);
  const deadline = setTimeout(end, seconds * 1000);
  const began = performance.now();
  // It ends with the rounds or with the time, whichever comes first.
  const stopShowing = showProgress(() => {
    const rounds = Atomics.load(shared, 1) / policy.iterations;
    return Math.max(rounds, (performance.now() - began) / 1000 / seconds);
  });
  try {
    return await computing(new AbortController().signal)(PLANNER, planUntil, fleet, policy, shared);
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', end);
    stopShowing();
  }
}

function showProgress(partDone: () => number): () => void {
  const { stderr } = process;
  const terminal = terminalOn({ out: stderr, err: stderr }, { json: false });
  const show = (): void => {
    const done = Math.min(100, Math.floor(partDone() * 100));
    terminal.transient(renderProgress({ done, total: 100, unit: '%' }, terminal.width));
  };
  const timer = setInterval(show, LOOK_MS);
  return () => {
    clearInterval(timer);
    // Wipes the bar.
    terminal.say();
  };
}
