/**
 * A step from its first word to its end: answered from the journal when it is done, settled by its effect
 * when its owner died inside it, tried again where that can help.
 */
import { isPermanent, isRetryable, messageOf } from '../domain/failure.ts';
import {
  type Attempt,
  Attempts,
  HANDED_OVER,
  RETRY,
  STEP_TIMEOUT_MS,
  type StepSurroundings,
} from './attempt.ts';
import { Blocked, Cancelled, Halted, MisuseError, StepFailed } from './errors.ts';
import type { Json, Retry, StepOptions, StepScope, Verdict } from './job.ts';
import { digestOf, type StepRecord, unpack } from './journal.ts';
import { messageIdOf, sealed } from './outbox.ts';

/** Somebody waits for what a dry run says, and it is soon asked for again. */
const DRY_RUN_TRIES = 2;

export class Steps {
  readonly #around: StepSurroundings;
  readonly #attempts: Attempts;
  readonly #asked = new Set<string>();
  /** Place of the next new step. Steps side by side never share one, and those dropped leave gaps. */
  #next: number;

  constructor(around: StepSurroundings) {
    this.#around = around;
    this.#attempts = new Attempts(around);
    this.#next = Math.max(-1, ...[...around.journal.values()].map(({ n }) => n)) + 1;
  }

  /** Time of the last step replayed or done. */
  get now(): Date {
    return this.#attempts.now;
  }
  /** Aborts when the run leaves this process. */
  get gone(): AbortSignal {
    return this.#attempts.gone;
  }
  get cancelled(): string | undefined {
    return this.#attempts.cancelled;
  }

  /** A journalled step that the job has not asked for: its code was another one then. */
  forgotten(): string | undefined {
    return [...this.#around.journal.keys()].find((key) => !this.#asked.has(key));
  }

  /** Disruptions under way are revoked and no new one begins. */
  cancel(why: string): void {
    this.#attempts.cancel(why);
  }

  /** Disruptions under way are revoked; their steps are taken up again after the thaw. */
  halt(why: string): void {
    this.#attempts.halt(why);
  }

  /** No step begins any more, and those under way are left as they are, except `once`, which may finish. */
  handOver(): void {
    this.#attempts.handOver();
  }

  /** The run is another owner's: every step under way stops where it is. */
  leave(reason: Error): void {
    this.#attempts.leave(reason);
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
        this.#attempts.passed(record);
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
        return this.#attempts.done(attempt, verdict.value);
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
      const begun = this.#attempts.begin(attempt);
      // Made while Redis writes.
      const scope = this.#attempts.scope(attempt);
      await begun;
      const result = await this.#attempts.act(attempt, scope);
      if ('value' in result) return this.#attempts.done(attempt, result.value, scope);

      const settled = await this.#afterError(attempt, {
        error: result.error,
        last: attempt.tries >= lastTry,
      });
      if (settled !== undefined) return settled.value;
      await this.#attempts.backOff(retry, attempt.tries, attempt.options);
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
      await this.#attempts.finish(attempt, { state: 'failed', why });
      throw error;
    }
    if (!isPermanent(error)) {
      const verdict = await this.#happened(attempt, why);
      if (verdict.happened === 'yes') return { value: await this.#attempts.done(attempt, verdict.value) };
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
    await this.#attempts.finish(attempt, { state: 'failed', why: why + tries });
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
      if (this.#attempts.leaving) throw new Blocked(HANDED_OVER);
      const result = await this.#attempts.act(
        { ...attempt, options: { effect: 'read', timeoutMs: verifyTimeoutMs }, fn: verify },
        this.#attempts.scope(attempt),
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
      await this.#attempts.backOff(retry, tries, { effect: 'read' });
    }
  }

  async #unknown<T>(attempt: Attempt<T>, evidence: string): Promise<never> {
    await this.#attempts.finish(attempt, { state: 'unknown', why: evidence });
    return this.#undecided(attempt.key, evidence);
  }

  #undecided(key: string, evidence: string): never {
    if (this.#attempts.cancelled !== undefined) {
      throw new Cancelled(
        `cancelled by ${this.#attempts.cancelled}; nobody saw how "${key}" ended: ${evidence}`,
      );
    }
    const { runId, resumes, mailHost, askOperators } = this.#around;
    const mail = askOperators(key, evidence);
    throw new Blocked({
      state: 'needs-decision',
      why: `a person to say whether "${key}" happened: ${evidence}`,
      ...(mail === undefined
        ? {}
        : {
            mails: sealed(mail, {
              run: runId,
              messageId: messageIdOf(runId, `decide ${key}`, mailHost, resumes),
              host: mailHost,
            }),
          }),
    });
  }

  async #replay(key: string, record: StepRecord): Promise<Json | undefined> {
    this.#attempts.passed(record);
    const { redis, prefix, runId } = this.#around;
    const blob =
      record.blob === undefined ? null : await redis.getBuffer(`${prefix}:run:${runId}:blob:${record.n}`);
    return unpack(key, record, blob);
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
