/** What this machine has of what the tests need, and how it gets the rest. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './processes.js';

/** The checkout, absolute. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'node_modules', '.bin');

/** Something is missing that a person has to see to. */
export class Missing extends Error {}

/**
 * A program, any one of `any`, and Debian's package of it.
 *
 * @typedef {{ readonly any: readonly string[], readonly debian: string }} Program
 */

/** @type {readonly Program[]} */
export const TEST_PROGRAMS = [
  { any: ['redis-server', 'valkey-server'], debian: 'redis-server' },
  { any: ['sshd'], debian: 'openssh-server' },
  { any: ['ssh-keygen'], debian: 'openssh-client' },
  { any: ['openssl'], debian: 'openssl' },
];

/** The lab installs what else it needs by itself. @type {readonly Program[]} */
export const LAB_PROGRAMS = [...TEST_PROGRAMS, { any: ['/usr/bin/python3'], debian: 'python3' }];

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
 * Installs the npm packages of the working directory unless they are there and no older than the lock
 * file, and looks for a Node that reads TypeScript.
 */
export async function providePackages() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (
    !existsSync(installed) ||
    statSync(installed).mtimeMs < statSync(join(ROOT, 'package-lock.json')).mtimeMs
  ) {
    console.log('Installing the npm packages (npm ci).');
    // With the machine's own Node: npm ci begins by deleting the one in node_modules.
    const env = { ...process.env, PATH: searchPath().join(delimiter) };
    const args = ['ci', '--loglevel=error', '--include=dev', '--include=optional'];
    if ((await run('npm', args, env)) !== 0) throw new Missing('npm ci failed; what it said is above.');
  }

  const { stdout } = spawnSync('node', ['--version'], { env: environment(), encoding: 'utf8' });
  const [major = 0, minor = 0] = (stdout ?? '').replace('v', '').split('.').map(Number);
  if (major < 24 || (major === 24 && minor < 12))
    throw new Missing(
      `The tests need Node 24.12 or newer. npm brings one along on Linux (x64, arm64) and nowhere else; here is ${stdout.trim() || 'none'}.`,
    );
}

/**
 * Installs the programs that are missing where that is ours to do, on Debian as root.
 *
 * @param {readonly Program[]} programs
 */
export async function providePrograms(programs) {
  const missing = programs.filter(({ any }) => !any.some(isHere)).map(({ debian }) => debian);
  if (missing.length === 0) return;
  if (!isDebian() || process.getuid?.() !== 0)
    throw new Missing(
      `The tests need ${missing.join(', ')} (Debian's names). Please install them; as root on Debian this is done for you.`,
    );
  console.log(`Installing ${missing.join(', ')} (apt-get).`);
  if ((await run(join(ROOT, 'test/support/apt-install'), missing, environment())) !== 0)
    throw new Missing(`apt-get did not install ${missing.join(', ')}; what it said is above.`);
}

/** Why a real OpenStack cannot be brought up here; undefined if it can. */
export function whyNoLab() {
  if (!isDebian() || release('VERSION_ID') !== '12')
    return `The lab is made of Debian 12's OpenStack packages, and this is ${release('PRETTY_NAME') || process.platform}.`;
  if (process.getuid?.() !== 0)
    return 'The lab needs root: its hypervisors are namespaces with an sshd each.';
  return undefined;
}

function isDebian() {
  return release('ID') === 'debian';
}

/** @param {string} key */
function release(key) {
  const file = '/etc/os-release';
  if (!existsSync(file)) return '';
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${key}=`));
  return (line ?? '').slice(key.length + 1).replaceAll('"', '');
}

/** What the tests leave untried on this machine, a sentence each. */
export function untried() {
  if (!existsSync(join(ROOT, 'Dockerfile'))) return [];
  const { status, stderr, error } = spawnSync('docker', ['version'], { encoding: 'utf8', timeout: 10_000 });
  if (status === 0) return [];
  const reason = error?.message.includes('ENOENT') ? 'there is no docker' : (stderr || String(error)).trim();
  return [`The container image is neither built nor started: ${reason}`];
}
