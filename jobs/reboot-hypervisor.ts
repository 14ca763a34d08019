/** Drains one hypervisor that needs a reboot and reboots it: a campaign's child, or by hand. */
import { z } from 'zod';
import { defineJob } from '../src/context.ts';
import { rebootHypervisor } from '../src/procedures/reboot-hypervisor.ts';
import { rebootSettings } from '../src/procedures/reboot-settings.ts';

const Options = z.strictObject({
  hypervisor: z.string().min(1).describe('Its hypervisor hostname'),
  wait: z
    .boolean()
    .default(false)
    .describe('Disable it and wait while servers are aboard that cannot be moved; else it is left alone'),
  gated: z
    .boolean()
    .default(false)
    .describe('Begin without a look at the gate: the campaign that calls this has looked'),
  ...rebootSettings,
});

export default defineJob({
  summary: 'Drain and reboot one hypervisor that awaits a kernel',
  options: Options,

  async run(ctx) {
    const { hypervisor } = ctx.options;
    const { error, evidence, ...outcome } = await rebootHypervisor(ctx, hypervisor);
    const verdict = outcome.verdict === 'failed' ? 'needs you' : outcome.verdict;
    const shown = evidence === undefined ? {} : { evidence };
    ctx.note({ subject: `hypervisor ${hypervisor}`, verdict, why: outcome.why, ...shown });
    ctx.report({ headline: `${hypervisor}: ${verdict}, ${outcome.why}.` });
    if (error !== undefined) throw error;
    return outcome;
  },
});
