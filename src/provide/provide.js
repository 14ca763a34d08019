/**
 * What does this machine have of what Nightshift's own scripts need, and how does it get the rest?
 *
 * Plain JavaScript without packages for Node 20: it is what brings the packages and the newer Node.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, absolute. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'node_modules', '.bin');
const APT_INSTALL = join(ROOT, 'src/provide/apt-install');

/** Something is missing that a person has to see to. */
export class Missing extends Error {}

/**
 * A program, any one of `any`, and Debian's package of it.
 *
 * @typedef {{ readonly any: readonly string[], readonly debian: string }} Program
 */

/**
 * Who needs something, in words that begin a sentence (`The tests`), and how programs are run for it:
 * output streaming through, answering the exit code.
 *
 * @typedef {{
 *   readonly name: string,
 *   readonly run: (program: string, args: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>,
 * }} Needer
 */

/** @type {Program} */
export const REDIS = { any: ['redis-server', 'valkey-server'], debian: 'redis-server' };

/** The environment of whatever is run: npm's programs first, so also its Node; no colours in a file. */
export function environment() {
  const plain = process.stdout.isTTY || process.env.FORCE_COLOR !== undefined ? {} : { NO_COLOR: '1' };
  return { ...process.env, ...plain, PATH: [BIN, ...searchPath()].join(delimiter) };
}

function searchPath() {
  const inherited = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder && folder !== BIN);
  const administrators = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
  return [...inherited, ...administrators.filter((folder) => !inherited.includes(folder))];
}

/** @param {string} program */
function isHere(program) {
  return searchPath().some((folder) => {
    try {
      accessSync(resolve(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Installs the npm packages of the checkout, in which it must be called, unless they are there and no
 * older than the lock file, and looks for a Node that reads TypeScript.
 *
 * @param {Needer} needer
 */
export async function providePackages({ name, run }) {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (
    !existsSync(installed) ||
    statSync(installed).mtimeMs < statSync(join(ROOT, 'package-lock.json')).mtimeMs
  ) {
    process.stdout.write('Installing the npm packages (npm ci).\n');
    // With the machine's own Node: npm ci begins by deleting the one in node_modules.
    const env = { ...process.env, PATH: searchPath().join(delimiter) };
    const install = 'npm ci --loglevel=error --include=dev --include=optional';
    // One at a time: two of them at once leave a folder in which half is missing.
    const mine = `[ node_modules/.package-lock.json -nt package-lock.json ] || ${install}`;
    const inTurn = isHere('flock') ? ['flock', 'package-lock.json', 'sh', '-c', mine] : ['sh', '-c', mine];
    const [program = 'sh', ...args] = inTurn;
    if ((await run(program, args, env)) !== 0) throw new Missing('npm ci failed; what it said is above.');
  }

  const { stdout } = spawnSync('node', ['--version'], { env: environment(), encoding: 'utf8' });
  const [major = 0, minor = 0] = (stdout ?? '').replace('v', '').split('.').map(Number);
  if (major < 24 || (major === 24 && minor < 12))
    throw new Missing(
      `${name} needs Node 24.12 or newer. npm brings one along on Linux (x64, arm64) and nowhere else; here is ${stdout?.trim() || 'none'}.`,
    );
}

/**
 * Installs the programs that are missing where that is ours to do, on Debian as root.
 *
 * @param {readonly Program[]} programs
 * @param {Needer} needer
 */
export async function providePrograms(programs, { name, run }) {
  const missing = programs.filter(({ any }) => !any.some(isHere)).map(({ debian }) => debian);
  if (missing.length === 0) return;
  if (!isDebian() || process.getuid?.() !== 0)
    throw new Missing(
      `${name} needs ${missing.join(', ')} (Debian's names). Please install them; as root on Debian this is done for you.`,
    );
  process.stdout.write(`Installing ${missing.join(', ')} (apt-get).\n`);
  if ((await run(APT_INSTALL, missing, environment())) !== 0)
    throw new Missing(`apt-get did not install ${missing.join(', ')}; what it said is above.`);
}

export function isDebian() {
  return release('ID') === 'debian';
}

/**
 * What /etc/os-release says; empty where it says nothing.
 *
 * @param {string} key
 */
export function release(key) {
  const file = '/etc/os-release';
  if (!existsSync(file)) return '';
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${key}=`));
  return (line ?? '').slice(key.length + 1).replaceAll('"', '');
}
