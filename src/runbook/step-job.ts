/** The step `job`: another run, whose end is waited for. */
import { z } from 'zod';
import type { Json } from '../engine/job.ts';
import { DONE, Failing, Failure, kindOf } from './kind.ts';
import { fill } from './template.ts';

const Step = z.strictObject({
  job: z.strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'is no name of a job' }),
    options: z.record(z.string(), z.json()).default({}),
  }),
  ...Failing,
});

export const job = kindOf({
  schema: Step,
  notPuttingBack: 'a cancelled run starts no other',
  read: ({ job: { name, options } }) => ({
    says: `run ${name}${Object.keys(options).length === 0 ? '' : ` with ${JSON.stringify(options)}`}`,
    effect: 'idempotent',
    needsHost: false,
    byAnotherRun: true,
    async work({ ctx, key, values }) {
      const { id, state, error } = await ctx.call(key, name, fill(options as Json, values));
      if (state !== 'succeeded')
        throw new Failure(`${id} has ${state}${error === undefined ? '' : `: ${error}`}`);
      return DONE;
    },
  }),
});
