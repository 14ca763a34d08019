/** Options of a job as they are typed: `--option limit=2 --option hosts=[hv01,hv02]`. */
import { isDeepStrictEqual } from 'node:util';
import { InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Json } from '../engine/job.ts';

/** What was typed behind each name, in the order in which it was given. */
export type Typed = Readonly<Record<string, readonly string[]>>;

/** Adds one `name=value` to those before it. */
export function parseOptions(typed: string, before: Typed = {}): Typed {
  const at = typed.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is written name=value.');
  const name = typed.slice(0, at);
  return { ...before, [name]: [...(before[name] ?? []), typed.slice(at + 1)] };
}

/** The values as the job wants them: 9.10 is a version where it takes a text. Given twice, they become a list. */
export function valuesOf(typed: Typed, schema: z.ZodType): Record<string, Json> {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const entries = Object.entries(typed).map(([name, texts]): [string, Json] => {
    const property = properties[name];
    const isText = typeof property === 'object' && property.type === 'string';
    const [first = '', ...more] = texts.map((text) => (isText ? parseText(text) : parseValue(text)));
    return [name, more.length === 0 ? first : [first, ...more]];
  });
  return Object.fromEntries(entries);
}

/** Those that change something: without them the job would take something else. */
export function tellingOptions(options: Json, schema: z.ZodType | undefined): Json {
  const whole = schema?.safeParse(options);
  if (schema === undefined || !isRecord(options) || !isRecord(whole?.data)) return options;
  const taken = whole.data;
  const telling = Object.keys(options).filter((name) => {
    const { [name]: _, ...others } = options;
    const without = schema.safeParse(others).data;
    return !isRecord(without) || !isDeepStrictEqual(without[name], taken[name]);
  });
  return Object.fromEntries(telling.map((name) => [name, options[name]]));
}

function isRecord(value: unknown): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** YAML, so that 2 is a number, true a truth and [a, b] a list, and anything else a text. */
export function parseValue(typed: string): Json {
  try {
    return (parse(typed) ?? typed) as Json;
  } catch {
    return typed;
  }
}

function parseText(typed: string): string {
  const value = parseValue(typed);
  return typeof value === 'string' ? value : typed;
}
