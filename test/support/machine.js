/** What the tests need of this machine, and what they leave untried on it. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDebian, REDIS, ROOT, release } from '../../src/provide/provide.js';
import { run } from './processes.js';

/** @typedef {import('../../src/provide/provide.js').Program} Program */

/** Whom to provide for. */
export const TEST_RUN = { name: 'The test run', run };

/** @type {readonly Program[]} */
export const TEST_PROGRAMS = [
  REDIS,
  { any: ['sshd'], debian: 'openssh-server' },
  { any: ['ssh-keygen'], debian: 'openssh-client' },
  { any: ['openssl'], debian: 'openssl' },
];

/**
 * Real peers of tests that are skipped, and named, where these cannot be had.
 *
 * @type {readonly Program[]}
 */
export const MONITORING_PROGRAMS = [
  { any: ['prometheus-alertmanager'], debian: 'prometheus-alertmanager' },
  { any: ['prometheus'], debian: 'prometheus' },
];

/**
 * As those before.
 *
 * @type {readonly Program[]}
 */
export const MAIL_PROGRAMS = [
  { any: ['postfix'], debian: 'postfix' },
  { any: ['dovecot'], debian: 'dovecot-imapd' },
  { any: ['/usr/lib/dovecot/lmtp'], debian: 'dovecot-lmtpd' },
];

/** The lab installs what else it needs by itself. @type {readonly Program[]} */
export const LAB_PROGRAMS = [...TEST_PROGRAMS, { any: ['/usr/bin/python3'], debian: 'python3' }];

/** Why a real OpenStack cannot be brought up here; undefined if it can. */
export function whyNoLab() {
  if (!isDebian() || release('VERSION_ID') !== '12')
    return `The lab is made of Debian 12's OpenStack packages, and this is ${release('PRETTY_NAME') || process.platform}.`;
  if (process.getuid?.() !== 0)
    return 'The lab needs root: its hypervisors are namespaces with an sshd each.';
  return undefined;
}

/** What the tests leave untried on this machine, a sentence each. */
export function untried() {
  if (!existsSync(join(ROOT, 'Dockerfile'))) return [];
  const { status, stderr, error } = spawnSync('docker', ['version'], { encoding: 'utf8', timeout: 10_000 });
  if (status === 0) return [];
  const reason = error?.message.includes('ENOENT') ? 'there is no docker' : (stderr || String(error)).trim();
  return [`The container image is neither built nor started: ${reason}`];
}
