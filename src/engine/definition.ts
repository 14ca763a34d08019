/** With which definition does a run go on: the stored one that it began with, or the one that this version has? */
import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { messageOf } from '../domain/failure.ts';
import type { Claimed } from './execution.ts';
import type { Job } from './job.ts';
import type { Registry } from './registry.ts';

/** Makes a job of a stored definition. Throws when this version cannot read it. */
export type Revive<Clients> = (source: string) => Job<z.ZodType, Clients>;

/** `lacks` completes the sentence "waits for …". */
type Found<Clients> = { readonly job: Job<z.ZodType, Clients> } | { readonly lacks: string };

/** Where definitions are stored, once each: a hash, the digest being the field. */
function definitionsKey(prefix: string): string {
  return `${prefix}:definitions`;
}

/** A stored definition is finished as it was begun, whatever has become of the file since. */
export async function jobOf<Clients>(
  { job: name, definition }: Pick<Claimed, 'job' | 'definition'>,
  from: {
    readonly jobs: Registry<Clients>;
    readonly revive: Revive<Clients> | undefined;
    readonly redis: Redis;
    readonly prefix: string;
  },
): Promise<Found<Clients>> {
  const registered = from.jobs.get(name);
  if (registered?.definition === definition) return { job: registered.job };
  const source = await from.redis.hget(definitionsKey(from.prefix), definition);
  if (source !== null && from.revive !== undefined) return revived(from.revive, source);
  if (registered === undefined) return { lacks: `a job "${name}", which this version does not have` };
  if (registered.source === undefined) return { job: registered.job };
  return { lacks: `the definition of "${name}" that it began with (${definition}), which is not in Redis` };
}

function revived<Clients>(revive: Revive<Clients>, source: string): Found<Clients> {
  try {
    return { job: revive(source) };
  } catch (error) {
    return { lacks: `a version that can read the definition which it began with: ${messageOf(error)}` };
  }
}
