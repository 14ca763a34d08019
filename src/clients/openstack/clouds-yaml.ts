/** What clouds.yaml and secure.yaml say of a cloud, wherever they lie. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { messageOf } from '../../domain/failure.ts';
import type { Faults } from './faults.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
}

export type Entry = Readonly<Record<string, unknown>>;

export interface CloudsFile {
  readonly path: string;
  readonly clouds: ReadonlyMap<string, Entry>;
}

/**
 * The first clouds.yaml there is, with secure.yaml laid over it; undefined when there is none. The
 * places are the ones of the other OpenStack clients. What is wrong is added to `faults`.
 */
export function readClouds(around: Surroundings, faults: Faults): CloudsFile | undefined {
  const open = readFirst('clouds.yaml', 'OS_CLIENT_CONFIG_FILE', around, faults);
  if (open === undefined) return undefined;
  const secret = readFirst('secure.yaml', 'OS_CLIENT_SECURE_FILE', around, faults);
  const merged = merge(open.content, secret?.content ?? {});
  const clouds = isMap(merged['clouds']) ? merged['clouds'] : {};
  return {
    path: open.path,
    clouds: new Map(Object.entries(clouds).map(([name, entry]) => [name, isMap(entry) ? entry : {}])),
  };
}

function readFirst(
  file: string,
  variable: string,
  { env, cwd, home }: Surroundings,
  faults: Faults,
): { path: string; content: Entry } | undefined {
  const named = env[variable];
  const places = [cwd, join(home, '.config/openstack'), '/etc/openstack'].map((place) => join(place, file));
  for (const path of named ? [resolve(cwd, named)] : places) {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (isAbsent && named) faults.add(variable, `there is no file ${path}`);
      if (!isAbsent) faults.add(path, `cannot be read: ${messageOf(error)}`);
      if (isAbsent) continue;
      return undefined;
    }
    return { path, content: parse(path, text, faults) };
  }
  return undefined;
}

function parse(path: string, text: string, faults: Faults): Entry {
  // Every scalar as it is written: a password 0123 is no number.
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false });
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length;
  // The parser's own message can quote the line, and the line can hold a password.
  for (const error of document.errors)
    faults.add(`${path} line ${lineOf(error.pos[0])}`, `no valid YAML (${error.code})`);
  if (document.errors.length > 0) return {};
  const content: unknown = document.toJS();
  if (isMap(content)) return content;
  faults.add(path, `must hold a map with the key clouds`);
  return {};
}

function merge(base: Entry, over: Entry): Entry {
  const both = Object.entries(over).map(([key, value]) => {
    const below = base[key];
    return [key, isMap(below) && isMap(value) ? merge(below, value) : value] as const;
  });
  return { ...base, ...Object.fromEntries(both) };
}

function isMap(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
