/** Small jobs and gates from which the engine's tests are made. */
import { z } from 'zod';
import type { EngineContext, Job, Json } from '../../../src/engine/job.ts';

export type Context = EngineContext<{ name?: string | undefined }>;

export const CLI = { options: {}, trigger: { kind: 'cli', by: 'kim' }, acting: true } as const;
export const KIM = { by: 'kim', why: 'looked at it' };

export function jobOf(run: (ctx: Context) => Promise<Json | void>, timeoutMs?: number): Job {
  return {
    summary: 'Try something',
    options: z.strictObject({ name: z.string().optional() }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    run: (ctx) => run(ctx as Context),
  };
}

/** Something that a test waits for, or lets others wait for. */
export interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

/** Rejects as soon as the signal aborts, as a well-behaved effect does. */
export function until(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
