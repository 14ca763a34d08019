/**
 * Waits that hold no worker. Each look is a try of one read step, whose record is overwritten; between
 * two looks the run is parked, and it is replayed up to here when it is woken.
 */
import { isRetryable, messageOf, PermanentError } from '../domain/failure.ts';
import type { Clock } from './clock.ts';
import { Blocked, Cancelled } from './errors.ts';
import type { Answered, ChildEnd, Json, Mail, Question, StepScope, Wait } from './job.ts';
import { messageIdOf, type Posted, sealed } from './outbox.ts';
import type { Steps } from './step.ts';

const EVERY_MS = 60_000;
/** Whatever wakes it is not relied on alone. */
const AT_LEAST_EVERY_MS = 3_600_000;

export type Look<T> = (scope: StepScope) => Promise<T | undefined>;

interface Waiting<T> extends Wait {
  /** What it comes to when the time is over; left out, the step fails. */
  readonly otherwise?: () => T;
  readonly mails?: readonly Posted[];
  /** A cancelled run goes on waiting: what it waits for was cancelled with it and must end first. */
  readonly throughCancel?: true;
}

export interface WaitSurroundings {
  readonly steps: Steps;
  readonly clock: Clock;
  readonly runId: string;
  readonly mailHost: string;
  /** The answer that somebody gave to a question of this run, or of another. */
  readonly answerTo: (key: string, run?: string) => Promise<Answered | undefined>;
  readonly askApproval: (key: string, question: Question) => Mail | undefined;
}

export class Waits {
  readonly #around: WaitSurroundings;

  constructor(around: WaitSurroundings) {
    this.#around = around;
  }

  /** See `EngineContext.waitUntil`. Throws `Blocked` while there is nothing to see. */
  until<T extends Json>(key: string, wait: Waiting<T>, look: Look<T>): Promise<T> {
    return this.#around.steps.run<T>(key, { effect: 'read' }, async (scope) => {
      const seen = await this.#see(look, scope);
      return seen ?? this.#later(wait, scope);
    });
  }

  async sleep(key: string, ms: number): Promise<void> {
    const { clock } = this.#around;
    const wait = { why: 'its time', withinMs: ms, everyMs: ms, otherwise: () => true };
    await this.until(key, wait, (scope) =>
      Promise.resolve(clock.now().getTime() - scope.since.getTime() >= ms ? true : undefined),
    );
  }

  approval(key: string, question: Question): Promise<Answered> {
    const { runId, mailHost, askApproval, answerTo } = this.#around;
    const mail = askApproval(key, question);
    const wait: Waiting<Answered> = {
      why: `an answer to "${question.question}"`,
      withinMs: question.withinMs,
      everyMs: AT_LEAST_EVERY_MS,
      otherwise: () => ({ answer: question.otherwise, by: 'nobody', why: 'nobody answered in time' }),
      ...(mail === undefined
        ? {}
        : {
            mails: sealed(mail, {
              run: runId,
              messageId: messageIdOf(runId, `approve ${key}`, mailHost),
              host: mailHost,
            }),
          }),
    };
    return this.until(`approval ${key}`, wait, () => answerTo(key));
  }

  /** Parks until the run `child` has ended; its end wakes this one. */
  end(key: string, child: string, endOf: (run: string) => Promise<ChildEnd | undefined>): Promise<ChildEnd> {
    const wait: Waiting<ChildEnd> = {
      why: `${child} to end`,
      withinMs: Number.POSITIVE_INFINITY,
      everyMs: AT_LEAST_EVERY_MS,
      throughCancel: true,
    };
    return this.until(`end of ${key}`, wait, () => endOf(child));
  }

  async #see<T>(look: Look<T>, scope: StepScope): Promise<T | undefined> {
    try {
      return await look(scope);
    } catch (error) {
      if (!isRetryable(error)) throw error;
      scope.signal.throwIfAborted();
      scope.log.warn('could not look', { why: messageOf(error) });
      return undefined;
    }
  }

  #later<T>(wait: Waiting<T>, { since }: StepScope): T {
    const { why, withinMs, everyMs = EVERY_MS, otherwise, mails, throughCancel } = wait;
    const { clock, steps } = this.#around;
    if (steps.cancelled !== undefined && throughCancel === undefined) {
      throw new Cancelled(`cancelled by ${steps.cancelled} while it waited for ${why}`);
    }
    const leftMs = since.getTime() + withinMs - clock.now().getTime();
    if (leftMs <= 0) {
      if (otherwise !== undefined) return otherwise();
      throw new PermanentError(`waited in vain for ${why}, since ${since.toISOString()}`);
    }
    throw new Blocked({
      state: 'waiting',
      why,
      sinceMs: since.getTime(),
      ...(Number.isFinite(leftMs) ? { untilMs: since.getTime() + withinMs } : {}),
      wakeInMs: Math.ceil(clock.realMs(Math.min(everyMs, leftMs, AT_LEAST_EVERY_MS))),
      ...(mails === undefined ? {} : { mails }),
    });
  }
}
