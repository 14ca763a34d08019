/** Opens a connection to a host whose key is verified, straight or through another such connection. */
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type AgentAuthMethod, type Client, type ParsedKey, type PublicKeyAuthMethod } from 'ssh2';
import {
  fingerprint,
  hostKeyAlgorithms,
  judgeHostKey,
  type KnownHost,
  lookupNames,
  parseKnownHosts,
  refusal,
} from './known-hosts.ts';

const GOODBYE_MS = 1000;
/** RFC 4254 5.1: why a channel was not opened. */
const ADMINISTRATIVELY_PROHIBITED = 1;

/** A command could not be run, or its end was not seen. */
export class SshError extends Error {
  override readonly name = 'SshError';
  readonly retryable: boolean;
  /** The command had been sent: it may have done all, some or nothing of its work, and may still run. */
  readonly sent: boolean;
  /** What went wrong, for those who know what was asked of whom: `timed out after 30 s`. */
  readonly why: string;

  constructor(message: string, how: { retryable: boolean; sent?: boolean; why?: string; cause?: unknown }) {
    super(message, 'cause' in how ? { cause: how.cause } : {});
    this.retryable = how.retryable;
    this.sent = how.sent ?? false;
    this.why = how.why ?? message;
  }
}

/** How to log in, the same for every host. */
export interface Login {
  readonly key?: ParsedKey;
  /** Path of an ssh-agent's socket. */
  readonly agent?: string;
  /** Paths, read at each connection; the first is where messages say to add keys. */
  readonly knownHosts: readonly [string, ...string[]];
  /** For each of: reaching the host, logging in. */
  readonly connectTimeoutMs: number;
  /** Pause between signs of life; after three without an answer the connection counts as lost. */
  readonly keepaliveMs: number;
}

