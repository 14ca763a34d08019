/**
 * A Redis server of our own, in the state directory, on a unix socket. It outlives the process that
 * started it, so that others can adopt it; the last one to leave stops it. Two servers over one
 * append-only file would ruin it: the server itself holds a lock of the kernel's for as long as it lives.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RefusedError } from './errors.ts';

interface Place {
  readonly stateDir: string;
  readonly volatile?: true;
}

/** A path of a unix socket may be this long. */
const LONGEST_SOCKET_PATH = 100;
const READY_WITHIN_MS = 15_000;
const GONE_WITHIN_MS = 15_000;
const ASK_EVERY_MS = 20;
/** How often a start is tried while another server, or another start, has the lock. */
const START_EVERY_MS = 200;
/** The exit code by which `flock` says that somebody else has the lock. */
const LOCKED = 75;
/** Names the connections that are about to leave, so that two of them do not wait for each other. */
const LEAVING = 'nightshift-leaving';

const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin'];

const starting = new Map<string, Promise<string>>();

function socketOf({ stateDir }: Place): string {
  const socket = join(resolve(stateDir), 'redis', 'redis.sock');
  if (socket.length <= LONGEST_SOCKET_PATH) return socket;
  const digest = createHash('sha256').update(socket).digest('hex').slice(0, 16);
  return join(tmpdir(), `nightshift-${digest}.sock`);
}

/** Adopts the running server or starts one; resolves with its socket once it answers. */
export function ensurePrivateRedis(place: Place): Promise<string> {
  const socket = socketOf(place);
  const under = starting.get(socket) ?? adoptOrStart(place, socket).finally(() => starting.delete(socket));
  starting.set(socket, under);
  return under;
}

async function adoptOrStart(place: Place, socket: string): Promise<string> {
  if (await answers(socket)) return socket;
  const dir = join(resolve(place.stateDir), 'redis');
  mkdirSync(dir, { recursive: true });
  const deadline = performance.now() + READY_WITHIN_MS;
  let server: ChildProcess | undefined;
  let startAt = 0;
  while (!(await answers(socket))) {
    const locked = server?.exitCode === LOCKED;
    if (server !== undefined && !locked && hasEnded(server)) {
      throw new RefusedError(`the private Redis does not start; see ${join(dir, 'redis.log')}`);
    }
    if (performance.now() > deadline) {
      throw new RefusedError(
        `the private Redis has not answered for ${READY_WITHIN_MS / 1000} s${locked ? ', though one is running' : ''}; see ${join(dir, 'redis.log')}`,
      );
    }
    if (server === undefined || (locked && performance.now() > startAt)) {
      startAt = performance.now() + START_EVERY_MS;
      server = await start(place, dir);
    }
    await sleep(ASK_EVERY_MS);
  }
  return socket;
}

async function start(place: Place, dir: string): Promise<ChildProcess> {
  const log = openSync(join(dir, 'redis.log'), 'a');
  const durable = place.volatile
    ? ['--appendonly', 'no']
    : ['--appendonly', 'yes', '--appendfsync', 'always'];
  const server = spawn(
    'flock',
    [
      '--nonblock',
      '--no-fork',
      '--conflict-exit-code',
      `${LOCKED}`,
      join(dir, 'lock'),
      await findServer(),
    ].concat(
      ['--port', '0', '--unixsocket', socketOf(place), '--unixsocketperm', '700', '--dir', dir, '--save', ''],
      durable,
      ['--maxmemory-policy', 'noeviction', '--pidfile', join(dir, 'redis.pid')],
    ),
    { detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  server.unref();
  const failed = Promise.withResolvers<never>();
  server.once('error', (error) =>
    failed.reject(new RefusedError(`the private Redis cannot be started: ${error.message}`)),
  );
  const spawned = new Promise<void>((done) => server.once('spawn', done));
  await Promise.race([spawned, failed.promise]);
  return server;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/**
 * Stops the server unless another process still uses it; true when it does not run any more. Nothing is
 * lost: the next one starts it again.
 */
export async function leavePrivateRedis(place: Place): Promise<boolean> {
  const socket = socketOf(place);
  if (!(await answers(socket))) return true;
  const redis = new Redis(socket, {
    connectionName: LEAVING,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    disconnectTimeout: 20,
    commandTimeout: GONE_WITHIN_MS,
  });
  redis.on('error', () => {});
  try {
    const clients = String(await redis.client('LIST'))
      .trim()
      .split('\n');
    if (clients.some((client) => !client.includes(` name=${LEAVING} `))) return false;
    await redis.shutdown();
  } catch {
    // The connection closes under SHUTDOWN: that is its success.
  } finally {
    redis.disconnect();
  }
  const deadline = performance.now() + GONE_WITHIN_MS;
  while (await answers(socket)) {
    if (performance.now() > deadline) return false;
    await sleep(ASK_EVERY_MS);
  }
  return true;
}

/** Somebody listens on the socket and is done loading. */
function answers(socket: string): Promise<boolean> {
  return new Promise((done) => {
    const connection = createConnection(socket);
    const answer = (yes: boolean): void => {
      connection.destroy();
      done(yes);
    };
    connection.once('connect', () => connection.write('PING\r\n'));
    connection.once('data', (data) => answer(data.toString().startsWith('+PONG')));
    connection.once('error', () => answer(false));
    connection.once('close', () => answer(false));
    connection.setTimeout(1000, () => answer(false));
  });
}

/** The program to start: the first of redis-server and valkey-server in these folders. */
export async function findServer(folders: readonly string[] = FOLDERS): Promise<string> {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const file = join(folder, name);
      const found = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return file;
    }
  }
  throw new RefusedError(
    'no redis-server or valkey-server on this machine: install one (on Debian: apt-get install redis-server), or set redis.url',
  );
}
