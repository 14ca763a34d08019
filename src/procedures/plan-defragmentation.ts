/** Which servers move where tonight? Has the plan made in a thread of its own, and checks it before it is believed. */
import { z } from 'zod';
import type { StepScope } from '../context.ts';
import type { DefragmentPlan, DefragmentPolicy } from '../domain/defragment-plan.ts';
import { describeMoves, emptyingOf, type PlannedNight } from '../domain/defragment-report.ts';
import { PermanentError } from '../domain/failure.ts';
import { withoutResting } from '../domain/fleet-snapshot.ts';
import { clusterOf } from '../domain/guest-class.ts';
import { whyAllStopped } from '../domain/holds.ts';
import { checkPlan } from '../domain/plan-check.ts';
import { boundServers } from '../domain/plan-clock.ts';
import { planUntil } from '../domain/planner.ts';
import type { RebootNeed } from '../domain/reboot-need.ts';
import { sayCount } from '../domain/say.ts';
import { windowAt } from '../domain/window.ts';
import { worthEmptying } from '../domain/worth-emptying.ts';
import { admissionOf, campaignSettings } from './campaign-settings.ts';
import type { Defragmenting } from './defragment-settings.ts';
import { type Seen, seeFleet } from './see-fleet.ts';
import { survey } from './survey.ts';

const PLANNER = import.meta.resolve('../domain/planner.ts');
const CAMPAIGN = 'reboot-hypervisors';
/** Beside the planner's own time: reading a large fleet, and checking a large plan. */
const READING_MS = 15 * 60_000;

/** What the night is for. */
type Aim = {
  /** Empty hypervisors wanted; null: as many as there can be. */
  readonly most: number | null;
  /** Only these count; null: each does. */
  readonly worth: readonly string[] | null;
};

export type NightPlan = PlannedNight & {
  readonly plan: DefragmentPlan;
  readonly aim: Aim;
  /** Those of the aim that are empty as it is made. */
  readonly emptyNow: readonly string[];
  /** What is empty is kept until then, ISO 8601 in UTC. */
  readonly until: string;
  /** Servers that move and belong to a hard group of affinity, and the cluster of those that have one. */
  readonly bound: readonly string[];
  readonly clusters: Readonly<Record<string, string>>;
};

/** What has become of an earlier plan. */
export interface Again {
  /** From 2 on. */
  readonly round: number;
  readonly before: NightPlan;
  readonly movesLeft: number;
  /** Hypervisors that are not emptied any more. */
  readonly spoilt: readonly string[];
  /** Why servers stay, by id. */
  readonly stay: Readonly<Record<string, string>>;
}

/** Changes nothing. Permanent error when the plan does not stand up to the check. */
export async function planDefragmentation(ctx: Defragmenting): Promise<NightPlan> {
  const needs = ctx.options.wanted === 'campaign' ? await askNeeds(ctx) : null;
  const night = await planStep(ctx, 'plan', async (scope) => {
    const seen = await seeFleet(ctx, scope);
    return {
      seen,
      aim: aimOf(ctx, needs, seen),
      movesLeft: ctx.options.maxMoves,
      until: untilOf(ctx, scope),
    };
  });
  for (const { name, why } of night.held) ctx.note({ subject: `hypervisor ${name}`, verdict: 'held', why });
  ctx.report(describeMoves(night));
  return night;
}

/** On the fleet as it is now, towards the same end. */
export async function planAgain(
  ctx: Defragmenting,
  { round, before, movesLeft, spoilt, stay }: Again,
): Promise<NightPlan> {
  return planStep(ctx, `plan ${round}`, async (scope) => {
    const seen = await seeFleet(ctx, scope, stay);
    const all = before.aim.worth ?? seen.fleet.hypervisors.map(({ name }) => name);
    const aim = { ...before.aim, worth: all.filter((name) => !spoilt.includes(name)) };
    return { seen, aim, movesLeft, until: before.until };
  });
}

interface Question {
  readonly seen: Seen;
  readonly aim: Aim;
  readonly movesLeft: number;
  readonly until: string;
}

async function planStep(
  ctx: Defragmenting,
  key: string,
  ask: (scope: StepScope) => Promise<Question>,
): Promise<NightPlan> {
  const timeoutMs = ctx.options.planSeconds * 1000 + READING_MS;
  return ctx.step<NightPlan>(key, { effect: 'read', timeoutMs }, async (scope) => {
    const question = await ask(scope);
    const { seen, aim, until } = question;
    const file = withoutResting(seen.file);
    const policy = policyOf(ctx, question);
    const plan = await compute(ctx, scope, file, policy);
    const { ok, violations } = checkPlan(file, plan, policy);
    if (!ok) throw new PermanentError(sayViolations(violations.map(({ why }) => why)));
    const isWorth = (name: string): boolean => aim.worth === null || aim.worth.includes(name);
    return {
      plan,
      aim,
      until,
      ...tiesOf(ctx, question.seen, plan),
      emptying: emptyingOf(file, plan),
      emptyNow: emptyIn(seen.file).filter(isWorth),
      held: plan.held.flatMap((one) =>
        'hypervisor' in one && isWorth(one.hypervisor) ? [{ name: one.hypervisor, why: one.why }] : [],
      ),
      stopped: whyAllStopped(seen.holds) ?? null,
    };
  });
}

