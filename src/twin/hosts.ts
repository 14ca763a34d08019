/** The simulated hypervisors' SSH: each answers at a port of its own while it is on, and works commands on its machine. */
import { once } from 'node:events';
import net from 'node:net';
import ssh2, { type AuthContext, type Connection, type ServerChannel } from 'ssh2';
import { machineOf } from './machine.ts';
import type { Session } from './program.ts';
import { runShell } from './shell.ts';
import type { Hypervisor } from './state.ts';
import type { World } from './world.ts';

/** One key for all hosts, one for the user. */
export interface SshKeys {
  /** Private, in OpenSSH's format. */
  readonly host: string;
  readonly user: string;
}

export interface SshFace {
  readonly user: string;
  /** The user's private key, in OpenSSH's format. */
  readonly key: string;
  /** The text of a known_hosts file. */
  readonly knownHosts: string;
  /** Hypervisor name → `host:port`. */
  readonly addresses: Readonly<Record<string, string>>;
}

export interface Hosts {
  readonly face: SshFace;
  /** Brings listeners and connections in line with which machines are on. */
  settle(): void;
  close(): Promise<void>;
}

/** May do anything by `sudo -n`, as on the hypervisors of careful sites. */
export const USER = { name: 'nightshift', id: 1000 };
const RETRY_MS = 50;
/** Nobody is there any more who could be told how a command ended. */
const GONE = Symbol('gone');

export function makeSshKeys(): SshKeys {
  return { host: makeKey(), user: makeKey() };
}

/** Again and again, because ssh2 spoils each key whose public half begins with a zero: one in 256. */
function makeKey(): string {
  const made = ssh2.utils.generateKeyPairSync('ed25519').private;
  return ssh2.utils.parseKey(made) instanceof Error ? makeKey() : made;
}

/**
 * A port of the loopback for each hypervisor, and not an address: other systems than Linux have
 * 127.0.0.1 only. What listens is light; the SSH behind it is made for each connection.
 */
export async function openHosts(
  world: World,
  keys: SshKeys,
  { before, after }: { before: () => void; after: () => void },
): Promise<Hosts> {
  const hypervisors = Object.values(world.state.hypervisors);
  const listeners = new Map(
    hypervisors.map((each) => [each.host, new Listener(world, each, { keys, before, after })]),
  );
  await Promise.all([...listeners.values()].map((listener) => listener.open()));
  const publicKey = publicOf(keys.host);
  const ports = hypervisors.map(({ host, name }) => [name, listeners.get(host)?.port ?? 0] as const);
  const settle = () => {
    for (const listener of listeners.values()) listener.settle();
  };
  settle();

  return {
    face: {
      user: USER.name,
      key: keys.user,
      knownHosts: ports.map(([, port]) => `[127.0.0.1]:${port} ${publicKey}\n`).join(''),
      addresses: Object.fromEntries(ports.map(([name, port]) => [name, `127.0.0.1:${port}`])),
    },
    settle,
    async close() {
      await Promise.all([...listeners.values()].map((listener) => listener.close()));
    },
  };
}

interface Around {
  readonly keys: SshKeys;
  readonly before: () => void;
  readonly after: () => void;
}

/** A hypervisor's door: open while the machine is on, and closed so that connections are refused. */
class Listener {
  readonly #world: World;
  readonly #hypervisor: Hypervisor;
  readonly #around: Around;
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | undefined;
  #ending = false;
  port = 0;

  constructor(world: World, hypervisor: Hypervisor, around: Around) {
    this.#world = world;
    this.#hypervisor = hypervisor;
    this.#around = around;
  }

  async open(): Promise<void> {
    const server = net.createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as net.AddressInfo).port;
  }

  settle(): void {
    const isOff = this.#hypervisor.power === 'off';
    if (isOff && this.#server !== undefined) this.#shut();
    if (!isOff && this.#server === undefined && !this.#ending) this.#openAgain();
  }

  async close(): Promise<void> {
    this.#ending = true;
    const server = this.#server;
    this.#shut();
    if (server?.listening) await once(server, 'close');
  }

  #shut(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Somebody else may have the port for a moment. */
  #openAgain(): void {
    this.open().catch(() => {
      this.#server = undefined;
      setTimeout(() => this.settle(), RETRY_MS).unref();
    });
  }

  #accept(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const { keys } = this.#around;
    const server = new ssh2.Server({ hostKeys: [keys.host] }, (connection) => {
      connection.on('error', () => socket.destroy());
      connection.on('authentication', (attempt) => authenticate(attempt, keys.user));
      connection.on('ready', () => this.#attend(connection));
    });
    server.injectSocket(socket);
  }

  #attend(connection: Connection): void {
    connection.on('session', (accept) => {
      const session = accept();
      const stop = new AbortController();
      connection.once('close', () => stop.abort(GONE));
      session.on('signal', (allow, _, { name }) => {
        allow?.();
        stop.abort(name);
      });
      session.once('exec', (allow, _, { command }) => void this.#execute(allow(), command, stop.signal));
    });
  }

  async #execute(channel: ServerChannel, command: string, signal: AbortSignal): Promise<void> {
    const { before, after } = this.#around;
    const session: Session = {
      machine: machineOf(this.#world, this.#hypervisor),
      user: USER,
      streams: { in: '', out: (text) => channel.write(text), err: (text) => channel.stderr.write(text) },
      args: ['sh'],
      signal,
    };
    channel.on('error', () => undefined);
    before();
    const ended = await runShell(session, command).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    after();
    if (signal.reason === GONE) return;
    if (ended === undefined) channel.exit(String(signal.reason));
    else channel.exit(ended);
    channel.end();
  }
}

function authenticate(attempt: AuthContext, userKey: string): void {
  const key = ssh2.utils.parseKey(userKey);
  if (attempt.method !== 'publickey' || attempt.username !== USER.name || key instanceof Error) {
    return attempt.reject(['publickey']);
  }
  const { blob, signature, hashAlgo } = attempt;
  const isTheirs = attempt.key.data.equals(key.getPublicSSH());
  // Its types say otherwise, but what cannot be verified at all is an error, not false.
  const verdict: unknown = blob && signature ? key.verify(blob, signature, hashAlgo) : false;
  // Without a signature the client only asks whether the key would do.
  const isProved = signature === undefined || verdict === true;
  if (isTheirs && isProved) attempt.accept();
  else attempt.reject(['publickey']);
}

/** `ssh-ed25519 AAAA…` */
function publicOf(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}
