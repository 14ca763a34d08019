/** The simulated cloud as it lies in a file, from which it goes on after its process was killed. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SshKeys } from './hosts.ts';
import type { State } from './state.ts';

export interface Kept {
  readonly state: State;
  readonly keys: SshKeys;
}

/** Undefined when there is no such file. */
export function readKept(path: string): Kept | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as Kept;
}

/** Whole or not at all. For nobody else to read: the keys are in it. */
export function writeKept(path: string, kept: Kept): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(kept), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
