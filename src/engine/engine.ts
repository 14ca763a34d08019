/**
 * The engine as the rest of the house sees it: makes runs, works them, and carries out what people
 * ask of them. Several engines, in as many processes, may share one Redis.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { messageOf } from '../domain/failure.ts';
import { Acts } from './acts.ts';
import { type Health, readHealth, type SayAlert } from './alerts.ts';
import { type Census, takeCensus } from './census.ts';
import { type Clock, REAL_CLOCK, redisNow } from './clock.ts';
import { type HeldSchedules, heldSchedules } from './clock-guard.ts';
import { Cron, type CronJob } from './cron.ts';
import type { Revive } from './definition.ts';
import { Duties } from './duties.ts';
import type { ChildEnd, Log, Mail, Question } from './job.ts';
import { Making, type NewRun } from './making.ts';
import type { Deliver, Pace } from './outbox.ts';
import type { RedisAccess } from './redis.ts';
import { RedisTrust } from './redis-trust.ts';
import type { Registry } from './registry.ts';
import type { KeyedRequest } from './request-key.ts';
import { type Forgotten, KEEP, type Keep, Retention } from './retention.ts';
import type { Round } from './rounds.ts';
import { RunLogs } from './run-log.ts';
import { isOver, Runs } from './runs.ts';
import { type Call, scriptsOn } from './scripts.ts';
import { instantIn } from './stamp.ts';
import { Transport } from './transport.ts';
import { Worker } from './worker.ts';

export interface Timings {
  /** How long an owner that says nothing keeps its run, and BullMQ a delivery. */
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How often every daemon looks for runs that nobody works on. */
  readonly reconcileMs: number;
  /**
   * How much longer than it may a step of a living owner may take before the run is taken away; and how long
   * each owner of a run that is over its time has to put back what the run holds, before the run is ended.
   */
  readonly graceMs: number;
  /** How long a process that leaves waits for `once` steps under way; then nobody will have seen how they ended. */
  readonly drainMs: number;
  /** How long a mail that is being sent is hidden from other senders: longer than sending may take. */
  readonly hideMailMs: number;
}

const TIMINGS: Timings = {
  leaseMs: 6000,
  renewMs: 1500,
  reconcileMs: 2000,
  graceMs: 30_000,
  drainMs: 60_000,
  hideMailMs: 120_000,
};

/** How long a round under way, such as a mail that is being sent, is waited for at the end. */
const LAST_TURN_MS = 5000;
/** How long a Redis that is away is waited for at the end. */
const FAREWELL_MS = 2000;

const DAY_MS = 86_400_000;

export interface EngineOptions<Clients extends object> {
  readonly redis: RedisAccess;
  readonly stateDir: string;
  readonly jobs: Registry<Clients>;
  /** What `ctx` holds beside the engine's own, for one run. */
  readonly clientsFor: (run: { job: string; acting: boolean; log: Log }) => Promise<Clients>;
  readonly deliver: Deliver;
  /** How fast mails leave; one after the other if left out. */
  readonly mailPace?: Pace;
  /** The table in which it is written whom a mail was refused for; nowhere if left out. */
  readonly refusals?: string;
  readonly log: Log;
  /** Makes a job of a stored definition; see `RegisteredJob.source`. */
  readonly revive?: Revive<Clients>;
  /** Right-hand side of Message-IDs. */
  readonly mailHost: string;
  readonly askOperators?: (run: string, step: string, evidence: string) => Mail | undefined;
  readonly askApproval?: (run: string, key: string, question: Question) => Mail | undefined;
  /** The mail for what operators are to be told of a job; left out, nobody is told. */
  readonly sayAlert?: SayAlert;
  /** By job: a wait of so many ms is told; one that is left out may take for ever. */
  readonly longWaitMs?: Readonly<Record<string, number>>;
  /** The time that runs live in; leases and time-outs are real whatever it says. */
  readonly clock?: Clock;
  /** So many owners may be lost with no step done between before a run is quarantined; 3 if left out. */
  readonly mostLosses?: number;
  /** What a daemon does every now and then beside what the engine does. */
  readonly rounds?: readonly Round[];
  /** Jobs that run by themselves. */
  readonly schedules?: readonly CronJob[];
  readonly redact?: (line: string) => string;
  /** Runs worked at once. */
  readonly concurrency?: number;
  readonly timings?: Partial<Timings>;
  /** How long what is over is kept. */
  readonly keep?: Partial<Keep>;
  readonly prefix?: string;
  /** Stands around every script call: tests stop the world there. */
  readonly around?: (call: Call) => Call;
}

export class Engine<Clients extends object = object> {
  readonly runs: Runs;
  readonly acts: Acts;
  readonly cron: Cron;
  readonly logs: RunLogs;
  readonly jobs: Registry<Clients>;
  readonly redisName: string;
  readonly #options: EngineOptions<Clients>;
  readonly #timings: Timings;
  readonly #clock: Clock;
  readonly #node = `${hostname()}.${process.pid}.${randomBytes(4).toString('hex')}`;
  readonly #prefix: string;
  readonly #redis: Redis;
  readonly #trust: RedisTrust;
  readonly #call: Call;
  readonly #worker: Worker<Clients>;
  readonly #transport: Transport;
  readonly #retention: Retention;
  readonly #keep: Keep;
  readonly #making: Making<Clients>;
  readonly #duties: Duties;

