/** Runs what a check or a test run needs, and answers which of its processes have stayed behind. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

/** In the environment of every process of this run, however detached: what stays behind is found by it. */
const MARK = `NIGHTSHIFT_TEST_RUN=${process.pid}.${Date.now()}`;

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
  const [name, value] = MARK.split('=');
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      detached: true,
      stdio: 'inherit',
      env: { ...env, [String(name)]: value },
    });
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
 * themselves and are killed, by pid. Needs /proc: without it nothing is seen.
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
      const marked = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(MARK);
      if (!marked) return [];
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
