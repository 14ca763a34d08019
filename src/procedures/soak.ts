/** Watches a hypervisor that has been given back, before anything else is begun. */
import type { Context } from '../context.ts';
import { describeCordon, rebootReason } from '../domain/cordon.ts';
import { PermanentError } from '../domain/failure.ts';
import { serverName } from '../domain/names.ts';
import { sayCount, sayDuration, sayList } from '../domain/say.ts';
import { disableAgain, enableAgain } from './cordon-again.ts';

export interface SoakSettings {
  readonly soakMinutes?: number;
}

type Health =
  | { readonly is: 'well' }
  | { readonly is: 'sick'; readonly why: string }
  /** Somebody else has taken it out of service. */
  | { readonly is: 'theirs'; readonly why: string };

const LOOK_EVERY_MS = 30_000;
/** Looks that see nothing are no fault of the hypervisor, but they cannot go on for ever. */
const BLIND_MS = 60 * 60_000;

/**
 * Parks the run for `soakMinutes` and looks now and then: its service is up and enabled, and no server on it
 * has gone into ERROR. What is sick is disabled again, and that is the permanent error; a run that is resumed
 * looks afresh. Answers what there is to say of it.
 */
export async function soak(ctx: Context<SoakSettings>, name: string): Promise<string | undefined> {
  const soakMs = (ctx.options.soakMinutes ?? 0) * 60_000;
  if (soakMs === 0) return undefined;
  const known = await ctx.step(`errors on ${name} before its soak`, { effect: 'read' }, async () =>
    (await errorsOn(ctx, name)).map(({ id }) => id),
  );
  const wait = {
    why: `${name} to prove itself for ${sayDuration(soakMs)}`,
    withinMs: soakMs + BLIND_MS,
    everyMs: Math.min(LOOK_EVERY_MS, soakMs / 4),
  };
  const seen = await ctx.waitUntil<Health>(`soak of ${name}`, wait, async ({ since, now }) => {
    const health = await healthOf(ctx, name, known);
    const isOver = now().getTime() - since.getTime() >= soakMs;
    return isOver || health.is !== 'well' ? health : undefined;
  });
  if (seen.is === 'well') return undefined;
  if (seen.is === 'theirs') return seen.why;
  return takeOut(ctx, { name, known, why: seen.why });
}

/** A run that was resumed finds its own reason: then a person has looked, and what counts is how it is now. */
async function takeOut(
  ctx: Context<unknown>,
  { name, known, why }: { name: string; known: readonly string[]; why: string },
): Promise<undefined> {
  await ctx.step(`take ${name} out after its soak`, { effect: 'idempotent' }, async (scope) => {
    const { disabled } = await ctx.cloud.service(name);
    const isResumed = disabled === rebootReason(ctx.runId);
    const health = isResumed ? await healthOf(ctx, name, known) : ({ is: 'sick', why } as const);
    if (health.is !== 'sick') {
      scope.skipped('it is well again');
      await enableAgain(ctx, name);
      return;
    }
    await disableAgain(ctx, name);
    throw new PermanentError(`it did not keep well after its reboot: ${health.why}`);
  });
  return undefined;
}

async function healthOf(ctx: Context<unknown>, name: string, known: readonly string[]): Promise<Health> {
  const { disabled, up, forcedDown } = await ctx.cloud.service(name);
  if (disabled !== undefined && disabled !== rebootReason(ctx.runId))
    return { is: 'theirs', why: describeCordon(disabled) };
  if (forcedDown || !up)
    return { is: 'sick', why: `its compute service is ${forcedDown ? 'forced ' : ''}down` };
  const fresh = (await errorsOn(ctx, name)).filter(({ id }) => !known.includes(id));
  if (fresh.length === 0) return { is: 'well' };
  const servers = sayCount(fresh.length, 'server');
  return { is: 'sick', why: `${servers} on it went into ERROR: ${sayList(fresh.map(serverName), 3)}` };
}

async function errorsOn({ cloud }: Context<unknown>, name: string) {
  const { servers } = await cloud.occupancy(name);
  return servers.filter(({ status, hypervisor }) => status === 'ERROR' && hypervisor === name);
}
