/** Commands on a hypervisor: how they are run inside steps, and how steps look at the world with them. */
import type { Context } from '../context.ts';
import { messageOf, PermanentError } from '../domain/failure.ts';
import type { CommandResult } from '../domain/fleet.ts';
import { shellQuote } from '../domain/shell-quote.ts';
import type { StepScope } from '../engine/job.ts';
import { mismatch, sayMatch } from './expectation.ts';
import type { Place } from './kind.ts';
import type { Look } from './shapes.ts';
import { fillWord, type Values } from './template.ts';

export const LOOK_MS = 60_000;
/** Lines of its output that a step leaves in the run's log. */
const LOGGED_LINES = 200;
/** A hypervisor that cannot be reached now may be reached in a moment, and nothing was begun on it. */
const REACH_PAUSES_MS = [1000, 4000];

/** A command, as the step's scope lets it run. */
export interface Order {
  readonly host: string;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  /** It must not be sent twice. */
  readonly once: boolean;
}

/** Runs it; its output goes to the run's log. One that must not be sent twice is tried again only while it was not sent. */
export async function runCommand(
  ctx: Context<unknown>,
  { host, argv, timeoutMs, once }: Order,
  scope: StepScope,
): Promise<CommandResult> {
  let lines = 0;
  const onLine = (stream: string, line: string): void => {
    lines += 1;
    if (lines <= LOGGED_LINES) scope.log.info(line, { stream });
    if (lines === LOGGED_LINES + 1) scope.log.info('more of its output is left out');
  };
  const signal = AbortSignal.any([scope.signal, scope.revoked]);
  for (const pauseMs of [...REACH_PAUSES_MS, undefined]) {
    try {
      return await ctx.host(host).run(argv, { timeoutMs, signal, onLine });
    } catch (error) {
      scope.signal.throwIfAborted();
      if (!once || !isNotSent(error)) throw error;
      if (pauseMs === undefined || !error.retryable)
        throw new PermanentError(`it was not begun: ${messageOf(error)}`, { cause: error });
      await scope.timers.pause(pauseMs, signal);
    }
  }
  throw new Error('a hypervisor is tried a last time');
}

/** What the look found; `fits` says what it was, else `fault` why it is not so. */
export async function look(
  { ctx, values }: Pick<Place, 'ctx' | 'values'>,
  { probe, host }: { readonly probe: Look; readonly host: string },
  signal: AbortSignal,
): Promise<{ readonly fits: string } | { readonly fault: string }> {
  const argv = wordsOf(probe.ssh, values);
  const result = await ctx.host(host).run(argv, { timeoutMs: LOOK_MS, signal });
  const fault = mismatch(result, probe, { values, probe: true });
  if (fault === undefined) return { fits: sayMatch(result, probe) };
  // A shell's words for "there is no such program": waiting or asking again will not make one.
  if ((result.exit === 127 || result.exit === 126) && probe.exit === undefined)
    throw new PermanentError(`"${sayCommand(argv)}" cannot be run on ${host}: ${fault}`);
  return { fault };
}

export function wordsOf(command: readonly string[], values: Values): string[] {
  return command.map((word) => fillWord(word, values));
}

/** A command as people may type it: words that a shell would read otherwise are in quotes. */
export function sayCommand(command: readonly string[]): string {
  return command
    .map((word) => (/^[\w./:=@%+,-]+$/.test(word.replaceAll(/\{\{.*?\}\}/g, 'x')) ? word : shellQuote(word)))
    .join(' ');
}

function isNotSent(error: unknown): error is Error & { retryable: boolean } {
  return error instanceof Error && 'sent' in error && error.sent === false && 'retryable' in error;
}
