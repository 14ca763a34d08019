/** A site's own job for tests: begins a run that asks first, and does not wait for it. */
import { z } from 'zod';
import { defineJob } from '../../../src/context.ts';

export default defineJob({
  summary: 'Begin a run and leave it to itself',
  options: z.strictObject({ file: z.string().describe('Passed on to the run') }),

  async run(ctx) {
    const child = await ctx.start('later', 'ask-first', { file: ctx.options.file });
    ctx.report({ headline: `${child} goes on by itself.` });
  },
});
