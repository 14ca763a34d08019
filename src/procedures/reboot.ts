/** Reboots an empty hypervisor, once. */
import type { Context, StepScope } from '../context.ts';
import type { KnownRows } from '../domain/books.ts';
import { judgeEmptiness } from '../domain/emptiness.ts';
import { messageOf, PermanentError } from '../domain/failure.ts';
import { askBoot, askGuests } from './ask-host.ts';
import { BOOKS } from './check-books.ts';
import { whyNotOurs } from './cordon.ts';
import { poll } from './pause.ts';

export interface RebootSettings {
  /** Shell command, run on the host, that lists the domains which are active on it. */
  readonly listDomains: string;
  /** Shell command, run on the host, that reboots it. */
  readonly reboot: string;
  /** How long a host may take from the request until it stops answering. */
  readonly stopWithinSeconds: number;
  readonly backWithinMinutes: number;
  readonly pollMs: number;
}

export type Rebooted = { readonly asked: true } | { readonly asked: false; readonly why: string };

/** Reboots a host as root, or as a user who may reboot it by sudo. */
export const REBOOT = 'if [ "$(id -u)" = 0 ]; then systemctl reboot; else sudo -n systemctl reboot; fi';

/** Only in the boot that was seen before: a request that arrives late must not reboot a host twice. */
const GUARDED = `
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$1" ] || exit 75
exec sh -c "$2"`;
const OTHER_BOOT = 75;
/** From here on an exit code is a signal's: the shell was stopped by the host's going down. */
const KILLED = 128;
const REQUEST_MS = 60_000;

/** The command line that reboots a host out of the boot `bootId` and no other. */
export function rebootRequest(bootId: string, reboot: string): readonly string[] {
  return ['sh', '-c', GUARDED, 'reboot', bootId, reboot];
}

/**
 * Proves that nothing runs on the hypervisor, then asks it to reboot. `asked: false` says what was
 * found aboard; the host was not touched. Resolves when the request has certainly arrived: whether it
 * came back is to be proved. Permanent error when the host refuses. `ready` sees to what must hold before the
 * host is looked at, and says why it does not.
 */
export async function reboot(
  ctx: Context<RebootSettings>,
  name: string,
  bootId: string,
  ready: (scope: StepScope) => Promise<string | undefined> = async () => undefined,
): Promise<Rebooted> {
  // A person who decides that it happened has nothing to return, hence the undefined.
  const rebooted = await ctx.step<Rebooted | undefined>(
    `reboot ${name}`,
    {
      effect: 'once',
      disruptive: true,
      inputs: { bootId },
      timeoutMs: 5 * 60_000,
      verifyTimeoutMs: (ctx.options.backWithinMinutes + 5) * 60_000,
      verify: (scope) => didReboot(ctx, { name, bootId }, scope),
    },
    async (scope) => {
      const aboard = (await ready(scope)) ?? (await whatSpeaksAgainst(ctx, name, scope));
      if (aboard === undefined) return request(ctx, { name, bootId }, scope);
      scope.skipped(`not rebooted: ${aboard}`);
      return { asked: false, why: aboard };
    },
  );
  return rebooted ?? { asked: true };
}

/** Asked here and nowhere earlier: what was empty a minute ago proves nothing. */
async function whatSpeaksAgainst(
  ctx: Context<RebootSettings>,
  name: string,
  { signal, table }: Pick<StepScope, 'signal' | 'table'>,
): Promise<string | undefined> {
  const began = performance.now();
  try {
    const known = (await table(BOOKS).get<KnownRows>(name)) ?? [];
    const occupancy = await ctx.cloud.occupancy(name);
    const host = await askGuests(ctx, name, signal);
    const verdict = judgeEmptiness({ occupancy, host, tookMs: performance.now() - began, known });
    // Last, because what is enabled may take a server that the looks before could not see.
    return verdict.empty ? await whyNotOurs(ctx, name) : verdict.reasons.join('; ');
  } catch (error) {
    signal.throwIfAborted();
    return `what Nova and Placement have on it cannot be read: ${messageOf(error)}`;
  }
}

async function request(
  ctx: Context<RebootSettings>,
  { name, bootId }: { name: string; bootId: string },
  scope: { readonly signal: AbortSignal; skipped(why: string): void },
): Promise<Rebooted> {
  const argv = rebootRequest(bootId, ctx.options.reboot);
  try {
    const { exit, stderr } = await ctx.host(name).run(argv, { timeoutMs: REQUEST_MS, signal: scope.signal });
    if (exit === OTHER_BOOT) scope.skipped('it is in another boot already');
    if (exit === 0 || exit === OTHER_BOOT || exit >= KILLED) return { asked: true };
    throw new PermanentError(
      `${name} refuses to reboot (exit ${exit}): ${stderr.trim() || 'it says nothing'}`,
    );
  } catch (error) {
    // A connection that breaks after the request is how most reboots begin.
    if (error instanceof Error && 'sent' in error && error.sent === true) return { asked: true };
    if (error instanceof Error && 'sent' in error) return { asked: false, why: messageOf(error) };
    throw error;
  }
}

/** Never "no": a host that answers from its old boot may be about to go down. */
async function didReboot(
  ctx: Context<RebootSettings>,
  { name, bootId }: { name: string; bootId: string },
  { signal, timers }: Pick<StepScope, 'signal' | 'timers'>,
): Promise<
  | { readonly happened: 'yes'; readonly value: Rebooted }
  | { readonly happened: 'unclear'; readonly evidence: string }
> {
  const { stopWithinSeconds, backWithinMinutes, pollMs } = ctx.options;
  const stopBy = timers.after(stopWithinSeconds * 1000);
  let evidence = '';
  const seen = await poll(
    async () => {
      const boot = await askBoot(ctx, name, signal);
      if ('away' in boot) evidence = `${name} does not answer: ${boot.away}`;
      else if (boot.bootId !== bootId) return 'rebooted';
      else evidence = `${name} answers from its old boot ${bootId}`;
      return !('away' in boot) && stopBy.aborted ? 'answers' : undefined;
    },
    { everyMs: pollMs, withinMs: backWithinMinutes * 60_000, signal, timers },
  );
  if (seen === 'rebooted') return { happened: 'yes', value: { asked: true } };
  // Whatever became of the request, that much had been done before it.
  const standing = `${name} was drained and disabled (by nightshift) for it, and no other hypervisor is begun meanwhile`;
  return { happened: 'unclear', evidence: `${evidence}; ${standing}` };
}
