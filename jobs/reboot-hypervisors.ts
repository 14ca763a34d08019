/**
 * Drains hypervisors that need a reboot and reboots them, one at a time.
 *
 * Two counts stop the line. `maxFailed`: hypervisors that were left disabled, because one that does not
 * come back is an incident and two are an outage. `maxGivenBack`: drains that failed and did no harm;
 * one stuck guest must not cost a night, many say that the fault is not the hypervisor's.
 */
import { z } from 'zod';
import { type Context, defineJob } from '../src/context.ts';
import { PermanentError } from '../src/domain/failure.ts';
import { LIST_DOMAINS } from '../src/domain/host-guests.ts';
import { NEXT_KERNEL } from '../src/domain/reboot-need.ts';
import { planReboots, type RebootPlan } from '../src/domain/reboot-order.ts';
import { describeNight, describePlan, type Night, nightMail } from '../src/domain/reboot-report.ts';
import { isCancelled } from '../src/procedures/attempt.ts';
import { REBOOT } from '../src/procedures/reboot.ts';
import { type Ended, rebootHypervisor } from '../src/procedures/reboot-hypervisor.ts';
import { survey } from '../src/procedures/survey.ts';

const PLANNER = import.meta.resolve('../src/domain/reboot-order.ts');

const Names = z.union([
  z.array(z.string().min(1)),
  z.string().transform((names) => names.split(',').map((name) => name.trim())),
]);

const Options = z.strictObject({
  limit: z.int().positive().default(5).describe('Reboot at most this many hypervisors in one run'),
  hosts: Names.default([]).describe('Only these hypervisors, by hypervisor hostname; none named means all'),
  maxFailed: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Go on after this many hypervisors that were left disabled'),
  maxGivenBack: z
    .int()
    .nonnegative()
    .default(3)
    .describe('Go on after this many drains that failed without harm'),
  nextKernel: z
    .string()
    .default(NEXT_KERNEL)
    .describe('Shell command on the host: prints the kernel that boots next'),
  listDomains: z
    .string()
    .default(LIST_DOMAINS)
    .describe('Shell command on the host: prints the active domains'),
  reboot: z.string().default(REBOOT).describe('Shell command on the host: reboots it'),
  mbPerSecond: z
    .number()
    .positive()
    .default(100)
    .describe('What live migration moves, memory and disk together'),
  migrateAtLeastSeconds: z.number().positive().default(300).describe('No migration is aborted before'),
  stopWithinSeconds: z
    .number()
    .positive()
    .default(300)
    .describe('From the request to reboot until it stops answering'),
  backWithinMinutes: z
    .number()
    .positive()
    .default(30)
    .describe('From the request to reboot until all checks pass'),
  pollMs: z.int().positive().default(2000).describe('Pause between two looks at what is under way'),
});

type Ctx = Context<z.output<typeof Options>>;

export default defineJob({
  summary: 'Drain and reboot hypervisors that await a kernel, one at a time',
  options: Options,

  async run(ctx) {
    await ctx.lease('fleet', 'moves servers and reboots hypervisors');
    const plan = await makePlan(ctx);
    if (ctx.acting) await workThrough(ctx, plan);
  },
});

async function makePlan(ctx: Ctx): Promise<RebootPlan> {
  const needs = await survey(ctx);
  const { limit, mbPerSecond } = ctx.options;
  // A job that is not armed at all still shows what it would do.
  const armed = ctx.acting || ctx.armed !== false ? ctx.armed : true;
  const plan = await ctx.step('plan', { effect: 'read' }, async ({ compute }) => {
    const fleet = await ctx.cloud.fleet();
    return compute(PLANNER, planReboots, { fleet, needs, armed, limit, mbPerSecond });
  });
  for (const { name, why } of plan.held) ctx.note({ subject: `hypervisor ${name}`, verdict: 'held', why });
  ctx.report(describePlan(plan, limit));
  return plan;
}

async function workThrough(ctx: Ctx, plan: RebootPlan): Promise<void> {
  const outcomes: Ended[] = [];
  const night = (stopped?: string): Night => ({
    runId: ctx.runId,
    plan,
    limit: ctx.options.limit,
    outcomes,
    ...(stopped === undefined ? {} : { stopped }),
    at: ctx.now(),
  });
  let stopped: string | undefined;

  for (const { name } of plan.order) {
    stopped = whyStop(ctx, outcomes);
    if (stopped !== undefined) break;
    const ended = await rebootHypervisor(ctx, name);
    outcomes.push(ended);
    const verdict = ended.verdict === 'failed' ? 'needs you' : ended.verdict;
    ctx.note({ subject: `hypervisor ${name}`, verdict, why: ended.why });
    ctx.progress(outcomes.length, plan.order.length, 'hypervisors');
    ctx.report(describeNight(night()));
  }
  ctx.report(describeNight(night(stopped)));
  const mail = nightMail(night(stopped));
  if (mail !== undefined && ctx.operators.length > 0)
    await ctx.mail('report', { to: ctx.operators, ...mail });
  endOf(outcomes);
}

function whyStop({ options }: Ctx, outcomes: readonly Ended[]): string | undefined {
  const last = outcomes.at(-1);
  if (last === undefined) return undefined;
  if (isCancelled(last.error)) return last.error.message;
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed').length;
  const givenBack = outcomes.filter(({ verdict }) => verdict === 'given back').length;
  if (failed > options.maxFailed) return `nothing was rebooted after ${last.name}`;
  if (givenBack > options.maxGivenBack) return `${givenBack} drains failed, more than maxGivenBack`;
  return undefined;
}

/**
 * Throws when a person is needed. The failure that stopped the line is thrown as it is: a resumed run
 * goes on from its step. An earlier one has been passed, and what came after it is done.
 */
function endOf(outcomes: readonly Ended[]): void {
  const last = outcomes.at(-1);
  if (last?.error !== undefined) throw last.error;
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
  if (failed.length > 0) throw new PermanentError(`left disabled for a person: ${failed.join(', ')}`);
}
