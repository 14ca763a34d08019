/**
 * The driver behind `npm run check`, `npm test`, `npm run test:lab`, `npm run bench:*` and .ci/run: installs what is
 * missing, runs what was asked for, and leaves no process behind.
 *
 *   node test/run.js check | test [vitest's arguments] | lab [vitest's arguments] | bench NAME [its arguments] | ci
 *
 * Plain JavaScript without packages for Node 20: it is what brings the rest. Exit codes: 0 all is well,
 * 1 something failed, 78 the machine lacks something, 130 and 143 interrupted.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import {
  environment,
  Missing,
  providePackages,
  providePrograms,
  REDIS,
  ROOT,
} from '../src/provide/provide.js';
import {
  LAB_PROGRAMS,
  MAIL_PROGRAMS,
  MONITORING_PROGRAMS,
  TEST_PROGRAMS,
  TEST_RUN,
  untried,
  whyNoLab,
} from './support/machine.js';
import { endChildrenOnSignals, endStrays, interruption, run, runAnyway } from './support/processes.js';
import { addUp, sentence, tally } from './support/tally.js';

/** @typedef {import('./support/tally.js').Tally} Tally */

const RESULTS = join(ROOT, 'var', 'test');
const LAB = join(ROOT, 'test', 'lab', 'openstack', 'up');

/** @returns {Promise<Tally>} */
async function check() {
  await providePackages(TEST_RUN);
  const checks = {
    tsc: [],
    oxlint: ['--type-aware', '--deny-warnings'],
    biome: ['check'],
    knip: [],
    vitest: ['run', '-c', 'test/vitest.config.ts', 'test/rooms.test.ts'],
  };

  const failed = [];
  for (const [program, args] of Object.entries(checks)) {
    if (interruption()) break;
    console.log(`\n${[program, ...args].join(' ')}`);
    if ((await run(program, args, environment())) !== 0) failed.push(program);
  }

  if (failed.length > 0 && !interruption()) console.error(`\nThe check failed: ${failed.join(', ')}.`);
  return { passed: 0, failed: failed.length > 0 ? 1 : 0, skipped: 0 };
}

/** @param {readonly string[]} args */
async function test(args) {
  await providePackages(TEST_RUN);
  await providePrograms(TEST_PROGRAMS, TEST_RUN);
  await provideIfPossible([...MONITORING_PROGRAMS, ...MAIL_PROGRAMS]);
  return await vitest('test', args, environment());
}

/**
 * What tests can be skipped without; says why it is not there.
 *
 * @param {readonly import('./support/machine.js').Program[]} programs
 */
async function provideIfPossible(programs) {
  for (const program of programs) {
    try {
      await providePrograms([program], TEST_RUN);
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      if (!interruption()) console.log(`Tests of ${program.debian} are skipped here: ${error.message}`);
    }
  }
}

/** @param {readonly string[]} args */
async function bench([name = '', ...args]) {
  const script = join('test', 'bench', `${name}.ts`);
  if (!existsSync(script)) throw new Missing(`There is no ${script} to run.`);
  await providePackages(TEST_RUN);
  await providePrograms([REDIS], TEST_RUN);
  const failed = (await run('node', [script, ...args], environment())) === 0 ? 0 : 1;
  return { passed: 1 - failed, failed, skipped: 0 };
}

/** @param {readonly string[]} args */
async function lab(args) {
  const running = process.env.LAB_DIR;
  const obstacle = running ? undefined : whyNoLab();
  if (obstacle) throw new Missing(obstacle);
  await providePackages(TEST_RUN);
  await providePrograms(LAB_PROGRAMS, TEST_RUN);
  if (running) return await vitest('lab', args, environment());

  const dirs = Array.from({ length: labsHere() }, () => mkdtempSync(join(tmpdir(), 'nightshift-lab-')));
  try {
    // One after the other: each looks for ports that are free, and takes them only then.
    for (const dir of dirs) {
      if ((await run(LAB, ['up', '--dir', dir, '--port-shift', 'auto'], environment())) === 0) continue;
      if (!interruption()) console.error('The lab did not come up.');
      return keepLogs(dirs, { passed: 0, failed: 1, skipped: 0 });
    }
    return keepLogs(dirs, await vitest('lab', args, { ...environment(), LAB_DIR: dirs.join(':') }));
  } finally {
    await Promise.all(dirs.map((dir) => runAnyway(LAB, ['down', '--dir', dir, '--purge'], environment())));
  }
}

