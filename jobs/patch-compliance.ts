/** Tells the owners of servers that are not patched, at the time that the patching terms name, once. */
import { defineJob } from '../src/context.ts';
import { judgeServers, sightsOf } from '../src/procedures/judge-servers.ts';
import { notifyOwners } from '../src/procedures/notify-owners.ts';
import { PatchOptions } from '../src/procedures/patch-settings.ts';
import { reportCompliance } from '../src/procedures/report-compliance.ts';

export default defineJob({
  summary: 'Tell the owners of servers that are not patched what to do, and until when',
  options: PatchOptions,

  async run(ctx) {
    // Two runs that judge or decide upon the same rows would each write theirs over the other's.
    await ctx.lease('patch notices', 'judges servers and writes to their owners');
    const sights = sightsOf(ctx);
    const standing = await judgeServers(ctx, sights);
    const notified = await notifyOwners(ctx, sights, standing);
    await reportCompliance(ctx, notified);
    const { servers, open } = standing;
    return { servers, open, sent: notified.sent.length, held: notified.outlook.held };
  },
});
