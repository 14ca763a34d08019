/**
 * What stands in for `{{ options.version }}`?
 *
 * Own code, because a template library would bring loops, filters and leniency: a command line wants
 * none of these. There is a name or there is a fault, and what is filled in is never looked at again.
 */
import type { Json } from '../engine/job.ts';

/** By name as the template says it: `options.version`, `target.name`. */
export type Values = ReadonlyMap<string, Json>;

/** Between the braces a name, or a text in quotes: the way to braces that are another program's. */
const TEMPLATE = /\{\{\s*("(?:[^"\\]|\\.)*"|[^{}"]*?)\s*\}\}/g;

/** The names that the texts in a value ask for, each once. */
export function namesIn(value: unknown): string[] {
  const names = textsIn(value).flatMap((text) => [...text.matchAll(TEMPLATE)].map(([, name]) => name!));
  return [...new Set(names.filter((name) => literalOf(name) === undefined))];
}

/** True when braces were opened and no template came of it. */
export function isBroken(text: string): boolean {
  return text.replaceAll(TEMPLATE, '').includes('{{');
}

/** The value with every name filled in. A text that is one template alone takes the value as it is, with its type. */
export function fill(value: Json, values: Values): Json {
  if (typeof value === 'string') return fillText(value, values);
  if (Array.isArray(value)) return value.map((item: Json) => fill(item, values));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item as Json, values)]));
}

/** A text with every name filled in, as a text whatever it is. */
export function fillWord(text: string, values: Values): string {
  const filled = fillText(text, values);
  return typeof filled === 'string' ? filled : JSON.stringify(filled);
}

/** Fills in what is known; a name that is not stays as it was written, for people to read. */
export function fillKnown(text: string, values: Values): string {
  return text.replaceAll(TEMPLATE, (written, name: string) =>
    say(literalOf(name) ?? values.get(name) ?? written),
  );
}

function fillText(text: string, values: Values): Json {
  const [whole] = text.matchAll(TEMPLATE);
  if (whole?.[0] === text) return valueOf(whole[1]!, values);
  return text.replaceAll(TEMPLATE, (_, name: string) => say(valueOf(name, values)));
}

function valueOf(name: string, values: Values): Json {
  const value = literalOf(name) ?? values.get(name);
  if (value === undefined) throw new TypeError(`{{ ${name} }} was not checked when the file was read`);
  return value;
}

/** What a quoted text stands for; undefined for a name. */
function literalOf(name: string): string | undefined {
  if (!name.startsWith('"')) return undefined;
  try {
    return JSON.parse(name) as string;
  } catch {
    return undefined;
  }
}

function say(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
