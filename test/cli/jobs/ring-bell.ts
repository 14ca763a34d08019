/** A site's own job for tests of the command line: rings a bell, and each ring leaves a line in a file. */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/context.ts';
import { PermanentError } from '../../../src/domain/failure.ts';

export default defineJob({
  summary: 'Ring the bell',
  options: z.strictObject({
    times: z.int().positive().default(2).describe('How often it is rung'),
    file: z.string().describe('Where each ring leaves a line'),
    restMs: z.int().nonnegative().default(0).describe('Pause before each ring'),
    trouble: z.enum(['none', 'unclear', 'for good']).default('none').describe('What befalls the last ring'),
  }),

  async run(ctx) {
    const { times, file, restMs, trouble } = ctx.options;
    if (!ctx.acting) return ctx.report({ headline: `Would ring ${times} times.` });
    await ctx.lease('bell', 'rings it');
    for (let n = 1; n <= times; n += 1) {
      await ctx.step(`rest ${n}`, { effect: 'idempotent' }, async ({ signal }) => {
        await sleep(restMs, undefined, { signal });
      });
      await ctx.step(`ring ${n}`, { effect: 'once', disruptive: true }, async ({ attempt }) => {
        const troubled = n === times && attempt === 1;
        if (troubled && trouble === 'for good') throw new PermanentError('the rope tore');
        appendFileSync(file, `ring ${n}\n`);
        if (troubled && trouble === 'unclear') throw new Error('the bell was not heard');
      });
      ctx.note({ subject: `bell ${n}`, verdict: 'rung', why: `it was its turn, the ${n}. of ${times}` });
      ctx.progress(n, times, 'rings');
    }
    return ctx.report({
      headline: `Rang ${times} times.`,
      sheet: {
        columns: ['ring', 'into'],
        rows: Array.from({ length: times }, (_, i) => [i + 1, file]),
      },
    });
  },
});
