/** Which jobs are there: those that come with Nightshift, and the site's own beside them. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readingFault } from './config/secret.ts';
import type { Clients } from './context.ts';
import { PermanentError } from './domain/failure.ts';
import { loadJobs, type Registry } from './engine/registry.ts';

const OURS = fileURLToPath(new URL('../jobs/', import.meta.url));

/** The jobs that come with Nightshift. */
export function ownJobs(): Promise<Registry<Clients>> {
  return loadJobs<Clients>(OURS);
}

/** The jobs in a site's folder. Rejects when one of them cannot be loaded or takes the name of one of ours. */
export async function siteJobs(folder: string): Promise<Registry<Clients>> {
  const [ours, theirs] = await Promise.all([ownJobs(), loadFolder(folder)]);
  const taken = [...theirs.keys()].find((name) => ours.has(name));
  if (taken === undefined) return theirs;
  throw new PermanentError(
    `${join(folder, `${taken}.ts`)} has the name of a job that comes with Nightshift; give it another`,
  );
}

async function loadFolder(folder: string): Promise<Registry<Clients>> {
  try {
    return await loadJobs<Clients>(folder);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && error.syscall === 'scandir')
      throw new PermanentError(`${folder} ${readingFault(error)}`, { cause: error });
    throw error;
  }
}
