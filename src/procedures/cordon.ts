/** Takes a hypervisor out of service under our reason, and gives it back while the reason is still ours. */
import type { Context, StepScope } from '../context.ts';
import { describeCordon, rebootReason } from '../domain/cordon.ts';
import { PermanentError } from '../domain/failure.ts';
import type { Server } from '../domain/fleet.ts';
import { isFinal } from '../domain/migration.ts';
import { serverName } from '../domain/names.ts';
import { enableCommand } from '../domain/reboot-report.ts';
import { RESERVED, type Reserved, reservedReason } from '../domain/reserved.ts';
import { sayCount, sayList } from '../domain/say.ts';
import { poll } from './pause.ts';

/** A server that a drain asked to move, or to stop. */
export type Moved = {
  readonly id: string;
  readonly name: string;
  readonly by: 'live' | 'cold' | 'stop';
  /** The newest action of one to be stopped, before we asked. */
  readonly action: string | null;
};

export type Cordon = { readonly ours: true } | { readonly ours: false; readonly why: string };

/** `left`: somebody else has disabled it meanwhile, so it is theirs. */
export type GivenBack = { readonly to: 'service' } | { readonly to: 'somebody else'; readonly why: string };

/** How long a migration that outlived its drain is waited for. */
const SETTLE_MS = 15 * 60_000;

/**
 * Disables the hypervisor's compute service, unless it is disabled already: then it is somebody else's. One that
 * is only kept empty for a campaign is taken over, and given back as one that was enabled. The way back is
 * written down first. Repeating it finds our own reason.
 */
export async function cordon(ctx: Context<unknown>, name: string): Promise<Cordon> {
  const reason = rebootReason(ctx.runId);
  return ctx.step<Cordon>(`cordon ${name}`, { effect: 'idempotent', disruptive: true }, async (scope) => {
    const { disabled } = await ctx.cloud.service(name);
    const kept = await scope.table(RESERVED).get<Reserved>(name);
    const isKept = kept !== undefined && disabled === reservedReason(kept);
    if (disabled !== undefined && disabled !== reason && !isKept) {
      const why = describeCordon(disabled);
      scope.skipped(why);
      return { ours: false, why };
    }
    if (kept !== undefined) scope.table(RESERVED).delete(name);
    if (disabled === reason) return { ours: true };
    await ctx.handback.write(subjectOf(name), [`# ${name} is disabled: ${reason}`, enableCommand(name)]);
    await ctx.cloud.cordon(name, reason);
    return { ours: true };
  });
}

/**
 * Enables the hypervisor again if its reason is still ours to the byte. `moved` are the servers that its
 * drain touched: while one of them is not whole, this fails and the hypervisor stays disabled.
 */
export async function giveBack(
  ctx: Context<{ readonly pollMs: number }>,
  name: string,
  moved: readonly Moved[] = [],
): Promise<GivenBack> {
  const reason = rebootReason(ctx.runId);
  const options = { effect: 'idempotent', timeoutMs: SETTLE_MS + 5 * 60_000 } as const;
  return ctx.step<GivenBack>(`uncordon ${name}`, options, async (scope) => {
    await assertWhole(ctx, moved, scope);
    const { disabled } = await ctx.cloud.service(name);
    if (disabled === reason) await ctx.cloud.uncordon(name);
    await ctx.handback.clear(subjectOf(name));
    if (disabled === undefined || disabled === reason) return { to: 'service' };
    const why = describeCordon(disabled);
    scope.skipped(why);
    return { to: 'somebody else', why };
  });
}

/** Why nothing may be done to it that only a cordon allows; undefined while it is disabled for this run. */
export async function whyNotOurs(ctx: Context<unknown>, name: string): Promise<string | undefined> {
  const { disabled } = await ctx.cloud.service(name);
  if (disabled === rebootReason(ctx.runId)) return undefined;
  return disabled === undefined
    ? 'it was enabled meanwhile, so servers may land on it'
    : describeCordon(disabled);
}

/** Waits for migrations under way, then fails with every server that did not come out of them whole. */
export async function assertWhole(
  { cloud, options }: Context<{ readonly pollMs: number }>,
  moved: readonly Moved[],
  { signal, timers }: Pick<StepScope, 'signal' | 'timers'>,
): Promise<void> {
  for (const { id, name } of moved) {
    const over = await poll(async () => ((await isMoving(id)) ? undefined : true), {
      everyMs: options.pollMs,
      withinMs: SETTLE_MS,
      signal,
      timers,
    });
    if (over === undefined)
      throw new PermanentError(`the migration of ${serverName({ id, name })} does not end`);
  }
  // Named as they were: of a server whose cell is down Nova does not know the name.
  const broken = await Promise.all(
    moved.map(async ({ id, name, by }) => {
      const server = await cloud.server(id);
      if (server === undefined || !isBroken(server, by)) return [];
      return [`${serverName({ id, name })} is in ${server.status}`];
    }),
  );
  const faults = broken.flat();
  if (faults.length > 0) {
    const count = sayCount(faults.length, 'server');
    throw new PermanentError(`${count} not whole after the drain: ${sayList(faults)}`);
  }

  async function isMoving(id: string): Promise<boolean> {
    const [latest] = await cloud.migrations(id);
    if (latest !== undefined && latest.kind === 'live-migration' && !isFinal(latest)) return true;
    return (await cloud.server(id))?.task === 'migrating';
  }
}

function isBroken({ status }: Server, by: Moved['by']): boolean {
  if (by === 'cold' && (status === 'RESIZE' || status === 'VERIFY_RESIZE')) return true;
  return status === 'ERROR' || status === 'UNKNOWN';
}

export function subjectOf(name: string): string {
  return `hypervisor ${name}`;
}
