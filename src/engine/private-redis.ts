/**
 * A Redis server of our own, in the state directory, on a unix socket. It outlives the process that
 * started it, so that others can adopt it; the last one to leave stops it. A lock file decides who starts
 * or stops, because two servers over one append-only file would ruin it.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const ASK_EVERY_MS = 20;

export function socketOf({ stateDir }: Place): string {
  const socket = join(resolve(stateDir), 'redis', 'redis.sock');
  if (socket.length <= LONGEST_SOCKET_PATH) return socket;
  const digest = createHash('sha256').update(socket).digest('hex').slice(0, 16);
  return join(tmpdir(), `nightshift-${digest}.sock`);
}

/** Adopts the running server or starts one; resolves with its socket once it answers. */
export async function ensurePrivateRedis(place: Place): Promise<string> {
  const socket = socketOf(place);
  if (await answers(socket)) return socket;
  return withLock(place, async () => {
    if (await answers(socket)) return socket;
    const dir = join(resolve(place.stateDir), 'redis');
    const log = openSync(join(dir, 'redis.log'), 'a');
    const durable = place.volatile
      ? ['--appendonly', 'no']
      : ['--appendonly', 'yes', '--appendfsync', 'always'];
    const server = spawn(
      await findServer(),
      ['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--dir', dir, '--save', ''].concat(
        durable,
        ['--maxmemory-policy', 'noeviction', '--pidfile', join(dir, 'redis.pid')],
      ),
      { detached: true, stdio: ['ignore', log, log] },
    );
    closeSync(log);
    server.unref();
    let ended: string | undefined;
    server.once('error', (error) => (ended = error.message));
    server.once('exit', (code) => (ended = `it ended with code ${code}`));
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await answers(socket))) {
      if (ended !== undefined || performance.now() > deadline) {
        throw new RefusedError(
          `the private Redis does not start: ${ended ?? 'no answer'}; see ${join(dir, 'redis.log')}`,
        );
      }
      await sleep(ASK_EVERY_MS);
    }
    writeFileSync(join(dir, 'redis.pid'), `${server.pid}\n`);
    return socket;
  });
}

/** Stops the server unless another process still uses it. Nothing is lost: the next one starts it again. */
export async function leavePrivateRedis(place: Place): Promise<void> {
  const socket = socketOf(place);
  await withLock(place, async () => {
    if (!(await answers(socket))) return;
    const redis = new Redis(socket, {
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      disconnectTimeout: 20,
    });
    redis.on('error', () => {});
    try {
      const clients = String(await redis.client('LIST'))
        .trim()
        .split('\n');
      if (clients.length > 1) return;
      await redis.shutdown();
    } catch {
      // The connection closes under SHUTDOWN: that is its success.
    } finally {
      redis.disconnect();
    }
    while (await answers(socket)) await sleep(ASK_EVERY_MS);
  });
}

/** One process at a time; a lock left by a dead process is taken over. */
async function withLock<T>(place: Place, act: () => Promise<T>): Promise<T> {
  const dir = join(resolve(place.stateDir), 'redis');
  mkdirSync(dir, { recursive: true });
  const lock = join(dir, 'lock');
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!tryLock(lock)) {
    if (performance.now() > deadline)
      throw new RefusedError(`${lock} is held by process ${holderOf(lock) ?? '?'}; is it stuck?`);
    await sleep(ASK_EVERY_MS);
  }
  try {
    return await act();
  } finally {
    rmSync(lock, { force: true });
  }
}

function tryLock(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch {
    const holder = holderOf(lock);
    if (holder !== undefined && !isAlive(holder)) rmSync(lock, { force: true });
    return false;
  }
}

function holderOf(lock: string): number | undefined {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
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
    connection.setTimeout(1000, () => answer(false));
  });
}

async function findServer(): Promise<string> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin'];
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const file = join(folder, name);
      if (
        await access(file, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return file;
    }
  }
  throw new RefusedError(
    'no redis-server or valkey-server on this machine: install one (on Debian: apt-get install redis-server), or set redis.url',
  );
}
