/** The step `ssh`: one command on a hypervisor. */
import { z } from 'zod';
import { PermanentError } from '../domain/failure.ts';
import type { Effect, StepScope, Verdict } from '../engine/job.ts';
import { mismatch } from './expectation.ts';
import { Acting, checkActing, DONE, kindOf, type Place, type StepEnd } from './kind.ts';
import { look, runCommand, sayCommand, wordsOf } from './run-command.ts';
import { Command, Expectation } from './shapes.ts';

/** What is not declared could do harm when it is repeated. */
const EFFECT: Effect = 'once';
const TIMEOUT_MS = 10 * 60_000;
/** The step outlives its command, so that how the command ended is what people read. */
const MARGIN_MS = 60_000;
const TRIES = 3;

const Step = z
  .strictObject({
    ssh: Command,
    on: z.string().min(1).optional(),
    ...Acting,
    expect: Expectation.prefault({}),
  })
  .superRefine((step, ctx) => checkActing({ ...step, effect: step.effect ?? EFFECT }, ctx));

type Ssh = z.output<typeof Step>;

export const ssh = kindOf({
  schema: Step,
  read: (step) => ({
    says: sayCommand(step.ssh),
    effect: step.effect ?? EFFECT,
    needsHost: true,
    ...(step.unless === undefined ? {} : { unless: step.unless }),
    work: (at) => work(step, at),
  }),
});

async function work(step: Ssh, at: Place): Promise<StepEnd> {
  const { ctx, key, values, host = '', puttingBack } = at;
  const { effect = EFFECT, verify, retry, timeout: timeoutMs = TIMEOUT_MS } = step;
  const argv = wordsOf(step.ssh, values);
  const once = effect === 'once' || effect === 'verify';
  await ctx.step<void>(
    key,
    {
      effect,
      inputs: { host, argv },
      disruptive: effect !== 'read' && !puttingBack,
      timeoutMs: timeoutMs + MARGIN_MS,
      retry:
        retry === undefined
          ? { tries: TRIES }
          : { tries: retry.tries, firstMs: retry.pause, maxMs: retry.pause },
      ...(verify === undefined
        ? {}
        : {
            verify: async ({ signal }: StepScope): Promise<Verdict<void>> => {
              const seen = await look(at, { probe: verify, host }, signal);
              return 'fits' in seen ? { happened: 'yes', value: undefined } : { happened: 'no' };
            },
          }),
    },
    async (scope) => {
      const result = await runCommand(ctx, { host, argv, timeoutMs, once }, scope);
      const fault = mismatch(result, step.expect, { values, probe: false });
      if (fault === undefined) return;
      if (retry === undefined) throw new PermanentError(fault);
      throw Object.assign(new Error(fault), { retryable: true });
    },
  );
  return DONE;
}
