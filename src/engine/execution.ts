/**
 * One run in the hands of one owner: executes its job from the top until the run ends, waits, or is
 * somebody else's. A branch of the job that must wait simply never returns here; when no other branch
 * goes on either, the run is parked, and the next owner replays it.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { z } from 'zod';
import { messageOf } from '../domain/failure.ts';
import { HANDED_OVER, type StepSurroundings } from './attempt.ts';
import {
  type Block,
  Blocked,
  Cancelled,
  FenceLost,
  MisuseError,
  RedisDistrusted,
  StepFailed,
} from './errors.ts';
import type { ChildEnd, EngineContext, Job, Json, Mail, Trigger } from './job.ts';
import type { StepRecord } from './journal.ts';
import { Steps } from './step.ts';
import { type WaitSurroundings, Waits } from './waits.ts';

/** A run as `claim` hands it over. */
export interface Claimed {
  readonly id: string;
  readonly fence: string;
  readonly job: string;
  /** Digest of the definition that it began with. */
  readonly definition: string;
  readonly options: Json;
  readonly trigger: Trigger;
  readonly acting: boolean;
  /** How often a person had it resumed. */
  readonly resumes: number;
  /** It took longer than it may: it puts back what it holds and ends. */
  readonly expired: boolean;
  readonly cancel: string | undefined;
  /** Only one run of the job works at a time; the others wait for their turn. */
  readonly alone: boolean;
  readonly journal: Map<string, StepRecord>;
}

/** `lost`: another owner has the run, or Redis is not trusted; nothing more was written. */
export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'waiting' | 'needs-decision' | 'queued' | 'lost';

export type Surroundings = Omit<StepSurroundings, 'runId' | 'resumes' | 'acting' | 'journal'> &
  Pick<WaitSurroundings, 'answerTo' | 'askApproval'> & {
    /** Makes a child run, or finds it made. */
    readonly makeChild: (child: ChildRun) => Promise<void>;
    /** How a run ended; undefined while it has not. */
    readonly endOf: (run: string) => Promise<ChildEnd | undefined>;
  };

export interface ChildRun {
  readonly id: string;
  readonly job: string;
  readonly options: Json;
  readonly acting: boolean;
  readonly parent: string;
  /** It is cancelled with its parent. */
  readonly attached: boolean;
}

/** Why a run goes no further, and each of the leases that would let it go on. */
type Parking = Omit<Block, 'lease' | 'slot'> & {
  readonly leases?: readonly string[];
  readonly slots?: readonly string[];
};

/** `result`: what the job returned, as JSON. */
type BodyEnd = { readonly error: unknown; readonly result?: string | undefined };

interface Words {
  notes: Record<string, string>;
  report?: string;
  progress?: string;
}

export class Execution {
  readonly #run: Claimed;
  readonly #around: Surroundings;
  readonly #steps: Steps;
  readonly #waits: Waits;
  readonly #stopped = Promise.withResolvers<Parking | 'lost'>();
  readonly #blocks: Block[] = [];
  /** How often the job has asked for each lease; a replay asks as often again. */
  readonly #leased = new Map<string, number>();
  #inFlight = 0;
  /** The job has returned or thrown; no branch of it begins anything more. */
  #over = false;
  readonly #quiet = Promise.withResolvers<void>();
  #expired = false;
  #handingOver = false;
  #words: Words = { notes: {} };
  #telling: Promise<void> | undefined;

  constructor(run: Claimed, around: Surroundings) {
    this.#run = run;
    this.#around = around;
    const { id, resumes, acting, journal } = run;
    this.#steps = new Steps({ ...around, runId: id, resumes, acting, journal });
    this.#waits = new Waits({ ...around, steps: this.#steps, runId: id });
    if (run.cancel !== undefined) this.#steps.cancel(run.cancel);
    if (run.expired) this.expire();
  }

