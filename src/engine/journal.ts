/** What a run has done: a record for each step, as it lies in Redis. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { MisuseError } from './errors.ts';
import type { Effect, Json } from './job.ts';

export type StepState = 'begun' | 'done' | 'skipped' | 'failed' | 'unknown';

export interface StepRecord {
  /** Place in the journal: the order in which steps were first begun. */
  readonly n: number;
  readonly effect: Effect;
  /** Digest of the declared inputs. */
  readonly inputs?: string;
  readonly state: StepState;
  readonly tries: number;
  readonly startedAt: string;
  readonly endedAt?: string;
  /** What the step returned; left out when that was nothing, or lies in a blob. */
  readonly value?: Json;
  readonly blob?: { readonly sha256: string; readonly bytes: number };
  /** Why it failed, was skipped, or what is known of an unknown outcome. */
  readonly why?: string;
  /** A person asked for it to be run again. */
  readonly again?: true;
}

/** Larger results go beside the journal, compressed; what is larger than the cap is refused. */
const INLINE_BYTES = 64 * 1024;
const BLOB_CAP_BYTES = 16 * 1024 * 1024;

export function parseJournal(flat: readonly string[]): Map<string, StepRecord> {
  const journal = new Map<string, StepRecord>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    journal.set(flat[i] as string, JSON.parse(flat[i + 1] as string) as StepRecord);
  }
  return journal;
}

/** The digest under which a step's declared inputs are compared on a replay. */
export function digestOf(inputs: Json): string {
  return createHash('sha256').update(canonical(inputs)).digest('hex').slice(0, 16);
}

/** JSON with sorted keys, so that equal inputs have equal digests. */
function canonical(value: Json | undefined): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item as Json)).join(',')}]`;
  const fields = Object.entries(value as Record<string, Json>).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

export interface Packed {
  readonly fields: Pick<StepRecord, 'value' | 'blob'>;
  readonly blob?: Buffer;
  /** The value as every replay will see it: what JSON makes of it. */
  readonly value: Json | undefined;
}

/** A step's result as it is journalled. Throws `MisuseError` for what JSON cannot hold or is over 16 MiB. */
export async function pack(value: unknown): Promise<Packed> {
  const json = JSON.stringify(value);
  if (json === undefined) return { fields: {}, value: undefined };
  const bytes = Buffer.byteLength(json);
  if (bytes <= INLINE_BYTES) {
    const parsed = JSON.parse(json) as Json;
    return { fields: { value: parsed }, value: parsed };
  }
  if (bytes > BLOB_CAP_BYTES) {
    throw new MisuseError(
      `a step returned ${bytes} bytes; ${BLOB_CAP_BYTES} is the most that a journal holds`,
    );
  }
  const sha256 = createHash('sha256').update(json).digest('hex');
  const blob = await promisify(gzip)(json);
  return { fields: { blob: { sha256, bytes } }, blob, value: JSON.parse(json) as Json };
}

/** The value of a blob, checked against its digest. Throws `MisuseError` when it is missing or not the one journalled. */
export async function unpack(
  step: string,
  record: StepRecord,
  blob: Buffer | null,
): Promise<Json | undefined> {
  if (record.blob === undefined) return record.value;
  const json = blob === null ? '' : (await promisify(gunzip)(blob)).toString('utf8');
  if (createHash('sha256').update(json).digest('hex') !== record.blob.sha256) {
    throw new MisuseError(`the result of step "${step}" is missing in Redis or was changed there`);
  }
  return JSON.parse(json) as Json;
}
