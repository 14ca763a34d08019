/** Moves servers wave after wave, each looked at anew, until the plan is done or something stops the line. */
import { closingsOf } from '../domain/emptying.ts';
import type { Baseline } from '../domain/gate.ts';
import { sayCount } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import { type Checked, checkWaveNow } from './check-wave.ts';
import type { Defragmenting } from './defragment-settings.ts';
import type { Emptied } from './emptied.ts';
import { whyRed } from './gate.ts';
import type { Migrated } from './guest.ts';
import { whyOutside } from './in-window.ts';
import { migrate } from './migrate.ts';
import { type NightPlan, planAgain } from './plan-defragmentation.ts';
import { endReservation, reserve } from './reserve.ts';
import { noteMoves } from './see-fleet.ts';

/** What ended the line before all was done. */
export interface Stop {
  readonly stopped?: string;
  readonly red?: true;
}

/** `anew`: what is left has to be planned again, and why. */
type WaveEnd = Stop & { readonly anew?: string };

/** The world changes under a plan; one that has to be made so often is a matter for a person. */
const MOST_PLANS = 6;

/** Adds to `night` what becomes of each server and hypervisor. Throws when the run is cancelled. */
export async function workWaves(
  ctx: Defragmenting,
  first: NightPlan,
  { night, baseline }: { readonly night: Emptied; readonly baseline: Baseline },
): Promise<Stop> {
  let plan = first;
  for (let round = 1; ; round += 1) {
    const { anew, ...stop } = await workPlan(ctx, { plan, round, night, baseline });
    if (anew === undefined) return stop;
    if (round === MOST_PLANS) return { stopped: `planned ${MOST_PLANS} times, and ${anew}` };
    ctx.log.info('what is left is planned anew', { why: anew });
    const again = await attempt(() =>
      planAgain(ctx, {
        round: round + 1,
        before: first,
        movesLeft: Math.max(0, ctx.options.maxMoves - night.asked),
        spoilt: [...night.spoilt.keys()],
        stay: Object.fromEntries([...night.failed].map(([id, { why }]) => [id, why])),
      }),
    );
    if (!again.ok) return { stopped: `it cannot be planned anew: ${again.error.message}` };
    plan = again.value;
    await giveUp(ctx, { night, plan, why: anew });
    if (plan.stopped !== null) return { stopped: plan.stopped };
    if (plan.plan.moves === 0) return {};
  }
}

interface Working {
  readonly plan: NightPlan;
  readonly round: number;
  readonly night: Emptied;
  readonly baseline: Baseline;
}

async function workPlan(ctx: Defragmenting, working: Working): Promise<WaveEnd> {
  const { plan, round, night } = working;
  const { waves, emptied } = plan.plan;
  const closings = closingsOf(waves, emptied);
  night.expect(night.done + plan.plan.moves);
  for (const [index, wave] of waves.entries()) {
    const label = `wave ${round}.${index + 1}`;
    const later = new Set(waves.slice(index + 1).flatMap((each) => each.map(({ server }) => server)));
    const before = { label, wave, next: waves[index + 1] ?? [], closing: closings[index] ?? [], later };
    const end = await workWave(ctx, working, before);
    night.tell(ctx);
    if (end.anew !== undefined || end.stopped !== undefined) return end;
  }
  const late = await lookForLate(ctx, working);
  return late === null ? {} : { anew: late };
}

interface Before {
  readonly label: string;
  readonly wave: NightPlan['plan']['waves'][number];
  readonly next: NightPlan['plan']['waves'][number];
  readonly closing: readonly string[];
  /** Servers that move again after it: they stop over. */
  readonly later: ReadonlySet<string>;
}

/** A frozen run waits before it looks at anything, so that it does not act on what it saw hours ago. */
async function workWave(
  ctx: Defragmenting,
  { plan, night, baseline }: Working,
  before: Before,
): Promise<WaveEnd> {
  const { label, wave, closing } = before;
  await ctx.step(`begin ${label}`, { effect: 'idempotent', disruptive: true }, async () => {});
  const stopped = await whyStop(ctx, night, before);
  if (stopped !== null) return { stopped };
  const { red } = await whyRed(ctx, wave[0]?.from ?? '', baseline, `gate before ${label}`);
  if (red !== null) return { stopped: red, red: true };

  const checked = await attempt(() => checkWaveNow(ctx, { ...before, until: plan.until }, night));
  if (!checked.ok) return { stopped: `nothing more is moved: ${checked.error.message}` };
  const { stopped: broken, misfits } = checked.value;
  if (broken !== null) return { stopped: broken };
  night.drop(ctx, checked.value.dropped);
  const [misfit] = misfits;
  if (misfit !== undefined) return { anew: `${misfit.name} fits no more: ${misfit.why}` };
  for (const name of closing.filter((each) => !night.closed.has(each))) {
    const closed = await reserve(ctx, name, plan.until);
    if (closed.ours) night.closed.add(name);
    else night.spoilt.set(name, closed.why);
    if (!closed.ours) return { anew: `${name} is ${closed.why}` };
  }
  return moveAll(ctx, { before, checked: checked.value, night });
}