  /** Works the run to its end or next wait, whatever the job does; resolves with what became of it. */
  async work<Clients extends object>(
    job: Job<z.ZodType, Clients>,
    clients: () => Promise<Clients>,
  ): Promise<Outcome> {
    const body = this.#body(job, clients);
    try {
      const how = await Promise.race([body, this.#stopped.promise]);
      if (how === 'lost') return 'lost';
      return 'state' in how ? await this.#park(how) : await this.#end(how);
    } catch (error) {
      if (error instanceof FenceLost || error instanceof RedisDistrusted) return 'lost';
      throw error;
    } finally {
      this.#steps.leave(new FenceLost('the run has left this process'));
    }
  }

  /** Somebody asked the run to stop: disruptions under way are revoked and no new one begins. */
  cancel(why: string): void {
    this.#steps.cancel(why);
  }

  /** The run took longer than it may: as `cancel`, but it ends failed. */
  expire(): void {
    this.#expired = true;
    this.#steps.cancel('the clock: the run took longer than it may');
  }

  /** Revokes disruptions under way; their steps are taken up again after the thaw. */
  halt(why: string): void {
    this.#steps.halt(why);
  }

  /** The fence is lost or Redis is not trusted: stops at once and writes nothing more. */
  lose(): void {
    this.#steps.leave(new FenceLost(`run ${this.#run.id} belongs to another owner`));
    this.#stopped.resolve('lost');
  }

  /** Gives the run back for its next owner, as soon as no `once` step is under way. */
  handOver(): void {
    this.#handingOver = true;
    this.#steps.handOver();
    this.#settle();
  }

  async #body<Clients extends object>(
    job: Job<z.ZodType, Clients>,
    clients: () => Promise<Clients>,
  ): Promise<BodyEnd> {
    try {
      const options = job.options.parse(this.#run.options);
      const ctx = this.#context(options);
      if (this.#run.alone) await ctx.lease(`job ${this.#run.job}`, 'one run of it at a time');
      const result = await job.run({ ...(await clients()), ...ctx });
      return { error: undefined, result: result === undefined ? undefined : sealedResult(result) };
    } catch (error) {
      return { error: error ?? new Error('the job threw nothing') };
    } finally {
      while (this.#telling !== undefined) await this.#telling;
      // One of several branches has failed: what the others have under way is seen through and journalled.
      this.#over = true;
      if (this.#inFlight > 0) await this.#quiet.promise;
    }
  }

  #context(options: unknown): EngineContext<unknown> {
    const steps = this.#steps;
    const { id, trigger, acting } = this.#run;
    return {
      options,
      runId: id,
      trigger,
      acting,
      signal: steps.gone,
      log: this.#around.runLog.log,
      now: () => steps.now,
      step: (key, options, fn) => this.#guarded(() => steps.run(key, options, fn)),
      waitUntil: (key, wait, look) => this.#guarded(() => this.#waits.until(key, wait, look)),
      sleep: (key, ms) => this.#guarded(() => this.#waits.sleep(key, ms)),
      approval: (key, question) => this.#guarded(() => this.#waits.approval(key, question)),
      start: (key, job, options) => this.#guarded(() => this.#start(key, { job, options, attached: false })),
      call: (key, job, options) => this.#guarded(() => this.#callRun(key, { job, options })),
      slot: (name, places, why) => this.#guarded(() => this.#slot(name, places, why)),
      lease: (name, why) => this.#guarded(() => this.#lease(name, why)),
      release: (name) => this.#guarded(() => this.#release(name)),
      mail: (key, mail) => this.#guarded(() => this.#mail(key, mail)),
      note: (note) => this.#tell((words) => void (words.notes[note.subject] = JSON.stringify(note))),
      report: (report) => this.#tell((words) => void (words.report = JSON.stringify(report))),
      progress: (done, total, unit) =>
        this.#tell((words) => void (words.progress = JSON.stringify({ done, total, unit }))),
    };
  }

  /** The id is the same in every process, so a child is made once; in a dry run it is a dry run itself. */
  async #start(key: string, child: Pick<ChildRun, 'job' | 'options' | 'attached'>): Promise<string> {
    const { id: parent, acting } = this.#run;
    const id = `${parent}~${key.replaceAll(/[^\w.-]+/g, '-')}`;
    const options = acting
      ? ({ effect: 'idempotent', disruptive: true } as const)
      : ({ effect: 'read' } as const);
    return this.#steps.run(`start ${key}`, options, async () => {
      await this.#around.makeChild({ ...child, id, acting, parent });
      return id;
    });
  }

  async #callRun(key: string, child: Pick<ChildRun, 'job' | 'options'>): Promise<ChildEnd> {
    const id = await this.#start(key, { ...child, attached: true });
    return this.#waits.end(key, id, this.#around.endOf);
  }

  async #slot(name: string, places: number, why: string): Promise<void> {
    if (!this.#run.acting) return;
    const { verdict, rest } = await this.#call('slot', { name, places, why });
    if (verdict === 'CANCELLED') throw new Cancelled(`cancelled by ${String(rest[0])}`);
    if (verdict !== 'WAIT') return;
    throw new Blocked({ state: 'waiting', why: `one of ${places} places of "${name}"`, slot: name });
  }

