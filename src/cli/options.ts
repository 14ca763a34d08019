/** Options of a job as they are typed: `--option limit=2 --option hosts=[hv01,hv02]`. */
import { InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import type { Json } from '../engine/job.ts';

/** Adds one `name=value` to those before it; given twice, the values become a list. */
export function parseOptions(typed: string, before: Record<string, Json> = {}): Record<string, Json> {
  const at = typed.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is written name=value.');
  const name = typed.slice(0, at);
  const value = parseValue(typed.slice(at + 1));
  const earlier = before[name];
  if (earlier === undefined) return { ...before, [name]: value };
  return { ...before, [name]: [...(Array.isArray(earlier) ? earlier : [earlier]), value] };
}

/** YAML, so that 2 is a number, true a truth and [a, b] a list, and anything else a text. */
export function parseValue(typed: string): Json {
  try {
    return (parse(typed) ?? typed) as Json;
  } catch {
    return typed;
  }
}
