/**
 * The tries of a run's steps: begun in the journal before the effect, worked within their time and as long as
 * nobody wants them stopped, and journalled with what came of them.
 */
import type { Redis } from 'ioredis';
import { isPermanent } from '../domain/failure.ts';
import { type Clock, REAL_TIMERS, type Timers } from './clock.ts';
import { computing } from './computing.ts';
import { Blocked, Cancelled, Halted, TimedOut } from './errors.ts';
import type { Answered, Mail, Retry, StepOptions, StepScope } from './job.ts';
import { pack, type StepRecord } from './journal.ts';
import { messageIdOf, type Posted, sealed } from './outbox.ts';
import { backoffMs } from './pause.ts';
import type { RunLog } from './run-log.ts';
import type { Answer, ScriptName } from './scripts.ts';
import { type TableWrite, tableIn } from './tables.ts';

export const RETRY: Retry = { tries: 5, firstMs: 1000, maxMs: 60_000 };
export const STEP_TIMEOUT_MS = 600_000;
/** The journal knows it already, so the run does not wait until its log does, too. */
const SOON = { soon: true };

/** What steps need of the run that they belong to. */
export interface StepSurroundings {
  readonly runId: string;
  readonly resumes: number;
  readonly acting: boolean;
  readonly journal: Map<string, StepRecord>;
  /** A script on this run, under its fence. */
  readonly call: (name: ScriptName, args: object, blob?: Buffer) => Promise<Answer>;
  /** The time that the job sees. */
  readonly clock: Clock;
  /** For reads only: blobs and tables. */
  readonly redis: Redis;
  readonly prefix: string;
  readonly mailHost: string;
  readonly runLog: RunLog;
  /** The mail that asks operators about a step whose outcome nobody saw. */
  readonly askOperators: (step: string, evidence: string) => Mail | undefined;
  /** The answer that somebody gave to a question of this run, or of another. */
  readonly answerTo: (key: string, run?: string) => Promise<Answered | undefined>;
}

/** A step that is tried: what is done, and how often it was. */
export interface Attempt<T> {
  readonly key: string;
  readonly options: StepOptions<T>;
  readonly fn: (scope: StepScope) => Promise<T>;
  /** Digest of the declared inputs. */
  readonly inputs: string | undefined;
  readonly n: number;
  /** When it was first begun, by whomever. */
  readonly startedAt: string;
  tries: number;
}

export interface Scope extends StepScope {
  readonly stop: AbortController;
  readonly revoke: AbortController;
  readonly writes: TableWrite[];
  readonly mails: Posted[];
  skippedWhy: string | undefined;
}

type Ending = Pick<StepRecord, 'state' | 'value' | 'blob' | 'why'>;

export class Attempts {
  readonly #around: StepSurroundings;
  /** Tries under way, which a cancel, a halt or a hand-over may reach. */
  readonly #underWay = new Map<Scope, StepOptions<never>>();
  /** Of every try so far: what one of them has left running hears of it, too, when the run leaves. */
  readonly #stops: AbortController[] = [];
  readonly #gone = new AbortController();
  readonly #leaving = new AbortController();
  readonly #cancelling = new AbortController();
  #cancelled: string | undefined;
  readonly #timers: Timers;
  #now: Date;

  constructor(around: StepSurroundings) {
    this.#around = around;
    this.#timers = around.clock.timers ?? REAL_TIMERS;
    this.#now = around.clock.now();
  }

  /** Time of the last step replayed or done. */
  get now(): Date {
    return this.#now;
  }
  /** Aborts when the run leaves this process. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }
  /** True once this process gives the run back. */
  get leaving(): boolean {
    return this.#leaving.signal.aborted;
  }
  get cancelled(): string | undefined {
    return this.#cancelled;
  }

  cancel(why: string): void {
    this.#cancelled ??= why;
    this.#cancelling.abort();
    this.#revoke(new Cancelled(`cancelled by ${why}`));
  }

  halt(why: string): void {
    this.#revoke(new Halted(why));
  }

