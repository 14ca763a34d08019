/**
 * `npm run demo`: provides what this machine lacks, and runs the demo in the first folder that no other
 * demo is using: var/demo, var/demo-2, …
 *
 * Plain JavaScript without packages for Node 20: it is what brings the rest. Exit codes: those of the
 * demo (see src/demo/main.ts), 78 when the machine lacks something.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { environment, Missing, providePackages, providePrograms, REDIS, ROOT } from './provide/provide.js';

/** By which `flock`, and the demo itself, say that somebody else uses the folder. */
const TAKEN = 85;
const MOST_DEMOS = 20;
/** Where the folders are. */
const HOME = process.env.NIGHTSHIFT_DEMO_IN || 'var';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/**
 * Answers the exit code, or the signal that ended it.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number | NodeJS.Signals>}
 */
function start(program, args, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    running.add(child);
    child.on('error', (error) => {
      running.delete(child);
      process.stderr.write(`${program} does not start: ${error.message}\n`);
      resolve(127);
    });
    child.on('exit', (code, signal) => {
      running.delete(child);
      resolve(signal ?? code ?? 1);
    });
  });
}

/** @returns {Promise<number | NodeJS.Signals>} */
async function demo() {
  const needer = {
    name: 'The demo',
    /** @type {(program: string, args: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>} */
    run: async (...given) => {
      const end = await start(...given);
      return typeof end === 'number' ? end : 1;
    },
  };
  await providePackages(needer);
  await providePrograms([REDIS], needer);

  for (let n = 1; n <= MOST_DEMOS; n += 1) {
    const folder = join(HOME, n === 1 ? 'demo' : `demo-${n}`);
    mkdirSync(folder, { recursive: true });
    // The kernel's lock stays with the demo's process and goes with it, whatever ends it.
    const lock = ['--nonblock', '--no-fork', '--conflict-exit-code', `${TAKEN}`, join(folder, 'lock')];
    const command = ['node', join('src', 'demo', 'main.ts'), ...process.argv.slice(2)];
    const env = { ...environment(), NIGHTSHIFT_DEMO: folder };
    const end = await start('flock', [...lock, ...command], env);
    if (end !== TAKEN) return end;
  }
  throw new Missing(`${MOST_DEMOS} demos run here already; end one of them.`);
}

// A terminal sends Ctrl-C to the demo as well; whatever else comes to this process alone is passed on.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => {
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    for (const child of running) child.kill(signal);
  });

process.chdir(ROOT);
try {
  const end = await demo();
  if (typeof end === 'number') process.exitCode = end;
  else {
    process.removeAllListeners(end);
    process.kill(process.pid, end);
  }
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 78;
}
