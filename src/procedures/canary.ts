/** A server of our own on a hypervisor that has just come back: does it take guests at all? */
import type { Context, StepScope } from '../context.ts';
import { isRetryable, messageOf, PermanentError } from '../domain/failure.ts';
import { sayDuration } from '../domain/say.ts';
import { disableAgain, enableAgain } from './cordon-again.ts';
import { poll } from './pause.ts';

export interface CanarySettings {
  readonly canary?:
    | {
        readonly flavor: string;
        readonly image: string;
        readonly network?: string | undefined;
        readonly timeoutSeconds: number;
      }
    | undefined;
  readonly pollMs: number;
}

type Canary = NonNullable<CanarySettings['canary']>;

/**
 * Makes a server on the hypervisor, waits until it runs there, and deletes it. Nova puts none on a disabled
 * service, so this comes after the hypervisor is enabled; when the canary fails it is disabled again at once,
 * the canary is deleted, and what Nova said of it is the permanent error. Repeating it finds the server of
 * before by its name.
 */
export async function sendCanary(ctx: Context<CanarySettings>, name: string): Promise<void> {
  const { canary } = ctx.options;
  if (canary === undefined) return;
  const timeoutMs = 3 * canary.timeoutSeconds * 1000 + 5 * 60_000;
  const options = { effect: 'idempotent', timeoutMs } as const;
  await ctx.step(`canary on ${name}`, options, async (scope) => {
    // After one that failed it is disabled.
    await enableAgain(ctx, name);
    try {
      await fly(ctx, { name, canary }, scope);
    } catch (error) {
      if (scope.signal.aborted) throw error;
      throw await land(ctx, { name, canary, error }, scope);
    }
  });
  await ctx.step(`no canary on ${name}`, options, async (scope) => {
    try {
      await remove(ctx, canary, scope);
    } catch (error) {
      if (!scope.signal.aborted) await disableAgain(ctx, name);
      throw error;
    }
    await enableAgain(ctx, name);
  });
}

async function fly(
  ctx: Context<CanarySettings>,
  { name, canary }: { name: string; canary: Canary },
  { signal, timers, log }: StepScope,
): Promise<void> {
  const { flavor, image, network, timeoutSeconds } = canary;
  const called = canaryName(ctx.runId);
  const id = await ctx.cloud.createServer({ name: called, hypervisor: name, flavor, image, network });
  log.info('a canary is to come up', { hypervisor: name, server: id });
  let status = 'it never appeared';
  const on = await poll(
    async () => {
      const server = await ctx.cloud.server(id);
      if (server === undefined) return undefined;
      status = server.task === undefined ? server.status : `${server.status}, ${server.task}`;
      if (server.status === 'ERROR')
        throw new PermanentError(`it is in ERROR: ${server.fault ?? 'Nova does not say why'}`);
      return server.status === 'ACTIVE' ? server.hypervisor : undefined;
    },
    { everyMs: ctx.options.pollMs, withinMs: timeoutSeconds * 1000, signal, timers },
  );
  if (on === undefined)
    throw new PermanentError(`it does not run after ${sayDuration(timeoutSeconds * 1000)} (${status})`);
  if (on !== name) throw new PermanentError(`it runs on ${on}`);
}

/** Out of service first, for whatever follows may fail as well. Answers the error to end with. */
async function land(
  ctx: Context<CanarySettings>,
  { name, canary, error }: { name: string; canary: Canary; error: unknown },
  { signal, timers, log }: StepScope,
): Promise<Error> {
  const why = `its canary ${canaryName(ctx.runId)} failed: ${messageOf(error)}`;
  log.warn(why, { hypervisor: name });
  await disableAgain(ctx, name);
  const left = await remove(ctx, canary, { signal, timers }).then(
    () => '',
    (fault: unknown) => `; ${messageOf(fault)}`,
  );
  signal.throwIfAborted();
  return isRetryable(error) ? new Error(why, { cause: error }) : new PermanentError(why + left);
}

/** Whatever has the canary's name, until it is gone. */
async function remove(
  ctx: Context<CanarySettings>,
  canary: Canary,
  { signal, timers }: Pick<StepScope, 'signal' | 'timers'>,
): Promise<void> {
  const called = canaryName(ctx.runId);
  const isGone = await poll(
    async () => {
      const left = await ctx.cloud.serversNamed(called);
      for (const { id, task } of left) if (task !== 'deleting') await ctx.cloud.deleteServer(id);
      return left.length === 0 ? true : undefined;
    },
    { everyMs: ctx.options.pollMs, withinMs: canary.timeoutSeconds * 1000, signal, timers },
  );
  if (isGone === undefined)
    throw new PermanentError(
      `${called} is not gone ${sayDuration(canary.timeoutSeconds * 1000)} after it was deleted`,
    );
}

/** The same for every try, so that none is left behind. */
function canaryName(runId: string): string {
  return `nightshift-canary-${runId}`.slice(0, 255);
}
