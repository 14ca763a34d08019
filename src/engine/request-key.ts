/** Has this request been made before? One that carries a key makes one run, however often it is sent. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { PermanentError } from '../domain/failure.ts';
import type { Json } from './job.ts';
import { digestOf } from './journal.ts';

/** How long a key is remembered. */
export const KEPT_MS = 24 * 3_600_000;

/** A request that may come again: whose key it carries, and what it asks for. */
export interface KeyedRequest {
  /** Who chose the key: the same key of two askers is two keys. */
  readonly by: string;
  readonly key: string;
  readonly asks: Json;
}

/** The key was given with other words less than a day ago. */
export class KeyReused extends PermanentError {
  override readonly name = 'KeyReused';
  /** What the key stands for. */
  readonly run: string;
  constructor(run: string) {
    super(`this key was given before, with another request: it stands for ${run}`);
    this.run = run;
  }
}

/** A request as the scripts know it: nothing in it can be read back. */
export interface SealedRequest {
  readonly key: string;
  readonly digest: string;
  readonly keptMs: number;
}

export function sealRequest({ by, key, asks }: KeyedRequest): SealedRequest {
  const sealed = createHash('sha256')
    .update(JSON.stringify([by, key]))
    .digest('hex');
  return { key: sealed, digest: digestOf(asks), keptMs: KEPT_MS };
}

/** The run that this very request made; undefined when it is new. Throws `KeyReused` when another request had its key. */
export async function runOfRequest(
  redis: Redis,
  prefix: string,
  request: KeyedRequest,
): Promise<string | undefined> {
  const { key, digest } = sealRequest(request);
  const [run, known] = await redis.hmget(`${prefix}:request:${key}`, 'run', 'digest');
  if (run == null || (await redis.exists(`${prefix}:run:${run}`)) === 0) return undefined;
  if (known !== digest) throw new KeyReused(run);
  return run;
}
