/** How the nights of a campaign that is not armed compare with what operators did. Changes nothing. */
import { z } from 'zod';
import { defineJob } from '../src/context.ts';
import { NEXT_KERNEL } from '../src/domain/reboot-need.ts';
import {
  agreementOf,
  bootsOf,
  compareShadow,
  countShadow,
  SHADOW,
  type ShadowNight,
} from '../src/domain/shadow.ts';
import { describeShadow } from '../src/domain/shadow-report.ts';
import { attempt } from '../src/procedures/attempt.ts';
import { survey } from '../src/procedures/survey.ts';

const COMPARER = import.meta.resolve('../src/domain/shadow.ts');

const Options = z.strictObject({
  since: z.iso.date().optional().describe('Nights from this day on, as 2026-11-24 in UTC; all if left out'),
  nextKernel: z
    .string()
    .default(NEXT_KERNEL)
    .describe('Shell command on the host: prints the kernel that boots next'),
  shown: z.int().positive().default(20).describe('Tell so many hypervisors of a kind one by one'),
});

export default defineJob({
  summary: 'Compare what campaigns that are not armed would have done with what operators did',
  options: Options,

  async run(ctx) {
    const { since = '', shown } = ctx.options;
    const nights = await ctx.step('nights', { effect: 'read' }, async ({ table }) => {
      const all = await table(SHADOW).all<ShadowNight>();
      return [...all.values()].filter(({ at }) => at >= since).toSorted((a, b) => (a.at < b.at ? -1 : 1));
    });
    if (nights.length === 0) return ctx.report(describeShadow({ nights, cases: [] }, shown));
    const asked = await attempt(() => survey({ ...ctx, options: { ...ctx.options, hosts: [] } }));
    const now = asked.ok ? { at: ctx.now().toISOString(), boots: bootsOf(asked.value) } : undefined;
    const cases = await ctx.step('comparison', { effect: 'read' }, ({ compute }) =>
      compute(COMPARER, compareShadow, nights, now),
    );
    ctx.report(describeShadow({ nights, cases, ...(!asked.ok && { blind: asked.error.message }) }, shown));
    return { nights: nights.length, ...agreementOf(cases), counts: countShadow(cases) };
  },
});
