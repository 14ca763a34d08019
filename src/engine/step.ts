/**
 * A step from its first word to its journal record: answered from the journal when it is done,
 * settled by its effect when its owner died inside it, tried again where that can help.
 */
import type { Redis } from 'ioredis';
import { isPermanent, isRetryable, messageOf } from '../domain/failure.ts';
import type { Clock } from './clock.ts';
import { computing } from './computing.ts';
import { Blocked, Cancelled, Halted, MisuseError, StepFailed, TimedOut } from './errors.ts';
import type { Json, Mail, Retry, StepOptions, StepScope, Verdict } from './job.ts';
import { digestOf, pack, type StepRecord, unpack } from './journal.ts';
import { messageIdOf, type Posted, sealed } from './outbox.ts';
import { backoffMs, pause } from './pause.ts';
import type { RunLog } from './run-log.ts';
import type { Answer, ScriptName } from './scripts.ts';
import { type TableWrite, tableIn } from './tables.ts';

const RETRY: Retry = { tries: 5, firstMs: 1000, maxMs: 60_000 };
/** Somebody waits for what a dry run says, and it is soon asked for again. */
const DRY_RUN_TRIES = 2;
const STEP_TIMEOUT_MS = 600_000;

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
}

interface Attempt<T> {
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

interface Scope extends StepScope {
  readonly stop: AbortController;
  readonly revoke: AbortController;
  readonly writes: TableWrite[];
  readonly mails: Posted[];
  skippedWhy: string | undefined;
}

type Ending = Pick<StepRecord, 'state' | 'value' | 'blob' | 'why'>;

export class Steps {
  readonly #around: StepSurroundings;
  readonly #asked = new Set<string>();
  /** Tries under way, which a cancel, a halt or a hand-over may reach. */
  readonly #underWay = new Map<Scope, StepOptions<never>>();
  /** Of every try so far: what one of them has left running hears of it, too, when the run leaves. */
  readonly #stops: AbortController[] = [];
  readonly #gone = new AbortController();
  readonly #leaving = new AbortController();
  readonly #cancelling = new AbortController();
  #cancelled: string | undefined;
  /** Place of the next new step. Steps side by side never share one, and those dropped leave gaps. */
  #next: number;
  #now: Date;

  constructor(around: StepSurroundings) {
    this.#around = around;
    this.#now = around.clock.now();
    this.#next = Math.max(-1, ...[...around.journal.values()].map(({ n }) => n)) + 1;
  }

