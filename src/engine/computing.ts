/** Where does long computing happen? In a thread of its own: one that computes for seconds renews no lease meanwhile. */
import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';

/**
 * Calls the pure function `fn`, which `module` exports under its own name, in another thread and gives
 * back what it returns. Arguments and result are cloned. An aborted `signal` ends the thread and rejects
 * with `AbortError`.
 */
export type Compute = <In extends readonly unknown[], Out>(
  module: string,
  fn: (...args: In) => Out | Promise<Out>,
  ...args: In
) => Promise<Out>;

const KEPT_IDLE_MS = 10_000;
/** In an installation below node_modules Node does not strip types by itself, in no thread. */
const STRIP_TYPES = new URL('../strip-types.js', import.meta.url).href;

/** The process's threads: none until the first call, one core left for those who keep leases. */
let threads: Promise<Piscina> | undefined;

/** `Compute` for one who may be called off by `signal`; `begun` is told of each call. */
export function computing(signal: AbortSignal, begun: (work: Promise<unknown>) => void = () => {}): Compute {
  return (module, { name }, ...args) => {
    threads ??= openThreads();
    const work = threads.then((pool) => pool.run({ module, name, args }, { signal }));
    begun(work);
    return work;
  };
}

async function openThreads(): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  return new Piscina({
    filename: new URL('./computing-thread.ts', import.meta.url).href,
    minThreads: 0,
    maxThreads: Math.max(1, availableParallelism() - 1),
    idleTimeout: KEPT_IDLE_MS,
    execArgv: [...process.execArgv, '--import', STRIP_TYPES],
  });
}
