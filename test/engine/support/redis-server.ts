/** Redis servers that a test starts, freezes, kills and starts again by their process ids. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findServer } from '../../../src/engine/private-redis.ts';
import { eventually } from '../../support/engine.ts';

export interface RedisServer {
  readonly dir: string;
  readonly socket: string;
  signal(signal: NodeJS.Signals): void;
  /** Ends the server and waits until it is gone. */
  stop(): Promise<void>;
  /** Starts it again, on what lies in `dir` now. */
  start(): Promise<void>;
  /** Out of reach for so long, one way or the other. */
  away(how: 'frozen' | 'restarted', ms: number): Promise<void>;
  remove(): Promise<void>;
}

/** A server on a unix socket of its own that loses nothing, or whatever the options make of it. */
export async function redisServer(...options: string[]): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'ns-redis-'));
  const socket = join(dir, 'redis.sock');
  const program = await findServer();
  let end: () => Promise<void> = () => Promise.resolve();
  let pid = 0;

  async function start(): Promise<void> {
    const where = ['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', ''];
    const whole = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'];
    const server = spawn(program, [...where, ...whole, ...options], { stdio: 'ignore' });
    const gone = new Promise<void>((done) => server.once('exit', () => done()));
    pid = server.pid ?? 0;
    end = async () => {
      server.kill('SIGTERM');
      server.kill('SIGCONT');
      await gone;
    };
    const redis = new Redis(socket, { retryStrategy: () => 10, maxRetriesPerRequest: null });
    redis.on('error', () => {});
    await redis.ping();
    redis.disconnect();
  }

  await start();
  return {
    dir,
    socket,
    signal: (signal) => void process.kill(pid, signal),
    stop: () => end(),
    start,
    async away(how, ms) {
      if (how === 'frozen') process.kill(pid, 'SIGSTOP');
      else await end();
      await sleep(ms);
      if (how === 'frozen') process.kill(pid, 'SIGCONT');
      else await start();
    },
    async remove() {
      await end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Process id of the private server of a state directory. */
export function privatePid(stateDir: string): number {
  return Number(readFileSync(join(stateDir, 'redis', 'redis.pid'), 'utf8'));
}

export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function gone(pid: number): Promise<void> {
  await eventually(`process ${pid} to end`, async () => !lives(pid));
}