  /** Time of the last step replayed or done. */
  get now(): Date {
    return this.#now;
  }
  /** Aborts when the run leaves this process. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }
  get cancelled(): string | undefined {
    return this.#cancelled;
  }

  /** A journalled step that the job has not asked for: its code was another one then. */
  forgotten(): string | undefined {
    return [...this.#around.journal.keys()].find((key) => !this.#asked.has(key));
  }

  /** Disruptions under way are revoked and no new one begins. */
  cancel(why: string): void {
    this.#cancelled ??= why;
    this.#cancelling.abort();
    this.#revoke(new Cancelled(`cancelled by ${why}`));
  }

  /** Disruptions under way are revoked; their steps are taken up again after the thaw. */
  halt(why: string): void {
    this.#revoke(new Halted(why));
  }

  /** No step begins any more, and those under way are left as they are, except `once`, which may finish. */
  handOver(): void {
    this.#leaving.abort();
    for (const [scope, options] of this.#underWay) {
      if (options.effect !== 'once') scope.stop.abort(new Blocked(HANDED_OVER));
    }
  }

  /** The run is another owner's: every step under way stops where it is. */
  leave(reason: Error): void {
    this.#gone.abort(reason);
    for (const stop of this.#stops.splice(0)) stop.abort(reason);
  }

  /** See `EngineContext.step`. Throws `Blocked` when the run must be parked. */
  async run<T>(key: string, options: StepOptions<T>, fn: (scope: StepScope) => Promise<T>): Promise<T> {
    this.#permit(key, options);
    const inputs = options.inputs === undefined ? undefined : digestOf(options.inputs);
    const record = this.#around.journal.get(key);
    const attempt: Attempt<T> = {
      key,
      options,
      fn,
      inputs,
      n: record?.n ?? this.#next++,
      startedAt: record?.state === 'begun' ? record.startedAt : this.#around.clock.now().toISOString(),
      tries: record?.tries ?? 0,
    };
    if (record === undefined || record.again) return this.#try(attempt);
    if (record.effect !== options.effect || record.inputs !== inputs) {
      const why = `a person: step "${key}" is declared otherwise than when it ran, so the job or its inputs have changed`;
      throw new Blocked({ state: 'needs-decision', why });
    }
    switch (record.state) {
      case 'done':
      case 'skipped':
        return (await this.#replay(key, record)) as T;
      case 'failed':
        this.#passed(record);
        throw new StepFailed(key, record.why ?? 'it failed');
      case 'unknown':
        return this.#undecided(key, record.why ?? '');
      case 'begun':
        return this.#resolve(attempt);
    }
  }

  /** A step begun by an owner who is gone is settled by its effect. */
  async #resolve<T>(attempt: Attempt<T>): Promise<T> {
    const { effect } = attempt.options;
    const verdict = await this.#happened(
      attempt,
      'it began, and its owner stopped before saying how it ended',
    );
    switch (verdict.happened) {
      case 'yes':
        return this.#done(attempt, verdict.value);
      case 'no':
        if (effect !== 'once') return this.#try(attempt);
        return this.#unknown(attempt, 'it began, its owner stopped, and the world does not show it');
      case 'unclear':
        return this.#unknown(attempt, verdict.evidence);
    }
  }

  async #try<T>(attempt: Attempt<T>): Promise<T> {
    const usual = this.#around.acting ? RETRY : { ...RETRY, tries: DRY_RUN_TRIES };
    const retry: Retry = { ...usual, ...attempt.options.retry };
    const lastTry = attempt.tries + retry.tries;
    for (;;) {
      attempt.tries += 1;
      await this.#begin(attempt);
      const scope = this.#scope(attempt);
      const result = await this.#act(attempt, scope);
      if ('value' in result) return this.#done(attempt, result.value, scope);

      const settled = await this.#afterError(attempt, {
        error: result.error,
        last: attempt.tries >= lastTry,
      });
      if (settled !== undefined) return settled.value;
      await this.#pause(backoffMs(retry, attempt.tries), attempt.options);
    }
  }

  /** Journals what an error means and throws; or says that it was done after all; or undefined to try again. */
  async #afterError<T>(
    attempt: Attempt<T>,
    { error, last }: { error: unknown; last: boolean },
  ): Promise<{ value: T } | undefined> {
    const why = messageOf(error);
    if (error instanceof Blocked) throw error;
    if (error instanceof Halted)
      throw new Blocked({ state: 'waiting', why: `the end of the halt: ${why}`, frozen: true });
    if (error instanceof Cancelled) {
      await this.#finish(attempt, { state: 'failed', why });
      throw error;
    }
    if (!isPermanent(error)) {
      const verdict = await this.#happened(attempt, why);
      if (verdict.happened === 'yes') return { value: await this.#done(attempt, verdict.value) };
      const doubtful = verdict.happened === 'unclear' || attempt.options.effect === 'once';
      if (doubtful && (last || attempt.options.effect === 'once')) {
        const evidence =
          verdict.happened === 'unclear' ? verdict.evidence : `${why}; the world does not show it`;
        return { value: await this.#unknown(attempt, evidence) };
      }
      if ((isRetryable(error) || doubtful) && !last) {
        this.#around.runLog.forStep(attempt.key, attempt.tries).warn('will be tried again', { why });
        return undefined;
      }
    }
    const tries = attempt.tries === 1 ? '' : ` (try ${attempt.tries})`;
    await this.#finish(attempt, { state: 'failed', why: why + tries });
    throw new StepFailed(attempt.key, why + tries, error);
  }

  /**
   * Did the effect happen? Effects that may repeat count as not happened; for the others the world is
   * asked. Evidence begins with what is `known` without asking.
   */
  async #happened<T>(attempt: Attempt<T>, known: string): Promise<Verdict<T>> {
    const { effect, verify, retry: wanted, verifyTimeoutMs = STEP_TIMEOUT_MS } = attempt.options;
    if (effect === 'read' || effect === 'idempotent') return { happened: 'no' };
    if (verify === undefined) return { happened: 'unclear', evidence: known };
    const retry: Retry = { ...RETRY, ...wanted };
    for (let tries = 1; ; tries += 1) {
      if (this.#leaving.signal.aborted) throw new Blocked(HANDED_OVER);
      const result = await this.#act(
        { ...attempt, options: { effect: 'read', timeoutMs: verifyTimeoutMs }, fn: verify },
        this.#scope(attempt),
      );
      if ('value' in result) {
        const verdict = result.value;
        if (verdict.happened !== 'unclear') return verdict;
        return { happened: 'unclear', evidence: `${known}; ${verdict.evidence}` };
      }
      const why = messageOf(result.error);
      if (result.error instanceof Blocked) throw result.error;
      if (!isRetryable(result.error) || tries >= retry.tries) {
        return { happened: 'unclear', evidence: `${known}; asking what happened failed: ${why}` };
      }
      await this.#pause(backoffMs(retry, tries), { effect: 'read' });
    }
  }

  /** Calls the function once, within its time. A function that ignores `signal` is not waited for. */
  async #act<T>(attempt: Attempt<T>, scope: Scope): Promise<{ value: T } | { error: unknown }> {
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

  async #begin<T>(attempt: Attempt<T>): Promise<void> {
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
    if (options.effect !== 'read') this.#around.runLog.forStep(key, attempt.tries).info('begins');
  }

  async #done<T>(attempt: Attempt<T>, value: T, scope?: Scope): Promise<T> {
    const packed = await pack(value);
    const skipped = scope?.skippedWhy;
    const ending: Ending = {
      state: skipped === undefined ? 'done' : 'skipped',
      ...packed.fields,
      ...(skipped === undefined ? {} : { why: skipped }),
    };
    await this.#finish(attempt, ending, {
      writes: scope?.writes ?? [],
      mails: scope?.mails ?? [],
      blob: packed.blob,
    });
    return packed.value as T;
  }

  async #unknown<T>(attempt: Attempt<T>, evidence: string): Promise<never> {
    await this.#finish(attempt, { state: 'unknown', why: evidence });
    return this.#undecided(attempt.key, evidence);
  }

  #undecided(key: string, evidence: string): never {
    if (this.#cancelled !== undefined) {
      throw new Cancelled(`cancelled by ${this.#cancelled}; nobody saw how "${key}" ended: ${evidence}`);
    }
    const { runId, resumes, mailHost, askOperators } = this.#around;
    const mail = askOperators(key, evidence);
    throw new Blocked({
      state: 'needs-decision',
      why: `a person to say whether "${key}" happened: ${evidence}`,
      ...(mail === undefined
        ? {}
        : { mails: sealed(runId, messageIdOf(runId, `decide ${key}`, mailHost, resumes), mail) }),
    });
  }

  /** Journals how a step ended, and in the same script all that rides along. */
  async #finish<T>(
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
      writes,
      mails,
      ...(blob === undefined ? {} : { blob: String(n) }),
    };
    await this.#around.call('finish', args, blob);
    this.#around.journal.set(key, record);
    this.#passed(record);
    const log = this.#around.runLog.forStep(key, attempt.tries);
    const fields = { tookMs: Date.parse(endedAt) - Date.parse(attempt.startedAt), ...whyOf(ending) };
    if (ending.state === 'done' || ending.state === 'skipped') log.info(ending.state, fields);
    else log.warn(ending.state, fields);
  }

  async #replay(key: string, record: StepRecord): Promise<Json | undefined> {
    this.#passed(record);
    const { redis, prefix, runId } = this.#around;
    const blob =
      record.blob === undefined ? null : await redis.getBuffer(`${prefix}:run:${runId}:blob:${record.n}`);
    return unpack(key, record, blob);
  }

  /** Pauses before another try, and no longer once a hand-over or a cancel wants it to end. */
  async #pause<T>(ms: number, { disruptive }: StepOptions<T>): Promise<void> {
    const stirring = [this.#gone.signal, this.#leaving.signal];
    if (disruptive) stirring.push(this.#cancelling.signal);
    await pause(ms, AbortSignal.any(stirring));
    this.#gone.signal.throwIfAborted();
  }

  #passed(record: StepRecord): void {
    if (record.endedAt !== undefined) this.#now = new Date(record.endedAt);
  }

  #revoke(reason: Error): void {
    for (const [scope, options] of this.#underWay) {
      if (options.disruptive === true && options.effect !== 'once') scope.revoke.abort(reason);
    }
  }

  #scope<T>(attempt: Attempt<T>): Scope {
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
      compute: computing(signal),
      table: (name) => tableIn(redis, prefix, name, writes),
      mail: (key, mail) =>
        void mails.push(...sealed(runId, messageIdOf(runId, key, mailHost, resumes), mail)),
      skipped: (why) => {
        scope.skippedWhy = why;
      },
    };
    return scope;
  }

  #permit<T>(key: string, options: StepOptions<T>): void {
    if (this.#asked.has(key))
      throw new MisuseError(`step "${key}" appears twice in one run; make its key unique`);
    this.#asked.add(key);
    if (options.effect === 'verify' && options.verify === undefined) {
      throw new MisuseError(`step "${key}" has the effect verify and does not say how to verify it`);
    }
    if (!this.#around.acting && options.effect !== 'read') {
      throw new MisuseError(`step "${key}" would change something in a dry run`);
    }
  }
}

/** When the owner of a try must be stuck: its time, the looks at what became of it, and the pauses between are over. */
function overdueAfterMs<T>(options: StepOptions<T>): number {
  const { timeoutMs = STEP_TIMEOUT_MS, verify, verifyTimeoutMs = STEP_TIMEOUT_MS, retry: wanted } = options;
  const { tries, maxMs } = { ...RETRY, ...wanted };
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