async function whyStop(ctx: Defragmenting, night: Emptied, before: Before): Promise<string | null> {
  const { maxFailed } = ctx.options;
  if (night.failed.size > maxFailed)
    return `${sayCount(night.failed.size, 'migration')} failed, more than maxFailed=${maxFailed}`;
  const needMs = Math.max(0, ...before.wave.map(({ seconds = 0 }) => seconds)) * 1000;
  return whyOutside(ctx, `window before ${before.label}`, needMs);
}

/** Those of one cluster one after the other, all else at once. Returns when all have ended. */
async function moveAll(
  ctx: Defragmenting,
  { before, checked, night }: { before: Before; checked: Checked; night: Emptied },
): Promise<WaveEnd> {
  const { label, later } = before;
  let anew: string | undefined;
  const moved: string[] = [];
  for (const part of apart(checked.moves)) {
    const ends = await Promise.allSettled(part.map((one) => moveOne(ctx, { one, label, night })));
    for (const end of ends) {
      if (end.status === 'rejected') throw end.reason as Error;
      const { id, migrated, strayed } = end.value;
      if (migrated?.how === 'moved' && !later.has(id)) moved.push(id);
      anew ??= strayed;
    }
  }
  await ctx.step(`remember ${label}`, { effect: 'idempotent' }, (scope) => noteMoves(ctx, scope, moved));
  return anew === undefined ? {} : { anew };
}

type Going = Checked['moves'][number];

interface Gone {
  readonly id: string;
  readonly migrated?: Migrated;
  /** Why the plan does not hold any more. */
  readonly strayed?: string;
}

async function moveOne(
  ctx: Defragmenting,
  { one, label, night }: { one: Going; label: string; night: Emptied },
): Promise<Gone> {
  const { guest, from, to } = one;
  night.ask(from, guest);
  const key = `move ${guest.id} to ${to}, ${label}`;
  const ended = await attempt(() => migrate(ctx, { guest, from, key, onlyThere: true }));
  if (!ended.ok) {
    night.fail(ctx, guest, ended.error.message);
    return { id: guest.id, strayed: ended.error.message };
  }
  const migrated = ended.value;
  night.finish(ctx, guest, migrated);
  const strayed =
    migrated.how === 'moved' && migrated.to !== to ? `${guest.name} went to ${migrated.to}` : undefined;
  return { id: guest.id, migrated, ...(strayed !== undefined && { strayed }) };
}

function apart(moves: readonly Going[]): Going[][] {
  const parts: Going[][] = [];
  for (const move of moves) {
    const { cluster } = move.guest;
    const part = parts.find(
      (each) => cluster === null || each.every(({ guest }) => guest.cluster !== cluster),
    );
    if (part === undefined) parts.push([move]);
    else part.push(move);
  }
  return parts;
}

/** Servers that came before their hypervisor was closed; null when there are none. */
async function lookForLate(ctx: Defragmenting, { plan, round, night }: Working): Promise<string | null> {
  if (plan.plan.moves === 0) return null;
  const looked = await attempt(() =>
    ctx.step(`look after plan ${round}`, { effect: 'read' }, async () => {
      const { servers } = await ctx.cloud.fleet();
      const late = servers.find((one) => night.closed.has(one.hypervisor) && night.isInTheWay(ctx, one));
      return late === undefined ? null : `${late.name} came to ${late.hypervisor} before it was closed`;
    }),
  );
  return looked.ok ? looked.value : null;
}

/** What a new plan does not empty any more serves again at once. */
async function giveUp(
  ctx: Defragmenting,
  { night, plan, why }: { night: Emptied; plan: NightPlan; why: string },
): Promise<void> {
  const wanted = new Set([...plan.plan.emptied, ...plan.emptyNow]);
  for (const name of [...night.closed].filter((each) => !wanted.has(each))) {
    const ended = await endReservation(ctx, name, { run: ctx.runId, moved: night.movedOff(name) });
    night.giveBack(ctx, name, { ended, why });
  }
}