  handOver(): void {
    this.#leaving.abort();
    for (const [scope, options] of this.#underWay) {
      if (options.effect !== 'once') scope.stop.abort(new Blocked(HANDED_OVER));
    }
  }

  leave(reason: Error): void {
    this.#gone.abort(reason);
    for (const stop of this.#stops.splice(0)) stop.abort(reason);
  }

  /** Journals the intent, before the effect. Throws when nothing may begin now. */
  async begin<T>(attempt: Attempt<T>): Promise<void> {
    const { key, options } = attempt;
    this.#gone.signal.throwIfAborted();
    if (this.#leaving.signal.aborted) throw new Blocked(HANDED_OVER);
    if (options.disruptive && this.#cancelled !== undefined) {
      throw new Cancelled(`cancelled by ${this.#cancelled}`);
    }
    const record = recordOf(attempt, { state: 'begun' });
    const { verdict, rest } = await this.#around.call('begin', {
      key,
      record: JSON.stringify(record),
      timeoutMs: overdueAfterMs(options),
      ...(options.disruptive ? { disruptive: true } : {}),
    });
    if (verdict === 'CANCELLED') throw new Cancelled(`cancelled by ${String(rest[0])}`);
    if (verdict === 'FROZEN') {
      throw new Blocked({ state: 'waiting', why: `the end of the freeze: ${String(rest[0])}`, frozen: true });
    }
    this.#around.journal.set(key, record);
    // A hand-over that came meanwhile found nothing to stop. A `once` step has begun, so it is seen through.
    if (this.#leaving.signal.aborted && options.effect !== 'once') throw new Blocked(HANDED_OVER);
    if (options.effect !== 'read') this.#around.runLog.forStep(key, attempt.tries, SOON).info('begins');
  }

  /** Calls the function once, within its time. A function that ignores `signal` is not waited for. */
  async act<T>(attempt: Attempt<T>, scope: Scope): Promise<{ value: T } | { error: unknown }> {
    const { options, fn, key } = attempt;
    const timeoutMs = options.timeoutMs ?? STEP_TIMEOUT_MS;
    const timer = setTimeout(
      () => scope.stop.abort(new TimedOut(`"${key}" took longer than ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(scope.signal.reason as Error);
    scope.signal.addEventListener('abort', stop);
    this.#underWay.set(scope, options as StepOptions<never>);
    try {
      scope.signal.throwIfAborted();
      return { value: await Promise.race([fn(scope), stopped.promise]) };
    } catch (error) {
      this.#gone.signal.throwIfAborted();
      if (scope.signal.aborted) return { error: scope.signal.reason };
      return { error: scope.revoked.aborted && !isPermanent(error) ? scope.revoked.reason : error };
    } finally {
      clearTimeout(timer);
      scope.signal.removeEventListener('abort', stop);
      this.#underWay.delete(scope);
    }
  }

  /** Journals what a step gave, with all that one of its tries wants to ride along. */
  async done<T>(attempt: Attempt<T>, value: T, scope?: Scope): Promise<T> {
    const packing = pack(value);
    this.#around.clock.standStill?.(packing);
    const packed = await packing;
    const skipped = scope?.skippedWhy;
    const ending: Ending = {
      state: skipped === undefined ? 'done' : 'skipped',
      ...packed.fields,
      ...(skipped === undefined ? {} : { why: skipped }),
    };
    await this.finish(attempt, ending, {
      writes: scope?.writes ?? [],
      mails: scope?.mails ?? [],
      blob: packed.blob,
    });
    return packed.value as T;
  }

  /** Journals how a step ended, and in the same script all that rides along. */
  async finish<T>(
    attempt: Attempt<T>,
    ending: Ending,
    {
      writes = [],
      mails = [],
      blob,
    }: { writes?: TableWrite[]; mails?: object[]; blob?: Buffer | undefined } = {},
  ): Promise<void> {
    const endedAt = this.#around.clock.now().toISOString();
    const record = recordOf(attempt, { ...ending, endedAt });
    const { key, n } = attempt;
    const args = {
      key,
      record: JSON.stringify(record),
      ...(writes.length === 0 ? {} : { writes }),
      ...(mails.length === 0 ? {} : { mails }),
      ...(blob === undefined ? {} : { blob: String(n) }),
    };
    await this.#around.call('finish', args, blob);
    this.#around.journal.set(key, record);
    this.passed(record);
    const log = this.#around.runLog.forStep(key, attempt.tries, SOON);
    const fields = { tookMs: Date.parse(endedAt) - Date.parse(attempt.startedAt), ...whyOf(ending) };
    if (ending.state === 'done' || ending.state === 'skipped') log.info(ending.state, fields);
    else log.warn(ending.state, fields);
  }

  /** Pauses before another try, and no longer once a hand-over or a cancel wants it to end. */
  async backOff<T>(retry: Retry, tries: number, { disruptive }: StepOptions<T>): Promise<void> {
    const ms = backoffMs(retry, tries, this.#timers.chance());
    const stirring = [this.#gone.signal, this.#leaving.signal];
    if (disruptive) stirring.push(this.#cancelling.signal);
    await this.#timers.pause(ms, AbortSignal.any(stirring)).catch(() => {});
    this.#gone.signal.throwIfAborted();
  }

  /** The job sees the time at which this step ended. */
  passed(record: StepRecord): void {
    if (record.endedAt !== undefined) this.#now = new Date(record.endedAt);
  }

  #revoke(reason: Error): void {
    for (const [scope, options] of this.#underWay) {
      if (options.disruptive === true && options.effect !== 'once') scope.revoke.abort(reason);
    }
  }

  /** What one try is handed. */
  scope<T>(attempt: Attempt<T>): Scope {
    const { redis, prefix, mailHost, runLog, runId, resumes } = this.#around;
    // Not made of two signals: that costs as much as all else that a try is wrapped in.
    const stop = new AbortController();
    const { signal } = stop;
    if (this.#gone.signal.aborted) stop.abort(this.#gone.signal.reason);
    this.#stops.push(stop);
    const revoke = new AbortController();
    const writes: TableWrite[] = [];
    const mails: Posted[] = [];
    const scope: Scope = {
      stop,
      revoke,
      writes,
      mails,
      skippedWhy: undefined,
      signal,
      revoked: revoke.signal,
      idempotencyKey: `${runId}/${attempt.key}`,
      attempt: attempt.tries,
      since: new Date(attempt.startedAt),
      now: () => this.#around.clock.now(),
      log: runLog.forStep(attempt.key, attempt.tries),
      compute: computing(signal, (work) => this.#around.clock.standStill?.(work)),
      timers: this.#timers,
      table: (name) => tableIn(redis, prefix, name, writes),
      answer: (key, run) => this.#around.answerTo(key, run),
      mail: (key, mail) =>
        void mails.push(
          ...sealed(mail, {
            run: runId,
            messageId: messageIdOf(runId, key, mailHost, resumes),
            host: mailHost,
          }),
        ),
      skipped: (why) => {
        scope.skippedWhy = why;
      },
    };
    return scope;
  }
}

/** When the owner of a try must be stuck: its time, the looks at what became of it, and the pauses between are over. */
function overdueAfterMs<T>(options: StepOptions<T>): number {
  const { timeoutMs = STEP_TIMEOUT_MS, verify, verifyTimeoutMs = STEP_TIMEOUT_MS, retry } = options;
  const { tries = RETRY.tries, maxMs = RETRY.maxMs } = retry ?? RETRY;
  return timeoutMs + maxMs + (verify === undefined ? 0 : tries * (verifyTimeoutMs + maxMs));
}

function whyOf({ why }: Ending): { why?: string } {
  return why === undefined ? {} : { why };
}

export const HANDED_OVER = { state: 'queued', why: 'its next owner' } as const;

function recordOf<T>(attempt: Attempt<T>, ending: Ending & Pick<StepRecord, 'endedAt'>): StepRecord {
  const { n, tries, inputs, options, startedAt } = attempt;
  return {
    n,
    effect: options.effect,
    ...(inputs === undefined ? {} : { inputs }),
    tries,
    startedAt,
    ...ending,
  };
}