/** Two clouds halve the time, and each takes more than a GiB of memory. */
function labsHere() {
  return totalmem() > 6 * 2 ** 30 ? 2 : 1;
}

/**
 * @param {readonly string[]} dirs
 * @param {Tally} result
 */
function keepLogs(dirs, result) {
  const logs = join(RESULTS, 'lab-log');
  rmSync(logs, { recursive: true, force: true });
  if (result.failed > 0 && !interruption()) {
    for (const [n, dir] of dirs.entries())
      if (existsSync(join(dir, 'log'))) cpSync(join(dir, 'log'), join(logs, `${n + 1}`), { recursive: true });
    console.error(`The lab's logs are kept in ${logs}.`);
  }
  return result;
}

/**
 * @param {'test' | 'lab'} name
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function vitest(name, args, env) {
  const config = name === 'lab' ? 'test/lab/vitest.config.ts' : 'test/vitest.config.ts';
  const report = join(RESULTS, `${name}.json`);
  mkdirSync(RESULTS, { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const exit = await run('vitest', ['run', '-c', config, ...reporters, ...args], env);
  const result = tally(exit, readReport(report));
  for (const skipped of result.skippedNames) console.log(`Skipped here: ${skipped}`);
  return result;
}

/** @param {string} path */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // vitest ended before it could write
  }
}

/**
 * Check, tests and lab in this order, each whatever became of the one before. Real peers on a busy machine
 * come late at times: a test that failed is tried once more, and the report names it with `retry`.
 */
async function ci() {
  const results = [];
  for (const part of [check, () => test(['--retry=1']), () => lab(['--retry=1'])]) {
    if (interruption()) break;
    results.push(await orMissing(part));
  }
  return addUp(results);
}

/**
 * On a machine that cannot run a part the others still count; the part itself counts as skipped if it
 * is the lab, which not every machine can have, and as failed otherwise.
 *
 * @param {() => Promise<Tally>} part
 */
async function orMissing(part) {
  try {
    return await part();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    if (!interruption()) console.error(error.message);
    return error.message === whyNoLab()
      ? { passed: 0, failed: 0, skipped: 1 }
      : { passed: 0, failed: 1, skipped: 0 };
  }
}

/** @returns {Promise<number>} the exit code */
async function main() {
  const [command = '', ...args] = process.argv.slice(2);
  const commands = { check, test: () => test(args), lab: () => lab(args), bench: () => bench(args), ci };
  if (!(command in commands)) {
    console.error('node test/run.js check | test | lab | bench | ci');
    return 2;
  }
  process.chdir(ROOT);
  endChildrenOnSignals();

  const result = await orStrays(commands[/** @type {keyof typeof commands} */ (command)]);
  if (command !== 'check' && command !== 'bench') for (const each of untried()) console.log(each);
  if (command === 'ci') console.log(sentence(result));
  return result.failed > 0 || (command !== 'check' && result.passed === 0) ? 1 : 0;
}

/**
 * A run that leaves a process behind has failed, however well it did.
 *
 * @param {() => Promise<Tally>} part
 */
async function orStrays(part) {
  let strays;
  let result;
  try {
    result = await part();
  } finally {
    strays = await endStrays(5_000);
    if (!interruption()) for (const stray of strays) console.error(`Left running, now ended: ${stray}`);
  }
  return strays.length > 0 ? addUp([result, { passed: 0, failed: 1, skipped: 0 }]) : result;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  if (!interruption()) console.error(error.message);
  process.exitCode = 78;
}
const signal = interruption();
if (signal) process.exitCode = 128 + constants.signals[signal];
