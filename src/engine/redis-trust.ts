/**
 * Is the Redis before us the one we knew, with all that we saw written?
 *
 * Redis keeps an epoch (chosen once) and counts every write of ours in `seq`. Each process remembers
 * the epoch and the highest count it saw, and says both with every call: a flushed, replaced or
 * rolled-back Redis answers with a refusal instead of forgetting silently. The mark also lies in a
 * file of the state directory, for the next process; all processes there keep it together, and none lowers it.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Redis } from 'ioredis';
import { RefusedError } from './errors.ts';

interface Mark {
  readonly epoch: string;
  readonly seq: number;
}

/** A rolled-back count is noticed on disk to within this many ms of a process that died. */
const SAVE_EVERY_MS = 100;

export class RedisTrust {
  readonly #file: string;
  readonly #metaKey: string;
  #epoch = '';
  #seq = 0;
  #doubt: string | undefined;
  #saving: NodeJS.Timeout | undefined;

  constructor(file: string, metaKey: string) {
    this.#file = file;
    this.#metaKey = metaKey;
  }

  get epoch(): string {
    return this.#epoch;
  }
  get seq(): number {
    return this.#seq;
  }
  /** Why nothing may be started; undefined while Redis is trusted. */
  get doubt(): string | undefined {
    return this.#doubt;
  }

  /** Compares Redis with what this machine knew; a Redis that nobody knew is adopted. Safe to repeat. */
  async check(redis: Redis): Promise<void> {
    const known = this.#epoch === '' ? this.#load() : { epoch: this.#epoch, seq: this.#seq };
    if (known === undefined) await redis.hsetnx(this.#metaKey, 'epoch', randomUUID());
    const meta = await redis.hgetall(this.#metaKey);
    const seq = Number(meta.seq ?? 0);
    const accepted = known !== undefined && replaced(meta.replaces).includes(known.epoch);
    if (known === undefined || accepted || (meta.epoch === known.epoch && seq >= known.seq)) {
      this.#epoch = meta.epoch ?? '';
      this.#seq = accepted ? seq : Math.max(seq, this.#seq);
      this.#doubt = undefined;
      this.#saveSoon();
      return;
    }
    this.#epoch = known.epoch;
    this.#seq = known.seq;
    this.#doubt =
      meta.epoch === undefined
        ? 'Redis has lost everything that Nightshift kept there (it was flushed, or this is another Redis)'
        : meta.epoch === known.epoch
          ? `Redis went back in time: it counts ${seq} writes, ${known.seq} were seen (an older copy was restored, or a failover lost writes)`
          : 'This Redis belongs to another Nightshift installation, or was set up anew';
  }

  /** Takes note of the count that a script answered. */
  saw(seq: number): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    this.#saveSoon();
  }

  /** A script was refused: from now on nothing is started until `check` or `accept` clears the doubt. */
  distrust(): void {
    this.#doubt ??= 'Redis has lost some of what Nightshift had written there';
  }

  /** After a person accepted Redis as it is; `epoch` is the one that begins now. */
  accept(epoch: string, seq: number): void {
    this.#epoch = epoch;
    this.#seq = seq;
    this.#doubt = undefined;
    this.save();
  }

  /** Writes the mark down, unless a process beside this one has seen more. Throws when it cannot be written. */
  save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    mkdirSync(dirname(this.#file), { recursive: true });
    alone(`${this.#file}.lock`, () => {
      const there = this.#written();
      if (there?.epoch === this.#epoch && there.seq >= this.#seq) return;
      const next = `${this.#file}.${process.pid}`;
      writeFileSync(next, JSON.stringify({ epoch: this.#epoch, seq: this.#seq } satisfies Mark));
      renameSync(next, this.#file);
    });
  }

  /** Nothing where the mark is missing or damaged: what this process knows is better. */
  #written(): Mark | undefined {
    try {
      return this.#load();
    } catch {
      return undefined;
    }
  }

  #saveSoon(): void {
    this.#saving ??= setTimeout(() => {
      this.#saving = undefined;
      // Meanwhile another process may have accepted another Redis, and noted that.
      if (this.#doubt !== undefined) return;
      try {
        this.save();
      } catch {
        // A full disk must not end the process. The mark is one save old; the next write tries again.
      }
    }, SAVE_EVERY_MS).unref();
  }

  #load(): Mark | undefined {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as Mark;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined;
      if (!(error instanceof SyntaxError)) throw error;
      throw new RefusedError(
        `${this.#file} is damaged, so nobody can tell whether Redis lost something: remove it if you are sure that it did not`,
      );
    }
  }
}

/** A lock that is held for so long was left by a process that died with it. */
const LEFT_AFTER_MS = 2000;
const LOCK_WITHIN_MS = 10_000;
const LOCK_PAUSE_MS = 5;

/** Does it while no other process does. What takes less than a millisecond is waited for where it stands. */
function alone(lock: string, act: () => void): void {
  const giveUpAt = performance.now() + LOCK_WITHIN_MS;
  for (;;) {
    try {
      closeSync(openSync(lock, 'wx'));
      break;
    } catch (error) {
      if (!isCode(error, 'EEXIST') || performance.now() > giveUpAt) throw error;
    }
    if (ageMs(lock) > LEFT_AFTER_MS) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.random() * LOCK_PAUSE_MS);
  }
  try {
    act();
  } finally {
    rmSync(lock, { force: true });
  }
}

function ageMs(file: string): number {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? 0 : Date.now() - stats.mtimeMs;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function replaced(text: string | undefined): string[] {
  return text === undefined ? [] : (JSON.parse(text) as string[]);
}
