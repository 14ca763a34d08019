/** How soon is a daemon ready, and how large is it while it waits? */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, median, spread } from './figures.ts';

const STARTS = 5;
const SIZES = 3;
const IDLE_MS = 10_000;
const ASK_EVERY_MS = 5;
const MOST_READY_MS = 1500;
const MOST_MIB = 160;
const LAUNCHER = new URL('../../src/nightshift.js', import.meta.url).pathname;

/** As a site has it: a schedule, HTTP with a token, a cloud and hypervisors that nobody has asked for yet. */
const CONFIGURATION = (redis: string): string => `dryRun: true
timezone: Europe/London
redis: { url: '${redis}' }
stateDir: state
http:
  listen: 127.0.0.1:0
  tokens: [{ name: kim, may: operate, sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }]
operators: { mail: [cloud-ops@example.org] }
clouds: { main: { cloud: prod } }
jobs:
  reboot-hypervisors: { schedule: "30 22 29 2 *", options: { limit: 12 } }
`;

interface Size {
  readonly mib: number;
  /** What the process has for itself; the rest is the program file, which others share. */
  readonly ownMib: number;
}

interface Start {
  readonly readyMs: number;
  readonly idle: Size | undefined;
}

/** The daemon by its launcher, on a Redis that is there. */
export async function measureIdleDaemon(redis: string): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'ns-idle-'));
  try {
    mkdirSync(join(dir, 'state'));
    writeFileSync(join(dir, 'nightshift.yaml'), CONFIGURATION(redis));
    const cold = await start(dir, { idle: true });
    const warm: Start[] = [];
    for (let i = 0; i < STARTS; i += 1) warm.push(await start(dir, { idle: i < SIZES }));
    return [readyOf(warm), sizeOf(warm), coldOf(cold)];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function readyOf(starts: readonly Start[]): Figure {
  const readyMs = starts.map((each) => each.readyMs);
  return {
    what: 'a daemon is ready after',
    figure: `${median(readyMs).toFixed(0)} ms`,
    bar: `< ${MOST_READY_MS / 1000} s`,
    met: median(readyMs) < MOST_READY_MS,
    how: `${spread(readyMs, { unit: 'ms' })}, from spawn to /readyz 200, Redis up, compile cache filled`,
  };
}

function sizeOf(starts: readonly Start[]): Figure {
  const sizes = starts.flatMap(({ idle }) => idle ?? []);
  const mib = sizes.map((size) => size.mib);
  return {
    what: 'an idle daemon has',
    figure: `${median(mib).toFixed(0)} MiB RSS`,
    bar: `≤ ${MOST_MIB} MiB`,
    met: median(mib) <= MOST_MIB,
    how: `${spread(mib, { unit: 'MiB' })}, ${IDLE_MS / 1000} s after it was ready; ${median(sizes.map(({ ownMib }) => ownMib)).toFixed(0)} MiB of it its own, the rest Node's program file`,
  };
}

function coldOf({ readyMs, idle }: Start): Figure {
  return {
    what: 'the first start after an update',
    figure: `${readyMs.toFixed(0)} ms, ${idle?.mib.toFixed(0)} MiB`,
    how: 'n=1, compile cache empty: types are stripped then, and the stripper stays',
  };
}

async function start(dir: string, { idle }: { idle: boolean }): Promise<Start> {
  const env = { PATH: process.env.PATH, HOME: dir, XDG_CACHE_HOME: join(dir, 'cache') };
  const began = performance.now();
  const daemon = spawn(process.execPath, [LAUNCHER, '--config', 'nightshift.yaml', 'daemon'], {
    cwd: dir,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const url = await addressOf(daemon);
    while (!(await isReady(url))) await sleep(ASK_EVERY_MS);
    const readyMs = performance.now() - began;
    if (!idle) return { readyMs, idle: undefined };
    await sleep(IDLE_MS);
    return { readyMs, idle: rssOf(daemon.pid ?? 0) };
  } finally {
    daemon.kill('SIGTERM');
    if (daemon.exitCode === null) await once(daemon, 'exit');
  }
}

/** Where it listens, as it says in its log. */
async function addressOf({ stderr }: ChildProcess): Promise<string> {
  const said: string[] = [];
  if (stderr === null) throw new Error('its log is not listened to');
  for await (const line of createInterface({ input: stderr })) {
    said.push(line);
    const url = /"url":"(http:[^"]+)"/.exec(line)?.[1];
    if (url !== undefined) {
      stderr.resume();
      return url;
    }
  }
  throw new Error(`the daemon ended before it listened:\n${said.join('\n')}`);
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).status === 200;
  } catch {
    return false;
  }
}

function rssOf(pid: number): Size {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { mib: mib('VmRSS'), ownMib: mib('RssAnon') };
}
