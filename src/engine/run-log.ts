/** The log of a run: NDJSON lines in a file of its own, readable by byte range while it grows. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from './job.ts';

export interface RunLog {
  /** A log whose lines carry the step and the number of its try. `soon`: they are written when this turn of the event loop is over. */
  forStep(step: string, attempt: number, when?: { readonly soon: boolean }): Log;
  readonly log: Log;
  close(): void;
}

const SUFFIX = '.ndjson';

export class RunLogs {
  readonly #dir: string;
  readonly #redact: (line: string) => string;
  /** What writes the lines that still wait, for each log that is open. */
  readonly #writeLate = new Set<() => void>();

  /** `redact` sees every line before it is written. */
  constructor(dir: string, redact: (line: string) => string = (line) => line) {
    this.#dir = dir;
    this.#redact = redact;
  }

  open(job: string, run: string): RunLog {
    mkdirSync(this.#dir, { recursive: true });
    const file = openSync(this.#path(run), 'a', 0o640);
    let open = true;
    let late: object[] = [];
    const put = (lines: readonly object[]): void => {
      try {
        writeSync(file, lines.map((line) => `${this.#redact(JSON.stringify(line))}\n`).join(''));
      } catch {
        // A full disk must not fail a step.
      }
    };
    const writeLate = (): void => {
      if (late.length === 0) return;
      put(late);
      late = [];
    };
    this.#writeLate.add(writeLate);
    const bound = (fields: object, { soon = false } = {}): Log => {
      const write = (level: string, message: string, extra: object = {}): void => {
        const line = { time: new Date(), level, job, run, ...fields, message, ...extra };
        // What was not waited for may speak later, when the number belongs to another file or a socket.
        if (!open) return;
        if (soon) {
          if (late.length === 0) setImmediate(writeLate);
          late.push(line);
          return;
        }
        writeLate();
        put([line]);
      };
      return {
        info: (message, extra) => write('info', message, extra),
        warn: (message, extra) => write('warn', message, extra),
        error: (message, extra) => write('error', message, extra),
      };
    };
    return {
      log: bound({}),
      forStep: (step, attempt, when) => bound({ step, try: attempt }, when),
      close: () => {
        writeLate();
        this.#writeLate.delete(writeLate);
        open = false;
        closeSync(file);
      },
    };
  }

  /**
   * The bytes from `start` on, at most `maxBytes`, and where to go on reading. A run that has logged
   * nothing reads as empty; `start` beyond the end too.
   */
  read(run: string, start: number, maxBytes: number): { text: Buffer; next: number; size: number } {
    for (const writeLate of this.#writeLate) writeLate();
    if (!existsSync(this.#path(run))) return { text: Buffer.alloc(0), next: start, size: 0 };
    const file = openSync(this.#path(run), 'r');
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.alloc(Math.max(0, Math.min(maxBytes, size - start)));
      const got = buffer.length === 0 ? 0 : readSync(file, buffer, 0, buffer.length, start);
      return { text: buffer.subarray(0, got), next: start + got, size };
    } finally {
      closeSync(file);
    }
  }

  /** The runs that have said nothing on this machine since `before`, and when each did last. */
  async lastWrittenBefore(before: Date): Promise<{ run: string; at: Date }[]> {
    const files = existsSync(this.#dir) ? await readdir(this.#dir) : [];
    const old: { run: string; at: Date }[] = [];
    for (const file of files.filter((name) => name.endsWith(SUFFIX))) {
      // Another process may have forgotten it meanwhile.
      const at = (await stat(join(this.#dir, file)).catch(() => undefined))?.mtime;
      if (at !== undefined && at < before) old.push({ run: file.slice(0, -SUFFIX.length), at });
    }
    return old;
  }

  /** From now on the run has logged nothing. */
  async forget(run: string): Promise<void> {
    await rm(this.#path(run), { force: true });
  }

  #path(run: string): string {
    return join(this.#dir, `${run}${SUFFIX}`);
  }
}