  private constructor(options: EngineOptions<Clients>) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#prefix = options.prefix ?? '{nightshift}';
    const concurrency = options.concurrency ?? 8;
    const ring = (run: string): Promise<void> => this.#ring(run);
    this.jobs = options.jobs;
    this.redisName = options.redis.name;
    this.#redis = options.redis.connect();
    this.#trust = new RedisTrust(join(options.stateDir, 'redis-mark.json'), `${this.#prefix}:meta`);
    const call = scriptsOn(this.#redis, this.#prefix, this.#trust);
    this.#call = options.around?.(call) ?? call;
    this.runs = new Runs(this.#redis, this.#prefix);
    this.logs = new RunLogs(join(options.stateDir, 'logs'), options.redact);
    this.#worker = new Worker({
      node: this.#node,
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      timings: this.#timings,
      logs: this.logs,
      log: options.log,
      jobs: options.jobs,
      revive: options.revive,
      clientsFor: options.clientsFor,
      mailHost: options.mailHost,
      askOperators: options.askOperators ?? (() => undefined),
      askApproval: options.askApproval ?? (() => undefined),
      clock: this.#clock,
      mostLosses: options.mostLosses ?? 3,
      makeChild: (child) => this.#making.child(child),
      endOf: (run) => this.#endOf(run),
      answerTo: (run, key) => this.acts.answerTo(run, key),
    });
    this.#transport = new Transport({
      connect: () => options.redis.connect(),
      prefix: `${this.#prefix}:bell`,
      concurrency,
      lockMs: this.#timings.leaseMs,
      stalledMs: this.#timings.reconcileMs,
      onRing: (run) => this.#answer(run),
      onError: (error) => options.log.warn('the bell is out of order', { why: messageOf(error) }),
    });
    this.#making = new Making({
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      clock: this.#clock,
      jobs: options.jobs,
      ring,
    });
    this.cron = new Cron({
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      node: this.#node,
      jobs: options.schedules ?? [],
      fieldsOf: ({ job, options: given, acting }, instant) =>
        this.#making.fieldsOf({
          job,
          options: given,
          acting,
          trigger: { kind: 'cron', instant: instant.toISOString() },
        }),
      ring,
    });
    this.acts = new Acts({
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      runs: this.runs,
      trust: this.#trust,
      ring,
    });
    this.#keep = { ...KEEP, ...options.keep };
    this.#retention = new Retention({
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      logs: this.logs,
      log: options.log,
      keep: this.#keep,
      isTrusted: async () => {
        await this.#trust.check(this.#redis);
        return this.#trust.doubt === undefined;
      },
      isLeaving: () => this.leaving,
    });
    this.#duties = new Duties({
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      node: this.#node,
      clock: this.#clock,
      trust: this.#trust,
      cron: this.cron,
      scheduled: (options.schedules ?? []).length > 0,
      retention: this.#retention,
      timings: this.#timings,
      longWaitMs: options.longWaitMs,
      mailHost: options.mailHost,
      sayAlert: options.sayAlert ?? (() => undefined),
      deliver: options.deliver,
      pace: options.mailPace ?? { atOnce: 1 },
      refusals: options.refusals,
      log: options.log,
      companions: options.rounds ?? [],
      ringDue: async () => {
        for (const run of await this.acts.due()) await ring(run);
      },
      loseAll: () => this.#worker.loseAll(),
      hasHand: () => this.#worker.inHand < concurrency,
      isLeaving: () => this.leaving,
    });
  }

  /**
   * Connects and compares Redis with what this machine knew of it; see `doubt`. The engine closes `redis` when
   * it is closed, and also when it throws here.
   */
  static async open<Clients extends object>(options: EngineOptions<Clients>): Promise<Engine<Clients>> {
    const connections: Redis[] = [];
    const connect = (): Redis => {
      const connection = options.redis.connect();
      connections.push(connection);
      return connection;
    };
    try {
      const engine = new Engine({ ...options, redis: { ...options.redis, connect } });
      await engine.#trust.check(engine.#redis);
      return engine;
    } catch (error) {
      for (const connection of connections) connection.disconnect();
      await options.redis.close();
      throw error;
    }
  }

  /** Why nothing is started: Redis is not the one we knew. Undefined when all is well. */
  get doubt(): string | undefined {
    return this.#trust.doubt;
  }

  /** Why this process does not do a daemon's work now; undefined while it does. */
  get ailment(): string | undefined {
    return this.#duties.ailment;
  }

  /** Names this incarnation of this process. */
  get node(): string {
    return this.#node;
  }

  /** Why this process starts nothing by schedule; undefined while it may. */
  get schedulesHeld(): string | undefined {
    return this.#duties.schedulesHeld;
  }

  /** The daemons, here and elsewhere, that start nothing by schedule. */
  async heldSchedules(): Promise<HeldSchedules[]> {
    return heldSchedules(this.#redis, this.#prefix);
  }

  /** True while some process, here or elsewhere, works runs by itself. */
  async daemonLives(): Promise<boolean> {
    return (await this.#redis.zcount(`${this.#prefix}:nodes`, await this.#now(), '+inf')) > 0;
  }

  /**
   * Makes a run and rings the bell. The options are checked against the job's schema, all faults at once.
   * With an `id` it is safe to repeat: the run that exists is returned. So it is with a `request`, for a day;
   * throws `KeyReused` when another request had its key.
   */
  create(wanted: NewRun): Promise<string> {
    return this.#making.create(wanted);
  }

  /** The run that this very request made; undefined when it is new. Throws `KeyReused` when another request had its key. */
  async runOf(request: KeyedRequest): Promise<string | undefined> {
    return this.#making.runOf(request);
  }

  /** How much there is of everything, now. */
  async census(): Promise<Census> {
    return takeCensus(this.#redis, this.#prefix);
  }

  /** How each job does. */
  async health(): Promise<ReadonlyMap<string, Health>> {
    return readHealth(this.#redis, this.#prefix, this.jobs.keys());
  }

  async #endOf(id: string): Promise<ChildEnd | undefined> {
    const run = await this.runs.get(id);
    if (run === undefined || !isOver(run.state)) return undefined;
    const { state, error, result, notes } = run;
    return {
      id,
      state,
      notes,
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    };
  }

  /** From now on this process works runs, until `close`. */
  async start(): Promise<void> {
    await this.#duties.start(() => this.#transport.listen());
  }

  /** Works one run in this process as far as it goes, without a daemon. */
  work(run: string): ReturnType<Worker<Clients>['work']> {
    return this.#worker.work(run);
  }

  /** As `work`, for the run and for those that it began, until none of them can go on by itself just now. */
  async workFamily(run: string): Promise<void> {
    for (;;) {
      const family = (await this.acts.due()).filter((id) => id === run || id.startsWith(`${run}~`));
      if (family.length === 0 || this.leaving) return;
      const worked = await Promise.all(family.map((id) => this.work(id)));
      if (worked.every((outcome) => outcome === 'refused' || outcome === 'lost')) return;
    }
  }

  /** True once this process gives its runs back. */
  get leaving(): boolean {
    return this.#worker.leaving;
  }

  /** Gives the runs in hand back for their next owner and takes no other; `close` does so too. */
  async handOver(): Promise<void> {
    await within(FAREWELL_MS, this.#transport.deafen());
    const handedOver = await within(this.#timings.drainMs, this.#worker.handOver());
    this.#worker.loseAll();
    for (const run of handedOver ?? []) await within(FAREWELL_MS, this.#ring(run));
  }

  /** Posts what operators are to be told and sends the mails that are due; returns how many left. */
  async sendMails(): Promise<number> {
    await this.#duties.postAlerts();
    return this.#duties.sendDue();
  }

  /** Forgets what was kept long enough; says what went. Every daemon does so once an hour. */
  async forget(): Promise<Forgotten> {
    return this.#retention.turn();
  }

  /** In a sentence, that there is no run of this id: not any more, where the id is that old. */
  sayNone(id: string): string {
    const days = this.#keep.runsDays;
    const isPast = (instantIn(id)?.getTime() ?? Infinity) < this.#clock.now().getTime() - days * DAY_MS;
    const none = `there is no run ${id}`;
    return isPast ? `${none} any more: runs are forgotten ${days} days after they ended` : none;
  }

  /**
   * Hands over what it works on and leaves; a run is never failed by this. Ends in any case: what Redis
   * could not be told, because it is away, the next owner finds out when the lease is over.
   */
  async close(): Promise<void> {
    await this.#duties.end();
    await this.handOver();
    await within(LAST_TURN_MS, this.#duties.settled());
    await within(FAREWELL_MS, this.#farewell());
    this.#transport.disconnect();
    this.#redis.disconnect();
    if (this.#trust.doubt === undefined) this.#trust.save();
    await this.#options.redis.close();
  }

  async #farewell(): Promise<void> {
    await this.#transport.close();
    await this.#redis.zrem(`${this.#prefix}:nodes`, this.#node);
    await this.#redis.quit();
  }

  async #answer(run: string): Promise<void> {
    try {
      await this.#worker.work(run);
    } catch (error) {
      this.#options.log.error('a run could not be worked on', { run, why: messageOf(error) });
    }
  }

  /** What could not be rung for is rung for by the next reconciling of any daemon. */
  async #ring(run: string): Promise<void> {
    try {
      const fence = await this.#redis.hget(`${this.#prefix}:run:${run}`, 'fence');
      if (fence !== null) await this.#transport.ring(run, fence);
    } catch (error) {
      this.#options.log.warn('the bell could not be rung', { run, why: messageOf(error) });
    }
  }

  /** Redis's clock, in ms since the epoch: the one by which leases run. */
  async #now(): Promise<number> {
    return redisNow(this.#redis);
  }
}

/** What the promise gives, or undefined when it fails or takes longer: for words that need no answer. */
async function within<T>(ms: number, promise: Promise<T> | undefined): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
