/** A site's own job for tests of the command line: asks the cloud once, with no patience. */
import { z } from 'zod';
import { defineJob } from '../../../src/context.ts';

export default defineJob({
  summary: 'Count the hypervisors',
  options: z.strictObject({}),

  async run(ctx) {
    const names = await ctx.step('count', { effect: 'read', retry: { tries: 1 } }, async () =>
      (await ctx.cloud.fleet()).hypervisors.map(({ name }) => name),
    );
    ctx.report({ headline: `${names.length} hypervisors.`, lines: names });
  },
});
