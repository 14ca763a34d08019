/** Runs commands on hypervisors over SSH. Implements the `Host` port. */
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, { type ClientChannel, type ParsedKey } from 'ssh2';
import type { CommandOptions, CommandResult, Host } from '../domain/fleet.ts';
import { shellQuote } from '../domain/shell-quote.ts';
import {
  type Connection,
  connect,
  type Endpoint,
  type Login,
  SshError,
  unlessAborted,
} from './ssh-connection.ts';
import { Output } from './ssh-output.ts';

export { SshError } from './ssh-connection.ts';

export interface SshSettings {
  readonly user: string;
  /** A private key's contents, OpenSSH or PEM. It, `agent` or both; the key is tried first. */
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  /** Path of an ssh-agent's socket. */
  readonly agent?: string;
  /** Paths of known_hosts files, read at each connection; messages say to add keys to the first. */
  readonly knownHosts: readonly [string, ...string[]];
  /** `[user@]host[:port]` through which every hypervisor is reached; its host key is verified as well. */
  readonly jump?: string;
  /** Default 22. */
  readonly port?: number;
  /** Hypervisor name → `host[:port]`, for sites where names do not resolve. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** For each of: reaching the jump host, reaching the hypervisor. Default 20 s. */
  readonly connectTimeoutMs?: number;
  /** Pause between signs of life; three without an answer mean that the host is gone. Default 10 s. */
  readonly keepaliveMs?: number;
}

/** `exit` is 128 + the signal's number when a signal ended the command, as in a shell. */
export interface SshResult extends CommandResult {
  readonly signal?: string;
}

export interface SshHost extends Host {
  /**
   * `onLine` must not throw; a long line may come in pieces. Of each stream 1 MiB of characters is kept.
   *
   * @throws SshError; once `sent` is set nobody knows how far the command came, and it may still run.
   */
  run(argv: readonly string[], options: CommandOptions): Promise<SshResult>;
}

export interface SshHosts {
  host(hypervisor: string): SshHost;
  /** Stops what still runs, as an abort would; two seconds later nothing keeps the process alive. */
  close(): void;
}

/** How long a command that is told to end may take before it is killed. */
const GRACE_MS = 500;

/**
 * Each command has a connection of its own: a login takes 35 ms on a local network, and a kept
 * connection would be the dead one of a rebooted host just when it matters.
 *
 * @throws SshError when the settings cannot work: no way to log in, a key that cannot be read.
 */
export function sshHosts(settings: SshSettings): SshHosts {
  const login = loginOf(settings);
  const { user, port = 22 } = settings;
  const jump = settings.jump === undefined ? undefined : endpointOf(settings.jump, { user, port: 22 });
  const closing = new AbortController();

  async function reach(to: Endpoint, stop: AbortSignal): Promise<Connection> {
    if (jump === undefined) return connect(login, to, stop);
    const via = await connect(login, jump, stop);
    try {
      return await connect(login, to, stop, via);
    } catch (error) {
      via.end();
      throw error;
    }
  }

  async function run(to: Endpoint, argv: readonly string[], options: CommandOptions): Promise<SshResult> {
    if (argv.length === 0 || argv.some((word) => word.includes('\0'))) {
      throw new SshError(`${to.name}: ${JSON.stringify(argv)} is no command`, { retryable: false });
    }
    const { timeoutMs, signal, onLine } = options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const stop = AbortSignal.any([timeout, closing.signal, ...(signal ? [signal] : [])]);
    const command: Command = { argv, stop, ...(onLine && { onLine }) };
    let connection: Connection | undefined;
    try {
      connection = await reach(to, stop);
      return await execute(connection, command);
    } catch (error) {
      if (error instanceof SshError) throw error;
      const called = stop.aborted ? 'it was called off' : String(error);
      const why = timeout.aborted ? `timed out after ${timeoutMs / 1000} s` : called;
      throw connection === undefined ? notSent(to, argv, why, error) : endUnseen(to, argv, why, error);
    } finally {
      connection?.end();
    }
  }

  return {
    host(hypervisor) {
      const { host, port: itsPort } = endpointOf(settings.addresses?.[hypervisor] ?? hypervisor, {
        user,
        port,
      });
      const to = { name: hypervisor, user, host, port: itsPort };
      return { run: (argv, options) => run(to, argv, options) };
    },
    close: () => closing.abort(),
  };
}

interface Command extends Pick<CommandOptions, 'onLine'> {
  readonly argv: readonly string[];
  readonly stop: AbortSignal;
}

