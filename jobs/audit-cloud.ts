/** By day: what is wrong with the cloud, since when, and the command that ends it. Changes nothing, armed or not. */
import { z } from 'zod';
import { type Context, defineJob } from '../src/context.ts';
import {
  type Audit,
  auditMail,
  auditResult,
  dateFindings,
  describeAudit,
  hasChanged,
  type Known,
  keyOf,
} from '../src/domain/audit-report.ts';
import { NEXT_KERNEL, type RebootNeed } from '../src/domain/reboot-need.ts';
import { attempt } from '../src/procedures/attempt.ts';
import { type Look, lookOver } from '../src/procedures/look-over.ts';
import { needSettings } from '../src/procedures/need-settings.ts';
import { survey } from '../src/procedures/survey.ts';

/** What the last audit found: `keyOf` a finding → `Known`. */
const AUDIT = 'audit';

const { kernels, bootFiles, bootFreeMb } = needSettings;

const Options = z.strictObject({
  askHosts: z.boolean().default(true).describe('Ask every hypervisor by SSH which kernel it boots next'),
  nextKernel: z
    .string()
    .default(NEXT_KERNEL)
    .describe('Shell command on the host: prints the kernel that boots next'),
  kernels,
  bootFiles,
  bootFreeMb,
  mail: z.boolean().default(false).describe('Mail operators what is new and what is gone'),
  shown: z.int().positive().default(20).describe('Tell so many findings of a kind one by one'),
});

type Ctx = Context<z.output<typeof Options>>;

export default defineJob({
  summary: 'List what is wrong with the cloud: leftovers, stuck servers, hypervisors that no drain empties',
  options: Options,

  async run(ctx) {
    const audit = await compare(ctx, await lookOver(ctx, await askNeeds(ctx)));
    ctx.report(describeAudit(audit, ctx.options.shown));
    return auditResult(audit);
  },
});

async function askNeeds(ctx: Ctx) {
  if (!ctx.options.askHosts) return { none: 'no host was asked (askHosts=false)' };
  const asked = await attempt(() => survey({ ...ctx, options: { ...ctx.options, hosts: [] } }));
  if (!asked.ok) return { none: `no host could be asked: ${asked.error.message}` };
  const [first, ...others] = Object.values(asked.value);
  // One cause that all have in common is no matter of each of them.
  if (first === undefined || others.length === 0 || Object.values(asked.value).some(isClear))
    return asked.value;
  return { none: `no host could tell: ${first.why}` };
}

function isClear({ need }: RebootNeed): boolean {
  return need !== 'unclear';
}

/** Remembers what was found, and tells operators where they want to hear of it. */
async function compare(ctx: Ctx, { findings, ...look }: Look): Promise<Audit> {
  return ctx.step('compare with the last audit', { effect: 'read' }, async (scope) => {
    const { table } = scope;
    const known = await table(AUDIT).all<Known>();
    const audit: Audit = { ...look, ...dateFindings(findings, known, look) };
    for (const finding of audit.findings) {
      const { kind, subject, since, isNew } = finding;
      if (isNew) table(AUDIT).set(keyOf(finding), { kind, subject, since });
    }
    for (const { key } of audit.gone) table(AUDIT).delete(key);
    if (ctx.options.mail && hasChanged(audit) && ctx.operators.length > 0)
      scope.mail('audit', { to: ctx.operators, ...auditMail(audit, ctx.options.shown) });
    return audit;
  });
}
