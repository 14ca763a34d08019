/** A site's own job for tests: says many lines, each in a step of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/context.ts';

export default defineJob({
  summary: 'Say many lines',
  options: z.strictObject({ lines: z.int().positive().describe('How many') }),

  async run(ctx) {
    for (let i = 0; i < ctx.options.lines; i += 1) {
      await ctx.step(`line ${i}`, { effect: 'read' }, async ({ log, signal }) => {
        await sleep(10, undefined, { signal });
        log.info(`line ${i} ü🙂`, { rest: 'y'.repeat((i * 31) % 301) });
      });
    }
  },
});