/** What ties the servers that move to others. */
function tiesOf(
  { options }: Defragmenting,
  { fleet, file }: Seen,
  { waves }: DefragmentPlan,
): Pick<NightPlan, 'bound' | 'clusters'> {
  const moving = new Set(waves.flat().map(({ server }) => server));
  const clusters = fleet.servers.flatMap((server) => {
    const cluster = moving.has(server.id) ? clusterOf(server, options.classes) : undefined;
    return cluster === undefined ? [] : [[server.id, cluster] as const];
  });
  return {
    bound: [...boundServers(withoutResting(file))].filter((id) => moving.has(id)),
    clusters: Object.fromEntries(clusters),
  };
}

/** For no longer than `planSeconds`: then it is the best plan so far. */
async function compute(
  { options }: Defragmenting,
  scope: StepScope,
  file: Seen['file'],
  policy: DefragmentPolicy,
): Promise<DefragmentPlan> {
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const late = scope.timers.after(options.planSeconds * 1000);
  const end = (): void => void Atomics.store(stop, 0, 1);
  late.addEventListener('abort', end, { once: true });
  try {
    return await scope.compute(PLANNER, planUntil, file, policy, stop);
  } finally {
    late.removeEventListener('abort', end);
  }
}

function policyOf({ options }: Defragmenting, { seen, aim, movesLeft }: Question): DefragmentPolicy {
  const { parallel, outPerHypervisor, inPerHypervisor, coolDownHours, keepEmpty, seed, iterations } = options;
  const { most, worth } = aim;
  // The planner counts every empty hypervisor, whatever it is worth.
  const others = worth === null ? 0 : emptyIn(seen.file).filter((name) => !worth.includes(name)).length;
  return {
    maxMoves: movesLeft,
    wanted: most === null ? 'max' : most + others,
    ...(worth !== null && { worth }),
    keepEmpty,
    parallel,
    outPerHypervisor,
    inPerHypervisor,
    coolDownHours,
    maxGibPerHypervisor: options.maxGibPerHypervisor ?? Number.POSITIVE_INFINITY,
    seed,
    iterations,
  };
}

/** Hypervisors that take servers, and on which nothing runs. */
function emptyIn(file: Seen['file']): string[] {
  const { hypervisors, servers } = withoutResting(file);
  const used = new Set(servers.map(({ hypervisor }) => hypervisor));
  return hypervisors.flatMap(({ name, enabled, up }) => (enabled && up && !used.has(name) ? [name] : []));
}

/** The hypervisors' own accounts, by what the next campaign is told to look at. */
async function askNeeds(ctx: Defragmenting): Promise<Readonly<Record<string, RebootNeed>>> {
  return survey({ ...ctx, options: campaignOptions(ctx) });
}

function campaignOptions({ optionsOf }: Defragmenting) {
  return z.object(campaignSettings).parse(optionsOf?.(CAMPAIGN) ?? {});
}

/** As many as the next campaign takes, of those that it could reboot if they were empty. */
function aimOf(
  ctx: Defragmenting,
  needs: Readonly<Record<string, RebootNeed>> | null,
  { fleet, file, holds, keptByOthers }: Seen,
): Aim {
  const { wanted } = ctx.options;
  const less = (most: number): number => Math.max(0, most - keptByOthers);
  if (needs === null) return { most: typeof wanted === 'number' ? less(wanted) : null, worth: null };
  const options = campaignOptions(ctx);
  const left = new Set(file.hypervisors.flatMap(({ name, enabled }) => (enabled ? [] : [name])));
  const could = worthEmptying({ fleet, needs, holds, admission: admissionOf({ options }) });
  const worth = could.filter((name) => !left.has(name));
  return { most: Math.min(less(options.limit), worth.length), worth };
}

/** The end of the window, or of some hours where there is none. */
function untilOf({ window, options }: Defragmenting, { now }: Pick<StepScope, 'now'>): string {
  const current = window && windowAt(window.times, window.zone, now()).current;
  const backBy = options.outsideWindow ? undefined : current?.backBy;
  return (backBy ?? new Date(now().getTime() + options.reserveHours * 3_600_000)).toISOString();
}

function sayViolations(whys: readonly string[]): string {
  const [first = ''] = whys;
  const more = whys.length > 1 ? `, and ${sayCount(whys.length - 1, 'fault')} more` : '';
  return `the plan does not stand up to its check: ${first}${more}; nothing was moved`;
}
