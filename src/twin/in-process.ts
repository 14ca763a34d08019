/**
 * The simulated cloud and its hosts without any network: the same services and the same machines, for whoever
 * lives in one process with them and by their time.
 */
import type { CommandOptions, CommandResult, Host } from '../domain/fleet.ts';
import { shellQuote } from '../domain/shell-quote.ts';
import { USER } from './hosts.ts';
import type { Door } from './http.ts';
import { machineOf } from './machine.ts';
import { runShell } from './shell.ts';
import type { Hypervisor } from './state.ts';
import type { World } from './world.ts';

/** One HTTP request, as a compute client makes it. */
interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** On the cloud's clock. */
  readonly answerMs: number;
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** What the text says; nobody may change it. */
  readonly body: unknown;
}

export interface InProcess {
  /** Where Keystone is; any other origin does as well. */
  readonly authUrl: string;
  /** Carries one request to one of the cloud's services. Throws ECONNRESET or ETIMEDOUT as a network would. */
  exchange(asked: Asked): Promise<Answered>;
  host(hypervisor: string): Host;
}

interface Around {
  readonly before: () => void;
  readonly after: () => void;
}

export function openInProcess(world: World, door: Door, around: Around): InProcess {
  return {
    authUrl: 'http://twin.invalid/identity/v3',

    async exchange({ method, url, headers, body = '', answerMs }) {
      const reply = await door({ method, url, headers, body });
      if (reply === 'reset') throw networkError('ECONNRESET', 'the connection was reset');
      if (reply === 'silence') {
        await world.sleep(answerMs);
        throw networkError('ETIMEDOUT', `it took longer than ${answerMs / 1000} s`);
      }
      const { status, headers: answered = {}, body: said } = reply;
      return {
        status,
        headers: answered,
        body: said,
        // Hardly anybody reads it, and it is long.
        get text() {
          return said === undefined ? '' : JSON.stringify(said);
        },
      };
    },

    host: (name) => ({ run: (argv, options) => run(world, name, { argv, options, around }) }),
  };
}

interface Command {
  readonly argv: readonly string[];
  readonly options: CommandOptions;
  readonly around: Around;
}

/** As a command over SSH: refused while the machine is off, cut short when it goes down meanwhile. */
async function run(world: World, name: string, { argv, options, around }: Command): Promise<CommandResult> {
  const { timeoutMs, signal, onLine } = options;
  around.before();
  signal?.throwIfAborted();
  const hypervisor = world.named(name);
  const shown = argv.join(' ').replaceAll(/\s+/g, ' ');
  if (hypervisor.power === 'off') throw notSent(name, 'connect ECONNREFUSED');

  const stop = new AbortController();
  const ended = work(world, hypervisor, { argv, stop: stop.signal });
  // Nobody hears any more of one that was cut short.
  ended.catch(() => undefined);
  const cut = endOf(world, hypervisor, { timeoutMs, signal });
  try {
    const result = await Promise.race([ended, cut.why]);
    if (typeof result === 'string') throw endUnseen(name, shown, result);
    for (const stream of ['stdout', 'stderr'] as const)
      for (const line of result[stream].split('\n').slice(0, -1)) onLine?.(stream, line);
    return result;
  } finally {
    stop.abort();
    cut.forget();
    around.after();
  }
}

async function work(
  world: World,
  hypervisor: Hypervisor,
  { argv, stop }: { argv: readonly string[]; stop: AbortSignal },
): Promise<CommandResult> {
  let stdout = '';
  let stderr = '';
  const session = {
    machine: machineOf(world, hypervisor),
    user: USER,
    streams: {
      in: '',
      out: (text: string) => void (stdout += text),
      err: (text: string) => void (stderr += text),
    },
    args: ['sh'],
    signal: stop,
  };
  const exit = await runShell(session, `exec ${argv.map(shellQuote).join(' ')} </dev/null`);
  return { exit, stdout, stderr };
}

/** Why nobody will see the command's end: resolves when that is so. */
function endOf(
  world: World,
  hypervisor: Hypervisor,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
): { readonly why: Promise<string>; forget(): void } {
  const { boots } = hypervisor;
  const until = world.now + timeoutMs;
  let forgotten = false;
  const isDown = () => hypervisor.power === 'off' || hypervisor.boots !== boots;
  const over = () => forgotten || isDown() || signal?.aborted === true || world.now >= until;
  const why = world.until(over, until).then(() => {
    if (isDown()) return 'the connection broke';
    return signal?.aborted === true ? 'it was called off' : `timed out after ${timeoutMs / 1000} s`;
  });
  const look = (): void => world.look();
  signal?.addEventListener('abort', look, { once: true });
  return {
    why,
    forget() {
      forgotten = true;
      signal?.removeEventListener('abort', look);
      look();
    },
  };
}

/** In the words of an SSH client, for whom `sent` tells whether anything may have happened. */
function notSent(name: string, why: string): Error {
  return sshError(`${name} cannot be reached: ${why}`, { sent: false, why });
}

function endUnseen(name: string, shown: string, why: string): Error {
  return sshError(
    `${name}: \`${shown}\` was sent and its end not seen: ${why}. What it did is unknown, and it may still run.`,
    { sent: true, why },
  );
}

function sshError(message: string, more: { sent: boolean; why: string }): Error {
  return Object.assign(new Error(message), { name: 'SshError', retryable: true, ...more });
}

function networkError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
