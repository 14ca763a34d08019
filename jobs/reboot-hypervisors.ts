/**
 * A campaign: which hypervisors need a reboot, in which order, and one after the other in a run of its own.
 * Those whose servers cannot be moved wait in runs that outlive the campaign, so that they hold up nobody.
 *
 * Two counts stop the line. `maxFailed`: hypervisors that were left disabled, because one that does not
 * come back is an incident and two are an outage. `maxGivenBack`: drains that failed and did no harm;
 * one stuck guest must not cost a night, many in a row say that the fault is not the hypervisor's. Whoever was
 * given back goes last from then on, and counts no more, so that the same few stop no other night. And before
 * each there is the gate: a signal that stays red starts nothing more tonight.
 */

import { z } from 'zod';
import { defineJob } from '../src/context.ts';
import { assertConfigured } from '../src/procedures/assert-configured.ts';
import { campaignSettings } from '../src/procedures/campaign-settings.ts';
import { planCampaign } from '../src/procedures/plan-campaign.ts';
import { rememberLives } from '../src/procedures/remember-lives.ts';
import { tellOwnersOf } from '../src/procedures/tell-owners-of-plan.ts';
import { workCampaign } from '../src/procedures/work-campaign.ts';

export default defineJob({
  summary: 'Drain and reboot hypervisors that await a kernel, one at a time',
  options: z.strictObject(campaignSettings),

  async run(ctx) {
    await ctx.lease('fleet', 'moves servers and reboots hypervisors');
    await assertConfigured(ctx, 'settings');
    if (ctx.acting) await rememberLives(ctx);
    const plan = await planCampaign(ctx);
    if (!ctx.acting) return;
    await tellOwnersOf(ctx, plan);
    await workCampaign(ctx, plan);
  },
});
