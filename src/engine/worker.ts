/** Works runs in this process: claims them, keeps their leases, and passes on what people ask of them. */
import type { Redis } from 'ioredis';
import { messageOf } from '../domain/failure.ts';
import type { Clock } from './clock.ts';
import { jobOf, type Revive } from './definition.ts';
import { FenceLost, RedisDistrusted } from './errors.ts';
import { type ChildRun, type Claimed, Execution, type Outcome } from './execution.ts';
import type { Answered, ChildEnd, Json, Log, Mail, Question, Trigger } from './job.ts';
import { parseJournal } from './journal.ts';
import type { Registry } from './registry.ts';
import type { RunLogs } from './run-log.ts';
import type { Answer, Call } from './scripts.ts';

export interface WorkerOptions<Clients extends object> {
  /** Names this incarnation of this process. */
  readonly node: string;
  readonly call: Call;
  readonly redis: Redis;
  readonly prefix: string;
  readonly timings: { readonly leaseMs: number; readonly renewMs: number };
  readonly logs: RunLogs;
  readonly log: Log;
  readonly jobs: Registry<Clients>;
  readonly revive: Revive<Clients> | undefined;
  readonly clientsFor: (run: { job: string; acting: boolean; log: Log }) => Promise<Clients>;
  readonly mailHost: string;
  readonly askOperators: (run: string, step: string, evidence: string) => Mail | undefined;
  readonly askApproval: (run: string, key: string, question: Question) => Mail | undefined;
  readonly clock: Clock;
  /** So many owners may be lost with no step done between before a run is taken out of the way. */
  readonly mostLosses: number;
  readonly makeChild: (child: ChildRun) => Promise<void>;
  readonly endOf: (run: string) => Promise<ChildEnd | undefined>;
  readonly answerTo: (run: string, key: string) => Promise<Answered | undefined>;
}

/** `refused`: it is not for us now, because it ended, waits, or another owner lives. */
export type Worked = Outcome | 'refused';

export class Worker<Clients extends object> {
  readonly #options: WorkerOptions<Clients>;
  readonly #inHand = new Map<string, Promise<Worked>>();
  readonly #executions = new Set<Execution>();
  #leaving = false;
  /** When Redis last became reachable: until a lease later, other owners had no fair chance to renew theirs. */
  #reachableSince = performance.now();

  constructor(options: WorkerOptions<Clients>) {
    this.#options = options;
    options.redis.on('ready', () => {
      this.#reachableSince = performance.now();
    });
  }

  /** True once no run is taken any more. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** How many runs it works now. */
  get inHand(): number {
    return this.#inHand.size;
  }

