#!/usr/bin/env node
/**
 * Starts the command line on a Node that reads TypeScript: this one, or the one that npm installed beside it.
 *
 * Plain JavaScript that old Nodes can parse, since here they are told what is needed.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 24 || (major === 24 && minor >= 12)) {
  // Not Node's own choice, a directory below /tmp: what is read back from it is executed.
  module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nightshift'));
  void import('./strip-types.js').then(() => import('./cli/main.ts'));
} else {
  const node = bundledNode();
  if (node) runOn(node);
  else {
    console.error(
      `Nightshift needs Node 24.12 or newer and this is ${process.versions.node}; npm install brings one along on Linux (x64, arm64), nodejs.org has the others.`,
    );
    process.exitCode = 78;
  }
}

function bundledNode() {
  try {
    const require = module.createRequire(import.meta.url);
    return require.resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}

/** @param {string} node */
function runOn(node) {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(node, [...process.execArgv, self, ...process.argv.slice(2)], { stdio: 'inherit' });
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);
  for (const signal of signals)
    process.on(signal, () => {
      if (signal === 'SIGTERM' || !inForegroundOfTerminal()) child.kill(signal);
    });
  child.on('error', (error) => {
    console.error(
      `The Node that npm installed does not start (${error.message}); Nightshift needs Node 24.12 or newer.`,
    );
    process.exitCode = 78;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const each of signals) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}

/** A terminal sends its signals to both processes, and a second Ctrl-C means something else. */
function inForegroundOfTerminal() {
  try {
    const afterName = readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /s, '');
    const [, , group, , , foreground] = afterName.split(' ');
    return group === foreground;
  } catch {
    return false;
  }
}