  // A dry run holds nothing, so it waits for nobody and nobody for it.
  async #lease(name: string, why: string): Promise<void> {
    if (!this.#run.acting) return;
    const nth = (this.#leased.get(name) ?? 0) + 1;
    this.#leased.set(name, nth);
    const { verdict, rest } = await this.#call('lease', { name, why, nth });
    if (verdict === 'CANCELLED') throw new Cancelled(`cancelled by ${String(rest[0])}`);
    if (verdict !== 'WAIT') return;
    if (this.#steps.cancelled !== undefined) throw new Cancelled(`cancelled by ${this.#steps.cancelled}`);
    const [holder, holds] = rest as [string, string];
    const what = `"${name}", which ${holder} has${holds === '' ? '' : ` (${holds})`}`;
    throw new Blocked({ state: 'waiting', why: what, lease: name });
  }

  async #release(name: string): Promise<void> {
    if (this.#run.acting) await this.#call('release', { name, nth: this.#leased.get(name) ?? 0 });
  }

  async #mail(key: string, mail: Mail): Promise<void> {
    if (!this.#run.acting) {
      this.#around.runLog.log.info('not mailed in a dry run', { subject: mail.subject, to: mail.to });
      return;
    }
    await this.#steps.run(`mail ${key}`, { effect: 'idempotent' }, (scope) => {
      scope.mail(key, mail);
      return Promise.resolve();
    });
  }

  /** Words said in one turn of the event loop leave together. */
  #tell(say: (words: Words) => void): void {
    say(this.#words);
    this.#telling ??= this.#guarded(async () => {
      await turn();
      this.#telling = undefined;
      const words = this.#words;
      this.#words = { notes: {} };
      await this.#call('tell', words);
    }).catch((error: unknown) => {
      this.#around.runLog.log.warn('what the run said was not kept', { why: messageOf(error) });
    });
  }

  /** Does what the job asked for; if the run must stop there, the job's branch is left standing. */
  async #guarded<T>(act: () => Promise<T>): Promise<T> {
    if (this.#over) return new Promise<never>(() => {});
    this.#inFlight += 1;
    try {
      return await act();
    } catch (error) {
      if (error instanceof Blocked) this.#blocks.push(error.block);
      else if (error instanceof FenceLost || error instanceof RedisDistrusted) this.lose();
      else throw error;
    } finally {
      this.#inFlight -= 1;
      if (this.#over && this.#inFlight === 0) this.#quiet.resolve();
      this.#settle();
    }
    return new Promise<never>(() => {});
  }

  /** Parks the run once nothing is in flight, also a turn of the event loop later, and something blocks it. */
  #settle(): void {
    // Whatever comes to block it later asks again.
    if (!this.#handingOver && this.#blocks.length === 0) return;
    setImmediate(() => {
      if (this.#inFlight > 0 || (this.#over && !this.#handingOver)) return;
      const parking = this.#handingOver ? HANDED_OVER : joined(this.#blocks);
      if (parking !== undefined) this.#stopped.resolve(parking);
    });
  }

  async #park({ wakeInMs, ...parking }: Parking): Promise<Outcome> {
    const { alarms } = this.#around.clock;
    if (wakeInMs !== undefined) alarms?.set(this.#run.id, wakeInMs);
    const { rest } = await this.#call('park', {
      ...parking,
      ...(wakeInMs === undefined || alarms !== undefined ? {} : { wakeInMs }),
      ...(this.#steps.cancelled === undefined ? {} : { cancelKnown: true }),
    });
    return (rest[0] as Outcome | undefined) ?? 'queued';
  }

  async #end({ error, result }: BodyEnd): Promise<Outcome> {
    const forgotten = error === undefined ? this.#steps.forgotten() : undefined;
    if (forgotten !== undefined) {
      const why = `a person: step "${forgotten}" was done by another version of this job, and this one did not ask for it`;
      return this.#park({ state: 'needs-decision', why });
    }
    if (error === undefined) {
      await this.#call('end', { state: 'succeeded', ...(result === undefined ? {} : { result }) });
      return 'succeeded';
    }
    const why = messageOf(error);
    // A put-back that failed is a failure also in a cancelled run: it can be resumed there.
    const state = error instanceof Cancelled && !this.#expired ? 'cancelled' : 'failed';
    this.#around.runLog.log.error(`run ${state}`, { why });
    const failedStep = error instanceof StepFailed ? { failedStep: error.step } : {};
    await this.#call('end', { state, error: why, ...failedStep });
    return state;
  }

  #call(name: 'lease' | 'slot' | 'release' | 'tell' | 'park' | 'end', args: object) {
    return this.#around.call(name, args);
  }
}

/** What holds up the branches of a run together: any of it may end the wait, and a person is asked first. */
function joined(blocks: readonly Block[]): Parking | undefined {
  const first = blocks.find(({ state }) => state === 'needs-decision') ?? blocks[0];
  if (first === undefined) return undefined;
  const { lease: _, slot: __, ...parking } = first;
  const wakes = blocks.flatMap(({ wakeInMs }) => wakeInMs ?? []);
  return {
    ...parking,
    ...(wakes.length === 0 ? {} : { wakeInMs: Math.min(...wakes) }),
    leases: blocks.flatMap(({ lease }) => lease ?? []),
    slots: blocks.flatMap(({ slot }) => slot ?? []),
    ...(blocks.some(({ frozen }) => frozen) ? { frozen: true } : {}),
  };
}

const MOST_RESULT_BYTES = 64 * 1024;

function sealedResult(result: Json): string {
  const text = JSON.stringify(result);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MOST_RESULT_BYTES) return text;
  throw new MisuseError(`a job may return ${MOST_RESULT_BYTES} bytes, and this one returned ${bytes}`);
}
