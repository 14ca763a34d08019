/** Which jobs are there: those that come with Nightshift, and the site's own beside them, in TypeScript or YAML. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { JobFilesError } from './config/job-files.ts';
import { readingFault } from './config/secret.ts';
import type { Clients } from './context.ts';
import { PermanentError } from './domain/failure.ts';
import type { Fault } from './domain/words.ts';
import { loadJobs, type RegisteredJob, type Registry } from './engine/registry.ts';
import { readRunbook } from './runbook/runbook.ts';

const OURS = fileURLToPath(new URL('../jobs/', import.meta.url));

/** The jobs that come with Nightshift. */
export function ownJobs(): Promise<Registry<Clients>> {
  return loadFolder(OURS);
}

/**
 * The jobs in a site's folder. Rejects when one of them cannot be loaded or takes the name of one of ours;
 * with `JobFilesError` when YAML files are faulty.
 */
export async function siteJobs(folder: string): Promise<Registry<Clients>> {
  const [ours, theirs] = await Promise.all([ownJobs(), loadFolder(folder)]);
  const taken = [...theirs.values()].find(({ name }) => ours.has(name));
  if (taken === undefined) return theirs;
  const file = join(folder, `${taken.name}.${taken.source === undefined ? 'ts' : 'yaml'}`);
  throw new PermanentError(`${file} has the name of a job that comes with Nightshift; give it another`);
}

async function loadFolder(folder: string): Promise<Registry<Clients>> {
  try {
    const jobs = await loadJobs<Clients>(folder);
    return new Map([...jobs, ...(await loadRunbooks(folder, jobs))]);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && error.syscall === 'scandir')
      throw new PermanentError(`${folder} ${readingFault(error)}`, { cause: error });
    throw error;
  }
}

/** Every YAML job of the folder; a file without fault is still no job while another has one. */
async function loadRunbooks(folder: string, beside: Registry<Clients>): Promise<Registry<Clients>> {
  const files = (await readdir(folder)).filter((file) => /\.ya?ml$/.test(file)).toSorted();
  const read = await Promise.all(files.map((file) => loadRunbook(join(folder, file), beside)));
  const faults = read.flatMap((one) => ('faults' in one ? one.faults : []));
  const jobs = read.flatMap((one) => ('faults' in one ? [] : [one]));
  if (faults.length === 0) return new Map(jobs.map((job) => [job.name, job]));
  const names = read.map(({ name }) => [name, { options: z.record(z.string(), z.json()) }] as const);
  const loaded = [...beside.values(), ...jobs].map(({ name, job }) => [name, job] as const);
  throw new JobFilesError(faults, Object.fromEntries([...names, ...loaded]));
}

async function loadRunbook(
  file: string,
  beside: Registry<Clients>,
): Promise<RegisteredJob<Clients> | { readonly name: string; readonly faults: readonly Fault[] }> {
  const name = basename(file).replace(/\.ya?ml$/, '');
  const fault = (message: string) => ({ name, faults: [{ file, path: [], message }] });
  if (!/^[a-z][a-z0-9-]*\.yaml$/.test(basename(file)))
    return fault('a job’s file is named in lower-case letters, digits and -, and ends in .yaml');
  if (beside.has(name)) return fault(`${name}.ts beside it has the same name; give one of them another`);
  const read = readRunbook(name, await readFile(file, 'utf8'));
  if ('faults' in read) return { name, faults: read.faults.map((one) => ({ ...one, file })) };
  const { job, source } = read;
  return { name, job, source, definition: `sha256:${createHash('sha256').update(source).digest('hex')}` };
}
