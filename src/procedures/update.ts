/** Brings an empty hypervisor up to date before its reboot, by the site's own command. */
import type { Context, StepScope } from '../context.ts';
import { PermanentError } from '../domain/failure.ts';
import { needProbe, parseNeed, whyUnfit } from '../domain/reboot-need.ts';
import { kernelRules } from './ask-host.ts';
import type { NeedSettings } from './need-settings.ts';

export interface UpdateSettings extends NeedSettings {
  /** How long the update may take. */
  readonly updateWithinMinutes?: number;
}

export type Updated =
  /** The kernel that boots next. */
  | { readonly next: string }
  /** It is up to date, and is not to be booted: why. */
  | { readonly unfit: string };

const PROBE_MS = 120_000;
const LAST_LINES = 3;

/**
 * Runs the site's command, unless its probe says that there is nothing to do, then asks anew which kernel
 * boots next. `next` is what it was where the site has no command. Permanent error when the update fails:
 * nobody knows what state it has left behind.
 */
export async function update(ctx: Context<UpdateSettings>, name: string, next: string): Promise<Updated> {
  const { update: command } = ctx.options;
  if (command === undefined) return { next };
  await runUpdate(ctx, name, command);
  return ctx.step<Updated>(`kernel of ${name} after its update`, { effect: 'read' }, (scope) =>
    askNext(ctx, name, scope),
  );
}

async function runUpdate(ctx: Context<UpdateSettings>, name: string, command: string): Promise<void> {
  const { updateProbe, updateWithinMinutes = 60 } = ctx.options;
  const timeoutMs = updateWithinMinutes * 60_000;
  // Without a probe nobody can tell how far it came when its end was not seen: a person decides.
  const effect = updateProbe === undefined ? 'once' : 'verify';
  const options = { effect, disruptive: true, timeoutMs: timeoutMs + PROBE_MS + 60_000 } as const;
  const verify = async ({ signal }: StepScope) =>
    (await isDone(ctx, name, signal))
      ? ({ happened: 'yes', value: undefined } as const)
      : ({ happened: 'no' } as const);
  await ctx.step<void>(
    `update ${name}`,
    updateProbe === undefined ? options : { ...options, verify },
    async (scope) => {
      if (await isDone(ctx, name, scope.signal)) return scope.skipped('its probe says that nothing is to do');
      const last: string[] = [];
      const { exit } = await ctx.host(name).run(['sh', '-c', command], {
        timeoutMs,
        signal: scope.signal,
        onLine: (_, line) => {
          scope.log.info(line, { host: name });
          if (line.trim() !== '') last.push(line.trim());
          if (last.length > LAST_LINES) last.shift();
        },
      });
      const said = last.join(' / ') || 'it said nothing';
      if (exit !== 0) throw new PermanentError(`the update of ${name} failed (exit ${exit}): ${said}`);
      if (updateProbe !== undefined && !(await isDone(ctx, name, scope.signal)))
        throw new PermanentError(
          `the update of ${name} ended well, and its probe says that it has still to be done: ${said}`,
        );
    },
  );
}

async function isDone(ctx: Context<UpdateSettings>, name: string, signal: AbortSignal): Promise<boolean> {
  const { updateProbe } = ctx.options;
  if (updateProbe === undefined) return false;
  const { exit } = await ctx.host(name).run(['sh', '-c', updateProbe], { timeoutMs: PROBE_MS, signal });
  return exit === 0;
}

async function askNext(
  ctx: Context<UpdateSettings>,
  name: string,
  { signal }: Pick<StepScope, 'signal'>,
): Promise<Updated> {
  const argv = needProbe(ctx.options.nextKernel);
  const answer = await ctx.host(name).run(argv, { timeoutMs: PROBE_MS, signal });
  const need = parseNeed(answer);
  if (need.need === 'unclear') return { unfit: need.why };
  const unfit = whyUnfit(answer, need.next, kernelRules(ctx.options));
  return unfit === undefined ? { next: need.next } : { unfit };
}
