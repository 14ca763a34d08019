/** Runs what a check or a test run needs, and answers which of its processes have stayed behind. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * The limit on the size of files in bytes, some PiB, of every process of this run: a mark that is
 * inherited however a process detaches itself. The environment would not do, since redis-server and
 * sshd overwrite theirs with the title that `ps` shows.
 */
const MARK = String(2 ** 52 + Date.now() * 1000 + (process.pid % 1000));
const PRLIMIT = '/usr/bin/prlimit';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** @type {NodeJS.Signals | undefined} */
let interruptedBy;

/** The signal that asked this run to stop, if one did. */
export function interruption() {
  return interruptedBy;
}

/** From now on SIGINT and SIGTERM end what is running, with everything below it; a second one at once. */
export function endChildrenOnSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => {
      const again = interruptedBy !== undefined;
      interruptedBy = signal;
      for (const child of running) {
        signalGroup(child, again ? 'SIGKILL' : 'SIGTERM');
        setTimeout(() => signalGroup(child, 'SIGKILL'), 10_000).unref();
      }
    });
}

/**
 * Runs a program in a process group of its own, its output streaming through, and answers its exit
 * code: 127 when it could not be started, 128 and more when a signal ended it. Starts nothing any
 * more once the run is interrupted; `runAnyway` does.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export async function run(program, args, env) {
  return interruptedBy === undefined
    ? await runAnyway(program, args, env)
    : 128 + constants.signals[interruptedBy];
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export function runAnyway(program, args, env) {
  const marked = existsSync(PRLIMIT) ? [PRLIMIT, `--fsize=${MARK}:`, program, ...args] : [program, ...args];
  return new Promise((resolve) => {
    const child = spawn(String(marked[0]), marked.slice(1), { detached: true, stdio: 'inherit', env });
    running.add(child);
    child.on('error', (error) => {
      running.delete(child);
      console.error(`${program} does not start: ${error.message}`);
      resolve(127);
    });
    child.on('exit', (code, signal) => {
      running.delete(child);
      resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']);
    });
  });
}

/**
 * The processes of this run that outlived it, one line for each; they had `graceMs` to end by
 * themselves and are killed, by pid. Needs Linux: elsewhere nothing is seen.
 *
 * @param {number} graceMs
 * @returns {Promise<string[]>}
 */
export async function endStrays(graceMs) {
  const until = Date.now() + graceMs;
  let strays = findStrays();
  while (strays.length > 0 && Date.now() < until) {
    await pause(50);
    strays = findStrays();
  }
  for (const { pid } of strays) signalProcess(pid, 'SIGKILL');
  return strays.map(({ pid, command }) => `${pid} ${command}`);
}

function findStrays() {
  return processIds().flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/limits`, 'utf8').includes(MARK)) return [];
      const ended = /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      if (ended) return []; // only its parent, often not ours, can remove the rest of it
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [{ pid, command: command || readlinkSync(`/proc/${pid}/exe`) }];
    } catch {
      return []; // ended meanwhile, or somebody else's
    }
  });
}

function processIds() {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function signalGroup(child, signal) {
  if (child.pid !== undefined && running.has(child)) signalProcess(-child.pid, signal);
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // ended meanwhile
  }
}
