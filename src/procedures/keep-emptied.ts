/** What was emptied stays disabled for the next campaign, as far as the others can spare it; the rest serves again. */
import type { StepScope } from '../context.ts';
import { describeCordon } from '../domain/cordon.ts';
import { decideDrain } from '../domain/drain-policy.ts';
import { type Chosen, chooseKept } from '../domain/emptying.ts';
import { serverName } from '../domain/names.ts';
import { reservedReason } from '../domain/reserved.ts';
import { sayCount, sayInstant, sayList } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import type { Defragmenting } from './defragment-settings.ts';
import type { Emptied } from './emptied.ts';
import type { NightPlan } from './plan-defragmentation.ts';
import { endReservation, reserve } from './reserve.ts';
import { seeFleet } from './see-fleet.ts';

const CHOOSER = import.meta.resolve('../domain/emptying.ts');
const LOOK_MS = 15 * 60_000;

type Why = { readonly name: string; readonly why: string };

/** `emptied`: those that this run has closed and that are empty now. */
type Standing = {
  readonly emptied: readonly string[];
  readonly keep: readonly string[];
  readonly open: readonly Why[];
};

export interface Kept {
  readonly emptied: readonly string[];
  readonly kept: readonly string[];
}

/**
 * A run that was cancelled keeps nothing. Where the cloud cannot be read, what is closed stays so until somebody
 * gives it back in time.
 */
export async function keepEmptied(
  ctx: Defragmenting,
  plan: NightPlan,
  { night, cancelled }: { readonly night: Emptied; readonly cancelled: boolean },
): Promise<Kept> {
  const closed = [...night.closed];
  const also =
    plan.aim.worth === null || cancelled ? [] : plan.emptyNow.filter((name) => !night.closed.has(name));
  if (closed.length === 0 && also.length === 0) return { emptied: [], kept: [] };
  const looked = await attempt(() => lookAtClosed(ctx, plan, { closed, also, cancelled }));
  if (!looked.ok) {
    for (const name of closed)
      ctx.note({ subject: `hypervisor ${name}`, verdict: 'waits', why: looked.error.message });
    return { emptied: [], kept: [] };
  }
  const { emptied, keep, open } = looked.value;
  for (const { name, why } of open) {
    const ended = await endReservation(ctx, name, { run: ctx.runId, moved: night.movedOff(name) });
    const isEmpty = emptied.includes(name);
    night.giveBack(
      ctx,
      name,
      isEmpty ? { ended, why: `not kept: ${why}`, verdict: 'emptied' } : { ended, why },
    );
  }
  return { emptied, kept: await keepAll(ctx, { night, until: plan.until, keep }) };
}

async function lookAtClosed(
  ctx: Defragmenting,
  { until, aim }: NightPlan,
  { closed, also, cancelled }: { closed: readonly string[]; also: readonly string[]; cancelled: boolean },
): Promise<Standing> {
  return ctx.step<Standing>('what is empty', { effect: 'read', timeoutMs: LOOK_MS }, async (scope) => {
    const full = new Map<string, string>();
    for (const name of closed) {
      const why = (await whyNotClosed(ctx, name, until)) ?? (await whyNotEmpty(ctx, name));
      if (why !== undefined) full.set(name, why);
    }
    const emptied = closed.filter((name) => !full.has(name));
    const late = scope.now() >= new Date(until);
    const whyNone = cancelled
      ? 'the run was cancelled'
      : late
        ? `it is ${sayInstant(new Date(until), 'UTC')}`
        : null;
    const { keep, open } =
      whyNone === null
        ? await choose(ctx, scope, { emptied, also, most: aim.most })
        : { keep: [], open: emptied.map((name) => ({ name, why: whyNone })) };
    const ours = open.filter(({ name }) => closed.includes(name));
    return { emptied, keep, open: [...[...full].map(([name, why]) => ({ name, why })), ...ours] };
  });
}

async function choose(
  ctx: Defragmenting,
  scope: StepScope,
  { emptied, also, most }: { emptied: readonly string[]; also: readonly string[]; most: number | null },
): Promise<Chosen> {
  const { fleet, file } = await seeFleet(ctx, scope);
  const used = new Set(
    fleet.servers.filter((one) => decideDrain(one).does !== 'stays').map((one) => one.hypervisor),
  );
  const open = new Set(file.hypervisors.flatMap(({ name, enabled, up }) => (enabled && up ? [name] : [])));
  const free = also.filter((name) => open.has(name) && !used.has(name));
  const { keepEmpty, pools } = ctx.options;
  const rule = { most: most ?? fleet.hypervisors.length, headroom: { hypervisors: keepEmpty, pools } };
  return scope.compute(CHOOSER, chooseKept, fleet, [...emptied, ...free], rule);
}

/** A person's act is not undone. */
async function whyNotClosed(ctx: Defragmenting, name: string, until: string): Promise<string | undefined> {
  const { disabled } = await ctx.cloud.service(name);
  if (disabled === reservedReason({ run: ctx.runId, until })) return undefined;
  return disabled === undefined ? 'somebody has enabled it meanwhile' : describeCordon(disabled);
}

/** Whatever runs on it, comes to it or leaves it; undefined when nothing does. */
async function whyNotEmpty({ cloud, options }: Defragmenting, name: string): Promise<string | undefined> {
  const { servers, migrations } = await cloud.occupancy(name);
  const there = servers.filter(
    (server) => decideDrain({ ...server, locked: false }, options).does !== 'stays',
  );
  if (there.length > 0)
    return `not empty: ${sayCount(there.length, 'server')} ${there.length === 1 ? 'is' : 'are'} still there: ${sayList(there.map(serverName), 3)}`;
  const [migration] = migrations;
  return migration && `not empty: ${migration.kind} ${migration.id} is ${migration.status}`;
}

/** Those that were empty before are closed only now, because none of the moves needed them. */
async function keepAll(
  ctx: Defragmenting,
  { night, until, keep }: { night: Emptied; until: string; keep: readonly string[] },
): Promise<string[]> {
  const kept: string[] = [];
  for (const name of keep) {
    const closed = night.closed.has(name) ? { ours: true as const } : await reserve(ctx, name, until);
    const why = closed.ours
      ? `empty, and kept for reboot-hypervisors until ${sayInstant(new Date(until), 'UTC')}`
      : closed.why;
    ctx.note({ subject: `hypervisor ${name}`, verdict: closed.ours ? 'kept' : 'held', why });
    if (closed.ours) kept.push(name);
  }
  return kept;
}
