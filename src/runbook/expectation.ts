/** Is the answer of a command the one that was expected, and if not, what is wrong with it? */
import type { CommandResult } from '../domain/fleet.ts';
import type { Expected, TextWanted } from './shapes.ts';
import { fillWord, type Values } from './template.ts';

/** Letters of an answer that people are shown. */
const SHOWN = 200;

/**
 * What speaks against it; undefined when all is as expected. A probe that says what it wants to read does
 * not mind the exit code, because `systemctl is-active` ends with 3 where it answers `inactive`.
 */
export function mismatch(
  result: CommandResult,
  expected: Expected,
  { values, probe }: { readonly values: Values; readonly probe: boolean },
): string | undefined {
  const { exit, stdout, stderr } = expected;
  const reads = stdout !== undefined || stderr !== undefined;
  const codes = exit === undefined ? (probe && reads ? undefined : [0]) : [exit].flat();
  if (codes !== undefined && !codes.includes(result.exit)) return `exit ${result.exit}: ${lastWords(result)}`;
  for (const [stream, wanted] of [
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const) {
    if (wanted === undefined || fits(result[stream], wanted, values)) continue;
    return `${stream} is ${quoted(result[stream])}, not ${sayWanted(wanted, values)}`;
  }
  return undefined;
}

/** What it is that was found, for a step that has nothing to do. */
export function sayMatch(result: CommandResult, { stdout, stderr }: Expected): string {
  if (stdout !== undefined) return `stdout is ${quoted(result.stdout)}`;
  if (stderr !== undefined) return `stderr is ${quoted(result.stderr)}`;
  return `exit ${result.exit}`;
}

export function fits(said: string, wanted: TextWanted, values: Values): boolean {
  if (typeof wanted === 'string') return said.trim() === fillWord(wanted, values).trim();
  if ('contains' in wanted) return said.includes(fillWord(wanted.contains, values));
  return RegExp(wanted.matches, 'mu').test(said);
}

export function sayWanted(wanted: TextWanted, values: Values): string {
  if (typeof wanted === 'string') return quoted(fillWord(wanted, values));
  if ('contains' in wanted) return `something with ${quoted(fillWord(wanted.contains, values))}`;
  return `of the form ${wanted.matches}`;
}

function lastWords({ stderr, stdout }: CommandResult): string {
  const last = (text: string) => text.trim().split('\n').at(-1)?.slice(0, SHOWN) ?? '';
  return last(stderr) || last(stdout) || 'it says nothing';
}

function quoted(text: string): string {
  const trimmed = text.trim();
  return JSON.stringify(trimmed.length > SHOWN ? `${trimmed.slice(0, SHOWN)}…` : trimmed);
}
