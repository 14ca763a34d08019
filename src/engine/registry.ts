/** Which jobs there are: one file each in a folder, the file's name being the job's. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { z } from 'zod';
import { messageOf } from '../domain/failure.ts';
import type { Job } from './job.ts';

export interface RegisteredJob<Clients = unknown> {
  readonly name: string;
  readonly job: Job<z.ZodType, Clients>;
  /** `sha256:…` of the file: which version of the job a run began with. */
  readonly definition: string;
  /**
   * The definition whole, where a run is to finish the one that it began with: stored with its first run,
   * and read back by `EngineOptions.revive`. Without it a run goes on with whatever this version has.
   */
  readonly source?: string;
}

export type Registry<Clients = unknown> = ReadonlyMap<string, RegisteredJob<Clients>>;

/** Loads every `*.ts` of the folder. Throws, naming the file, when one is no job. */
export async function loadJobs<Clients>(folder: string): Promise<Registry<Clients>> {
  const files = (await readdir(folder)).filter((file) => /^[a-z][a-z0-9-]*\.ts$/.test(file)).toSorted();
  const jobs = files.map((file) => loadJob<Clients>(join(folder, file)));
  return new Map((await Promise.all(jobs)).map((job) => [job.name, job]));
}

async function loadJob<Clients>(file: string): Promise<RegisteredJob<Clients>> {
  const module = await importJob<Clients>(file);
  const job = module.default;
  if (typeof job?.run !== 'function' || typeof job.summary !== 'string' || job.options === undefined) {
    throw new TypeError(`${file} is no job: its default export must come from defineJob`);
  }
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  return { name: basename(file, '.ts'), job, definition: `sha256:${digest}` };
}

async function importJob<Clients>(file: string): Promise<{ default?: Job<z.ZodType, Clients> }> {
  try {
    return (await import(pathToFileURL(file).href)) as { default?: Job<z.ZodType, Clients> };
  } catch (error) {
    throw new TypeError(`${placeOf(error, file)} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
}

/** The file, and the line where the error tells one of that file. */
function placeOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const [, behind = ''] = stack.split(`${file}:`);
  const [line] = /^\d+/.exec(behind) ?? [];
  return line === undefined ? file : `${file}:${line}`;
}