export interface Endpoint {
  /** What people call it. */
  readonly name: string;
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

export interface Connection {
  readonly to: Endpoint;
  readonly client: Client;
  /** Why it is gone; undefined while it is not. */
  readonly lost: Error | undefined;
  /** Says goodbye, also to `via`, and lets go of the socket after a second at the latest. Twice is once. */
  end(): void;
}

/**
 * Connects and logs in. Host keys are verified always; what needs a person (unknown or changed host
 * key, refused user, a name that does not resolve) is an SshError that is not retryable. When
 * `signal` aborts, its reason is thrown.
 */
export async function connect(
  login: Login,
  to: Endpoint,
  signal: AbortSignal,
  via?: Connection,
): Promise<Connection> {
  const known = await readKnownHosts(login.knownHosts);
  const names = lookupNames([to.host, to.name], to.port);
  // Without noDelay each step of the handshake waits for the other side's delayed ACK: 200 ms, not 35.
  const socket = via
    ? await forward(via, to, login.connectTimeoutMs, signal)
    : net.connect({ host: to.host, port: to.port, noDelay: true });

  const client = new ssh2.Client();
  const ready = Promise.withResolvers<void>();
  const seen: { refusal?: string | undefined; agent?: Error; error?: Error; closed: boolean } = {
    closed: false,
  };
  const whyLost = () => seen.error ?? new Error('the connection was closed');
  client.once('ready', ready.resolve);
  // The listener stays: an error after the end of our interest would otherwise end the process.
  client.on('error', (error: Error & { level?: string }) => {
    // An agent that fails is not the end: ssh2 goes on, and says so when nothing else is left to try.
    if (error.level === 'agent') seen.agent = error;
    else ready.reject((seen.error ??= error));
  });
  client.once('close', () => {
    seen.closed = true;
    ready.reject(whyLost());
  });
  const connection: Connection = {
    to,
    client,
    get lost() {
      return seen.closed ? whyLost() : undefined;
    },
    end() {
      if (!seen.closed) {
        client.end();
        // The peer may be dead: ssh2 alone would wait for its FIN as long as TCP does.
        const timer = setTimeout(() => socket.destroy(), GOODBYE_MS);
        client.once('close', () => clearTimeout(timer));
      }
      via?.end();
    },
  };

  client.connect({
    sock: socket,
    username: to.user,
    authHandler: methodsOf(login, to.user),
    algorithms: { serverHostKey: hostKeyAlgorithms(known, names) },
    hostVerifier: (key: Buffer) => {
      const host = { name: nameOf(to), listAs: names.exact[0], file: login.knownHosts[0] };
      seen.refusal = refusal(judgeHostKey(known, names, key), host, key);
      return seen.refusal === undefined;
    },
    readyTimeout: login.connectTimeoutMs,
    keepaliveInterval: login.keepaliveMs,
    keepaliveCountMax: 3,
  });
  try {
    await unlessAborted(signal, ready.promise);
    return connection;
  } catch (error) {
    connection.end();
    if (signal.aborted) throw error;
    if (seen.refusal !== undefined) throw new SshError(seen.refusal, { retryable: false });
    throw explained(error, to, login, seen.agent);
  }
}

/** What `promise` answers, unless `signal` aborts first: then its reason is thrown. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([aborted.promise, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function methodsOf({ key, agent }: Login, username: string): (PublicKeyAuthMethod | AgentAuthMethod)[] {
  const methods: (PublicKeyAuthMethod | AgentAuthMethod)[] = [];
  if (key) methods.push({ type: 'publickey', username, key });
  if (agent) methods.push({ type: 'agent', username, agent });
  return methods;
}

/** `hv01`, and where it was reached unless that goes without saying. */
function nameOf({ name, host, port }: Endpoint): string {
  const place = port === 22 ? host : `${host}:${port}`;
  return name === host ? place : `${name} (${place})`;
}

async function readKnownHosts(files: readonly string[]): Promise<KnownHost[]> {
  const texts = files.map(async (file) => {
    try {
      return parseKnownHosts(await readFile(file, 'utf8'), file);
    } catch (cause) {
      // A file that is not there lists nobody: the refusal says how to begin it.
      if (isCoded(cause) && cause.code === 'ENOENT') return [];
      throw new SshError(`known hosts cannot be read: ${messageOf(cause)}`, { retryable: false, cause });
    }
  });
  return (await Promise.all(texts)).flat();
}

/** A channel through `via` that serves as the socket to `to`. */
async function forward(
  via: Connection,
  to: Endpoint,
  connectTimeoutMs: number,
  signal: AbortSignal,
): Promise<Duplex> {
  const timeout = AbortSignal.timeout(connectTimeoutMs);
  const channel = Promise.withResolvers<Duplex>();
  try {
    via.client.forwardOut('127.0.0.1', 0, to.host, to.port, (error, opened) => {
      if (error) return channel.reject(error);
      // Unlike a socket it stays half open when the far end hangs up, and ssh2 would wait for ever.
      opened.once('end', () => opened.destroy());
      channel.resolve(opened);
    });
    return await unlessAborted(AbortSignal.any([signal, timeout]), channel.promise);
  } catch (cause) {
    if (signal.aborted) throw cause;
    const why = timeout.aborted ? `no answer within ${connectTimeoutMs / 1000} s` : messageOf(cause);
    const prohibited =
      cause instanceof Error && 'reason' in cause && cause.reason === ADMINISTRATIVELY_PROHIBITED;
    throw new SshError(
      `${via.to.name} did not connect us to ${nameOf(to)}: ${why}` +
        (prohibited ? ` (its sshd must allow it: AllowTcpForwarding, PermitOpen)` : ''),
      { retryable: !prohibited, cause },
    );
  }
}

/** Why there is no connection, in words that say whose turn it is. */
function explained(error: unknown, to: Endpoint, login: Login, agentError: Error | undefined): SshError {
  const failed = (why: string, retryable: boolean) =>
    new SshError(`${nameOf(to)} ${why}`, { retryable, cause: error });
  const level = error instanceof Error && 'level' in error ? error.level : undefined;
  const why = messageOf(error);

  if (level === 'client-authentication' || /authentication failures/i.test(why)) {
    const shown = [
      login.key && `the key ${fingerprint(login.key.getPublicSSH())}`,
      login.agent &&
        (agentError
          ? `the agent at ${login.agent}, which failed: ${agentError.message}`
          : `the keys of the agent at ${login.agent}`),
    ];
    return failed(
      `does not let ${to.user} in with ${shown.filter(Boolean).join(' or ')} (${why}). Is the public key in that user's authorized_keys there?`,
      false,
    );
  }
  if (level === 'client-timeout') {
    return failed(`did not complete a login within ${login.connectTimeoutMs / 1000} s`, true);
  }
  if (level === 'handshake') return failed(`and we agree on no way to talk: ${why}`, false);
  if (isCoded(error) && error.code === 'ENOTFOUND') {
    return failed(
      'is a name that does not resolve; map it to an address (ssh.addresses) or correct it',
      false,
    );
  }
  return failed(`cannot be reached: ${why}`, true);
}

function isCoded(error: unknown): error is Error & { code: unknown } {
  return error instanceof Error && 'code' in error;
}

/** Node joins the errors of several addresses into one without a message. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || (isCoded(error) ? String(error.code) : error.name);
}
