/** The command line as people have it: the real binary, in a folder of its own, on a private Redis. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { messageOf } from '../../src/domain/failure.ts';
import { openRedis } from '../../src/engine/redis.ts';
import { eventually } from './engine.ts';

const BINARY = join(import.meta.dirname, '../../src/nightshift.js');
const JOBS = join(import.meta.dirname, '../cli/jobs');

interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once it has said this, on either stream. */
  says(words: string | RegExp): Promise<void>;
}

export interface Site {
  readonly dir: string;
  /** The private Redis that all commands of the site share; it does not stop between them. */
  readonly redis: Redis;
  /** Where the bell of the site's job leaves its rings. */
  readonly rings: () => string[];
  /** Starts a command and leaves it to the test. */
  readonly start: (...args: readonly string[]) => Running;
  /** Runs a command to its end. */
  readonly nightshift: (...args: readonly string[]) => Promise<Ended>;
  /** The JSON that a command answers with; fails when standard output holds anything else. */
  readonly json: <T>(...args: readonly string[]) => Promise<T>;
  /** Runs a command on a terminal of 80 columns; what it shows, without control sequences. */
  readonly onTerminal: (...args: readonly string[]) => Promise<string>;
  /** Has a run of the bell; its id. */
  readonly ring: (options?: Readonly<Record<string, string | number>>) => Promise<string>;
  readonly write: (file: string, text: string) => void;
  close(): Promise<void>;
}

/** `settings`: lines of YAML beside the site's own; `env`: beside an environment that knows of no cloud. */
export async function openSite({
  settings = '',
  env = {},
}: {
  settings?: string;
  env?: Readonly<Record<string, string>>;
} = {}): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'ns-cli-'));
  const write = (file: string, text: string): void => writeFileSync(join(dir, file), text);
  write(
    'nightshift.yaml',
    `dryRun: false
stateDir: state
http: { listen: '127.0.0.1:0' }
jobsDir: ${JOBS}
jobs:
  ring-bell: { armed: true, options: { file: ${join(dir, 'rings')} } }
${settings}`,
  );
  const access = await openRedis({ stateDir: join(dir, 'state'), onError: () => {} });
  const redis = access.connect();
  const running = new Map<ChildProcess, Promise<Ended>>();
  const surroundings = {
    PATH: process.env.PATH,
    HOME: dir,
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
    NIGHTSHIFT_CONFIG: 'nightshift.yaml',
    SUDO_USER: 'kim',
    ...env,
  };

  function run(program: string, args: readonly string[]): Running {
    const child = spawn(program, args, { cwd: dir, env: surroundings, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const ended = once(child, 'close').then(([exit]) => {
      running.delete(child);
      return { exit: exit as number | null, out, err };
    });
    running.set(child, ended);
    return {
      child,
      ended,
      says: async (words) => {
        await eventually(`"${words}"`, async () => new RegExp(words).test(out + err)).catch(
          (error: unknown) => {
            throw new Error(`${messageOf(error)}; it said:\n${out}${err}`);
          },
        );
      },
    };
  }
  const start = (...args: readonly string[]): Running => run(process.execPath, [BINARY, ...args]);

  return {
    dir,
    redis,
    write,
    start,
    rings: () => readFileSync(join(dir, 'rings'), 'utf8').trim().split('\n'),
    nightshift: (...args) => start(...args).ended,
    async json<T>(...args: readonly string[]) {
      return JSON.parse((await start('--json', ...args).ended).out) as T;
    },
    async onTerminal(...args) {
      const command = ['stty cols 80; exec', process.execPath, BINARY, ...args].join(' ');
      const { out } = await run('/usr/bin/script', ['-qec', command, '/dev/null']).ended;
      return out.replaceAll('\r\n', '\n');
    },
    async ring(options = {}) {
      const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
      const { out } = await start('--json', 'run', 'ring-bell', '--go', ...given).ended;
      return (JSON.parse(out) as { id: string }).id;
    },
    async close() {
      const left = [...running];
      for (const [child] of left) child.kill('SIGKILL');
      await Promise.all(left.map(([, ended]) => ended));
      const server = Number(readFileSync(join(dir, 'state/redis/redis.pid'), 'utf8'));
      await redis.quit();
      // Redis may notice later than we do that the others are gone, and then it is not the last one's to stop.
      await eventually('the private Redis to end', async () => {
        await access.close();
        return !isAlive(server);
      });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