/** Throws the reason of `stop` when that aborts; the command has been told to end by then. */
async function execute(connection: Connection, { argv, stop, onLine }: Command): Promise<SshResult> {
  const channel = await begin(connection, argv, stop);
  const stdout = collect(channel, (line) => onLine?.('stdout', line));
  const stderr = collect(channel.stderr, (line) => onLine?.('stderr', line));
  try {
    // `exit` comes before the last of the output, and may be all that comes: both ends must close.
    const [[exit, signal]] = await Promise.all([
      once(channel, 'close', { signal: stop }),
      once(channel.stderr, 'close', { signal: stop }),
    ]);
    // An exit code from a connection that broke may lack part of the output.
    if (connection.lost || exit === undefined) {
      throw endUnseen(connection.to, argv, 'the connection broke', connection.lost);
    }
    const printed = { stdout: stdout.end(), stderr: stderr.end() };
    return exit === null ? { exit: 128 + numberOf(signal), signal, ...printed } : { exit, ...printed };
  } catch (error) {
    if (stop.aborted) await terminate(channel);
    throw error;
  }
}

async function begin(
  connection: Connection,
  argv: readonly string[],
  stop: AbortSignal,
): Promise<ClientChannel> {
  const begun = Promise.withResolvers<ClientChannel>();
  try {
    connection.client.exec(commandLine(argv), (error, channel) => {
      if (error === undefined) begun.resolve(channel);
      else if ('reason' in error) begun.reject(notSent(connection.to, argv, error.message, error));
      else begun.reject(endUnseen(connection.to, argv, 'the connection broke', connection.lost ?? error));
    });
  } catch (error) {
    throw notSent(connection.to, argv, 'the connection broke', connection.lost ?? error);
  }
  return unlessAborted(stop, begun.promise);
}

/** `exec`, for signals must find the command and not its shell; an end of stdin would let ssh2 send none at all. */
function commandLine(argv: readonly string[]): string {
  return `exec ${argv.map(shellQuote).join(' ')} </dev/null`;
}

function collect(stream: Readable, onLine: (line: string) => void): Output {
  const output = new Output(onLine);
  stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  return output;
}

/** As far as the server lets us: OpenSSH before 9.8 passes signals on for users other than root only. */
async function terminate(channel: ClientChannel): Promise<void> {
  const closed = once(channel, 'close').then(() => true);
  channel.signal('TERM');
  if (await Promise.race([closed, sleep(GRACE_MS, false, { ref: false })])) return;
  channel.signal('KILL');
}

function numberOf(signal: string): number {
  return constants.signals[signal as NodeJS.Signals] ?? 0;
}

function notSent(to: Endpoint, argv: readonly string[], why: string, cause: unknown): SshError {
  return new SshError(`${to.name}: \`${shown(argv)}\` was not sent: ${why}`, {
    retryable: true,
    why,
    cause,
  });
}

/** For people, not for a shell: on one line, and not without end. */
function shown(argv: readonly string[]): string {
  const words = argv.join(' ').replaceAll(/\s+/g, ' ');
  return words.length > 200 ? `${words.slice(0, 200)}…` : words;
}

/** Retryable, because "not retryable" would claim that nothing happened. */
function endUnseen(to: Endpoint, argv: readonly string[], why: string, cause: unknown): SshError {
  return new SshError(
    `${to.name}: \`${shown(argv)}\` was sent and its end not seen: ${why}. What it did is unknown, and it may still run.`,
    { retryable: true, sent: true, why, cause },
  );
}

function loginOf(settings: SshSettings): Login {
  const { key, passphrase, agent, knownHosts, connectTimeoutMs = 20_000, keepaliveMs = 10_000 } = settings;
  if (key === undefined && agent === undefined) {
    throw new SshError('ssh has no way to log in: set a private key, an agent, or both', {
      retryable: false,
    });
  }
  return {
    knownHosts,
    connectTimeoutMs,
    keepaliveMs,
    ...(key !== undefined && { key: parsedKey(key, passphrase) }),
    ...(agent !== undefined && { agent }),
  };
}

/** Parsed once: to decrypt a key takes a second, and would be done again for each connection. */
function parsedKey(key: string | Buffer, passphrase: string | undefined): ParsedKey {
  // Its types say otherwise, but OpenSSH's format, made for several keys, gives an array.
  const [parsed] = [ssh2.utils.parseKey(key, passphrase)].flat();
  if (parsed === undefined || parsed instanceof Error) {
    throw new SshError(`ssh: the private key cannot be read: ${parsed?.message ?? 'it is empty'}`, {
      retryable: false,
    });
  }
  if (!parsed.isPrivateKey()) {
    throw new SshError('ssh: the key is a public key; the private one is needed', { retryable: false });
  }
  return parsed;
}

/** Reads `[user@]host[:port]`; an IPv6 address with a port stands in brackets. */
function endpointOf(text: string, otherwise: { readonly user: string; readonly port: number }): Endpoint {
  const found =
    /^(?:(?<user>[^@]+)@)?(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]+)|(?<bare>[^[\]]*:[^[\]]*:[^[\]]*))(?::(?<port>\d+))?$/.exec(
      text,
    )?.groups;
  const host = found?.v6 ?? found?.host ?? found?.bare;
  const port = Number(found?.port ?? otherwise.port);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new SshError(`ssh: "${text}" is no address; write host, host:port or [IPv6]:port`, {
      retryable: false,
    });
  }
  return { name: host, user: found?.user ?? otherwise.user, host, port };
}
