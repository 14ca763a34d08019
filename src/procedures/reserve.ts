/** Keeps hypervisors empty for the next campaign: disabled under a reason that it knows, and given back in time. */
import type { Context, StepScope } from '../context.ts';
import { describeCordon } from '../domain/cordon.ts';
import { isPermanent, messageOf } from '../domain/failure.ts';
import { enableCommand } from '../domain/reboot-report.ts';
import { RESERVED, type Reservations, type Reserved, reservedReason } from '../domain/reserved.ts';
import { assertWhole, type Cordon, type Moved, subjectOf } from './cordon.ts';

/** Runs that are at work on what they have reserved: run → true. */
const EMPTYING = 'emptying';

/** What became of a reservation that was to end. `taken`: a campaign has the hypervisor now. */
export type Ended =
  | { readonly to: 'service' | 'taken' }
  | { readonly to: 'somebody else' | 'a person'; readonly why: string };

/** To be called inside a step. */
export async function readReservations({ table }: Pick<StepScope, 'table'>): Promise<Reservations> {
  return Object.fromEntries(await table(RESERVED).all<Reserved>());
}

/**
 * Says that this run is about to reserve, and sees to it that at `until` somebody gives back what nobody has
 * taken, whatever becomes of this run. A frozen run gets no further than this.
 */
export async function beginReserving(ctx: Context<unknown>, until: string): Promise<void> {
  await ctx.step('begin to reserve', { effect: 'idempotent', disruptive: true }, async ({ table }) => {
    table(EMPTYING).set(ctx.runId, true);
  });
  await ctx.start('reserved', 'return-reserved', { run: ctx.runId, until });
}

/** `run` reserves nothing more. */
export async function endReserving(ctx: Context<unknown>, run: string): Promise<void> {
  await ctx.step('end of reserving', { effect: 'idempotent' }, async ({ table }) => {
    table(EMPTYING).delete(run);
  });
}

/** The hypervisors that `run` has reserved and still holds; `isOver`: it reserves no more. */
export async function stillReserved(
  scope: Pick<StepScope, 'table'>,
  run: string,
): Promise<{ readonly isOver: boolean; readonly names: readonly string[] }> {
  const reservations = await readReservations(scope);
  const names = Object.keys(reservations).filter((name) => reservations[name]?.run === run);
  return { isOver: (await scope.table(EMPTYING).get(run)) === undefined, names };
}

/** As `cordon`, under the reason by which a campaign knows that it may take the hypervisor over. */
export async function reserve(ctx: Context<unknown>, name: string, until: string): Promise<Cordon> {
  const row: Reserved = { run: ctx.runId, until };
  const reason = reservedReason(row);
  return ctx.step<Cordon>(`reserve ${name}`, { effect: 'idempotent', disruptive: true }, async (scope) => {
    const { disabled } = await ctx.cloud.service(name);
    if (disabled !== undefined && disabled !== reason) {
      const why = describeCordon(disabled);
      scope.skipped(why);
      return { ours: false, why };
    }
    if (disabled === undefined) {
      await ctx.handback.write(subjectOf(name), [`# ${name} is disabled: ${reason}`, enableCommand(name)]);
      await ctx.cloud.cordon(name, reason);
    }
    scope.table(RESERVED).set(name, row);
    return { ours: true };
  });
}

/**
 * Enables the hypervisor again, if it is still disabled under the reason of `run` to the byte. `moved` are the
 * servers that were to leave it: while one of them is not whole, it stays disabled and a person has to look.
 */
export async function endReservation(
  ctx: Context<{ readonly pollMs: number }>,
  name: string,
  { run, moved = [] }: { readonly run: string; readonly moved?: readonly Moved[] },
): Promise<Ended> {
  const options = { effect: 'idempotent', timeoutMs: 20 * 60_000 } as const;
  return ctx.step<Ended>(`give back ${name}`, options, async (scope) => {
    const rows = scope.table(RESERVED);
    const row = await rows.get<Reserved>(name);
    if (row === undefined || row.run !== run) return { to: 'taken' };
    const broken = await whyBroken(ctx, moved, scope);
    if (broken !== undefined) {
      rows.delete(name);
      return { to: 'a person', why: broken };
    }
    const { disabled } = await ctx.cloud.service(name);
    if (disabled === reservedReason(row)) await ctx.cloud.uncordon(name);
    await ctx.handback.clear(subjectOf(name));
    rows.delete(name);
    if (disabled === undefined || disabled === reservedReason(row)) return { to: 'service' };
    return { to: 'somebody else', why: describeCordon(disabled) };
  });
}

async function whyBroken(
  ctx: Context<{ readonly pollMs: number }>,
  moved: readonly Moved[],
  scope: StepScope,
): Promise<string | undefined> {
  try {
    await assertWhole(ctx, moved, scope);
    return undefined;
  } catch (error) {
    // What may pass is tried again by the step itself.
    if (!isPermanent(error)) throw error;
    return messageOf(error);
  }
}
