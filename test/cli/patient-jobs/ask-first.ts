/** A site's own job for tests of the command line: asks before it acts. */
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import { defineJob } from '../../../src/context.ts';

export default defineJob({
  summary: 'Ask first',
  options: z.strictObject({ file: z.string().describe('Where what was answered leaves a line') }),

  async run(ctx) {
    const { answer, by } = await ctx.approval('go on', {
      question: 'Shall it go on?',
      withinMs: 3_600_000,
      otherwise: 'no',
    });
    await ctx.step('act', { effect: 'once' }, async () =>
      appendFileSync(ctx.options.file, `${answer} by ${by}\n`),
    );
    ctx.report({ headline: `${by} said ${answer}.` });
  },
});