  /** Works a run as far as it goes. Asked twice at once, the second is refused. */
  async work(id: string): Promise<Worked> {
    if (this.#leaving || this.#inHand.has(id)) return 'refused';
    const worked = this.#work(id).finally(() => this.#inHand.delete(id));
    this.#inHand.set(id, worked);
    return worked;
  }

  async #work(id: string): Promise<Worked> {
    const { call, node, timings, log } = this.#options;
    const patienceMs = Math.max(0, Math.ceil(timings.leaseMs - (performance.now() - this.#reachableSince)));
    try {
      const answer = await call('claim', {
        run: id,
        node,
        leaseMs: timings.leaseMs,
        patienceMs,
        mostLosses: this.#options.mostLosses,
      });
      if (answer.verdict !== 'OK') return 'refused';
      this.#options.clock.alarms?.clear(id);
      const run = claimedFrom(id, answer);
      const found = await jobOf(run, this.#options);
      if ('lacks' in found) {
        log.error('the job of a run is not there', { run: id, job: run.job, why: found.lacks });
        await call('park', { run: id, fence: run.fence, state: 'needs-decision', why: found.lacks });
        return 'needs-decision';
      }
      return await this.#execute(run, found.job);
    } catch (error) {
      if (error instanceof FenceLost || error instanceof RedisDistrusted) return 'refused';
      throw error;
    }
  }

  /**
   * Gives every run in hand back for its next owner and takes no other; resolves with those that wait for
   * one. A `once` step under way is waited for.
   */
  async handOver(): Promise<string[]> {
    this.#leaving = true;
    for (const execution of this.#executions) execution.handOver();
    const inHand = [...this.#inHand];
    const ends = await Promise.allSettled(inHand.map(([, worked]) => worked));
    return inHand.flatMap(([id], i) => {
      const end = ends[i];
      return end?.status === 'fulfilled' && end.value === 'queued' ? [id] : [];
    });
  }

  /** Drops every run in hand without another word. */
  loseAll(): void {
    for (const execution of this.#executions) execution.lose();
  }

  async #execute(run: Claimed, job: Parameters<Execution['work']>[0]): Promise<Outcome> {
    const {
      call,
      redis,
      prefix,
      mailHost,
      askOperators,
      logs,
      log,
      clientsFor,
      clock,
      makeChild,
      endOf,
      answerTo,
      askApproval,
    } = this.#options;
    const runLog = logs.open(run.job, run.id);
    const execution = new Execution(run, {
      call: (name, args, blob) => call(name, { run: run.id, fence: run.fence, ...args }, blob),
      redis,
      prefix,
      mailHost,
      runLog,
      clock,
      makeChild,
      endOf,
      answerTo: (key, of = run.id) => answerTo(of, key),
      askOperators: (step, evidence) => askOperators(run.id, step, evidence),
      askApproval: (key, question) => askApproval(run.id, key, question),
    });
    const renewing = this.#keepLease(run, execution);
    this.#executions.add(execution);
    if (this.#leaving) execution.handOver();
    try {
      const outcome = await execution.work(job, () =>
        // What a run may do is its first ancestor's, whose job its id begins with.
        clientsFor({ job: run.id.split('~')[0] ?? run.job, acting: run.acting, log: runLog.log }),
      );
      if (outcome === 'lost') {
        const message =
          "the run is another owner's now, or Redis is in doubt: this process writes nothing more";
        runLog.log.warn(message);
        log.warn(message, { run: run.id });
      }
      return outcome;
    } finally {
      clearInterval(renewing);
      this.#executions.delete(execution);
      runLog.close();
    }
  }

  /** Renews the lease in time; hears on the way of cancel, halt, deadline, and that the run is lost. */
  #keepLease(run: Claimed, execution: Execution): NodeJS.Timeout {
    const { call, timings, log } = this.#options;
    let waiting = false;
    const renew = async (): Promise<void> => {
      const { rest } = await call('renew', { run: run.id, fence: run.fence, leaseMs: timings.leaseMs });
      const [cancel, mode, modeWhy, expired] = rest as [string, string, string, string];
      if (cancel !== '') execution.cancel(cancel);
      if (mode === 'halt') execution.halt(modeWhy);
      if (expired === '1') execution.expire();
    };
    return setInterval(() => {
      if (waiting) return;
      waiting = true;
      renew()
        .catch((error: unknown) => {
          if (error instanceof FenceLost || error instanceof RedisDistrusted) execution.lose();
          else log.warn('a lease could not be renewed', { run: run.id, why: messageOf(error) });
        })
        .finally(() => {
          waiting = false;
        });
    }, timings.renewMs);
  }
}

/** Reads the flat answers of `claim`. */
function claimedFrom(id: string, answer: Answer): Claimed {
  const [fence, flat, journal] = answer.rest as [string, string[], string[]];
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i] as string, flat[i + 1] as string);
  return {
    id,
    fence,
    job: fields.get('job') ?? '',
    definition: fields.get('definition') ?? '',
    options: JSON.parse(fields.get('options') ?? '{}') as Json,
    trigger: JSON.parse(fields.get('trigger') ?? '{}') as Trigger,
    acting: fields.get('acting') === '1',
    resumes: Number(fields.get('resumes') ?? 0),
    expired: fields.has('expiredAt'),
    cancel: fields.get('cancel'),
    alone: fields.has('alone'),
    journal: parseJournal(journal),
  };
}
