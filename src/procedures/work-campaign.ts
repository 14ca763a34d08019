/** Works through a campaign's plan, wave after wave, until it is done or something stops the line. */
import { whyNoMoreDrains } from '../domain/failed-drains.ts';
import { PermanentError } from '../domain/failure.ts';
import { type Baseline, NOTHING_WRONG } from '../domain/gate.ts';
import { describeNight, type Night, nightMail, type RebootOutcome } from '../domain/reboot-report.ts';
import { sayList } from '../domain/say.ts';
import { wavesOf } from '../domain/waves.ts';
import { attempt, isCancelled } from './attempt.ts';
import { breakCircuit } from './break.ts';
import { type Campaign, childFor, ruleOf } from './campaign-settings.ts';
import { takeBaseline, whyRed } from './gate.ts';
import { whyOutside } from './in-window.ts';
import type { CampaignPlan } from './plan-campaign.ts';

type Stop = Pick<Night, 'stopped' | 'broken' | 'red' | 'cancelled'>;

/**
 * Each hypervisor in a run of its own. Reports and mails what came of it; throws when one was left disabled
 * for a person, and when the run was cancelled.
 */
export async function workCampaign(ctx: Campaign, plan: CampaignPlan): Promise<void> {
  const outcomes: RebootOutcome[] = [];
  const tell = (how: Stop = {}): Night => {
    const night = { plan, limit: ctx.options.limit, outcomes, at: ctx.now(), ...how };
    ctx.progress(outcomes.length, plan.order.length, 'hypervisors');
    ctx.report(describeNight(night));
    return night;
  };
  const { error, ...how } = await inTurn(ctx, plan, outcomes, tell);

  const mail = nightMail(tell(how));
  if (mail !== undefined && ctx.operators.length > 0)
    await ctx.mail('report', { to: ctx.operators, ...mail });
  if (error !== undefined) throw error;
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
  if (failed.length > 0) throw new PermanentError(`left disabled for a person: ${failed.join(', ')}`);
}

/** Works through the plan until something stops the line: then says what, with the error of a run that was cancelled. */
async function inTurn(
  ctx: Campaign,
  plan: CampaignPlan,
  outcomes: RebootOutcome[],
  tell: () => void,
): Promise<Stop & { readonly error?: Error }> {
  try {
    // Also those that past failures call for are there for people to see.
    if (plan.stopped !== null) {
      await breakCircuit(ctx, 'breakers', { rule: ruleOf(ctx) });
      return { stopped: plan.stopped };
    }
    const baseline = await attempt(async () =>
      plan.order.length === 0 ? NOTHING_WRONG : takeBaseline(ctx, 'baseline'),
    );
    if (!baseline.ok) return { stopped: `nothing started: ${baseline.error.message}`, red: true };
    for (const wave of wavesOf(plan.order, ctx.options.parallelEmpty)) {
      const needMs = Math.max(...wave.map(({ needSeconds }) => needSeconds)) * 1000;
      const first = wave[0]?.name ?? '';
      const stopped =
        whyNoMoreDrains({ outcomes, order: plan.order }, ctx.options.maxGivenBack) ??
        (await whyOutside(ctx, `window before ${first}`, needMs));
      if (stopped !== null) return { stopped };
      const { red, waited } = await whyRedBefore(ctx, wave, baseline.value);
      if (red !== null) return { stopped: red, red: true };
      const late = waited ? await whyOutside(ctx, `window before ${first}, after its gate`, needMs) : null;
      if (late !== null) return { stopped: late };
      const broken = await callWave(ctx, { plan, wave, outcomes, tell });
      if (broken !== null) return { stopped: `nothing was rebooted after ${outcomes.at(-1)?.name}`, broken };
    }
    // Last, because each of them takes room away from the others.
    for (const { name, run } of plan.waits)
      if (run === undefined) await ctx.start(...childFor(ctx, name, { wait: true }));
    return {};
  } catch (error) {
    if (isCancelled(error)) return { stopped: error.message, cancelled: true, error };
    throw error;
  }
}

/** The gate before each of a wave; the first that stays red, and whether time has gone by. */
async function whyRedBefore(ctx: Campaign, wave: CampaignPlan['order'], baseline: Baseline) {
  let waited = false;
  for (const { name } of wave) {
    const gate = await whyRed(ctx, name, baseline);
    waited ||= gate.waited;
    if (gate.red !== null) return gate;
  }
  return { red: null, waited };
}

/** Those of a wave at once; returns once all have ended, with why nothing more is begun, or null. */
async function callWave(
  ctx: Campaign,
  {
    plan,
    wave,
    outcomes,
    tell,
  }: { plan: CampaignPlan; wave: CampaignPlan['order']; outcomes: RebootOutcome[]; tell: () => void },
): Promise<string | null> {
  const soon = stillToDrain(plan, outcomes, wave);
  const ended = await Promise.allSettled(wave.map(({ name }) => callFor(ctx, name, soon)));
  let broken: string | null = null;
  for (const one of ended) {
    if (one.status === 'rejected') continue;
    const { name, verdict, why } = one.value;
    outcomes.push(one.value);
    ctx.note({ subject: `hypervisor ${name}`, verdict: verdict === 'failed' ? 'needs you' : verdict, why });
    if (verdict === 'failed')
      broken = await breakCircuit(ctx, `breakers after ${name}`, breaking(ctx, outcomes));
  }
  tell();
  const lost = ended.find((one) => one.status === 'rejected');
  if (lost !== undefined) throw lost.reason as Error;
  const dubious = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  for (const { name, cancelled, verdict } of dubious)
    if (cancelled || verdict === 'given back') await goOnUnlessCancelled(ctx, name);
  return broken;
}

async function callFor(ctx: Campaign, name: string, soon: readonly string[]): Promise<RebootOutcome> {
  const { id, state, result, notes, error = state } = await ctx.call(...childFor(ctx, name, { soon }));
  if (state === 'succeeded') return { ...(result as Omit<RebootOutcome, 'run'>), run: id };
  const note = notes.find(({ subject }) => subject === `hypervisor ${name}`);
  const why = note?.why ?? error;
  if (state !== 'cancelled') return { name, verdict: 'failed', why, run: id };
  const verdict = note?.verdict === 'needs you' ? 'failed' : 'given back';
  return { name, verdict, why, run: id, cancelled: true };
}

/** A run that was cancelled ends here; one of whose children alone was cancelled goes on. */
async function goOnUnlessCancelled(ctx: Campaign, name: string): Promise<void> {
  await ctx.step(`go on after ${name}`, { effect: 'idempotent', disruptive: true }, async () => {});
}

/** Hypervisors of the plan whose turn comes after this wave: guests that go there would move twice. */
function stillToDrain(
  plan: CampaignPlan,
  outcomes: readonly RebootOutcome[],
  wave: CampaignPlan['order'],
): string[] {
  const over = new Set([...outcomes, ...wave].map(({ name }) => name));
  return plan.order.map(({ name }) => name).filter((name) => !over.has(name));
}

/** What opens a breaker now: past failures by the rule, or those of tonight. */
function breaking(ctx: Campaign, outcomes: readonly RebootOutcome[]) {
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
  const { maxFailed } = ctx.options;
  const many = `${sayList(failed)} ${failed.length === 1 ? 'was' : 'were'} left disabled, and maxFailed=${maxFailed}`;
  return { rule: ruleOf(ctx), tonight: failed.length > maxFailed ? many : undefined };
}
