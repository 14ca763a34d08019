/**
 * The engine as the rest of the house sees it: makes runs, works them, and carries out what people
 * ask of them. Several engines, in as many processes, may share one Redis.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { type ScheduledTask, schedule } from 'node-cron';
import { messageOf } from '../domain/failure.ts';
import { Acts } from './acts.ts';
import { type Health, postAlerts, readHealth, type SayAlert } from './alerts.ts';
import { type Census, takeCensus } from './census.ts';
import { type Clock, REAL_CLOCK, redisNow } from './clock.ts';
import { ClockGuard, type HeldSchedules, heldSchedules } from './clock-guard.ts';
import { Cron, type CronJob } from './cron.ts';
import type { Revive } from './definition.ts';
import { RefusedError } from './errors.ts';
import type { ChildRun } from './execution.ts';
import type { ChildEnd, Json, Log, Mail, Question, Trigger } from './job.ts';
import { type Deliver, sendDue } from './outbox.ts';
import type { RedisAccess } from './redis.ts';
import { RedisTrust } from './redis-trust.ts';
import type { RegisteredJob, Registry } from './registry.ts';
import { type KeyedRequest, KeyReused, runOfRequest, sealRequest } from './request-key.ts';
import { type Forgotten, KEEP, type Keep, Retention } from './retention.ts';
import { type Chore, type Round, Rounds } from './rounds.ts';
import { RunLogs } from './run-log.ts';
import { isOver, Runs } from './runs.ts';
import { type Call, scriptsOn } from './scripts.ts';
import { instantIn, stamp } from './stamp.ts';
import { Transport } from './transport.ts';
import { Vitals } from './vitals.ts';
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

const FORGET_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Schedules are looked at every ten seconds, and a run that is due is taken at once: after so long something is stuck. */
const SCHEDULES_STUCK_MS = 60_000;
const LEFT_LYING_MS = 60_000;

/** As node-cron has it. Only a heartbeat: which wall clock a schedule means is the parser's business. */
const EVERY_TEN_SECONDS = '*/10 * * * * *';

export interface EngineOptions<Clients extends object> {
  readonly redis: RedisAccess;
  readonly stateDir: string;
  readonly jobs: Registry<Clients>;
  /** What `ctx` holds beside the engine's own, for one run. */
  readonly clientsFor: (run: { job: string; acting: boolean; log: Log }) => Promise<Clients>;
  readonly deliver: Deliver;
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

export interface NewRun {
  readonly job: string;
  readonly options: Json;
  readonly trigger: Trigger;
  readonly acting: boolean;
  /** Left out: made from the job's name, the time and chance. */
  readonly id?: string;
  /** What was asked under a key: the same words again find the run that they made. */
  readonly request?: KeyedRequest;
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
  readonly #clockGuard: ClockGuard;
  readonly #node = `${hostname()}.${process.pid}.${randomBytes(4).toString('hex')}`;
  readonly #prefix: string;
  readonly #concurrency: number;
  readonly #redis: Redis;
  readonly #trust: RedisTrust;
  readonly #call: Call;
  readonly #worker: Worker<Clients>;
  readonly #transport: Transport;
  readonly #reconciling: Round;
  readonly #schedules: Chore;
  readonly #retention: Retention;
  readonly #keep: Keep;
  readonly #rounds: Rounds;
  /** Begin when all else has, because they may look at it. */
  readonly #companions: Rounds;
  readonly #vitals: Vitals;
  #tenSeconds: ScheduledTask | undefined;
  #saidDoubt: string | undefined;

  private constructor(options: EngineOptions<Clients>) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#prefix = options.prefix ?? '{nightshift}';
    this.#concurrency = options.concurrency ?? 8;
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
      makeChild: (child) => this.#makeChild(child),
      endOf: (run) => this.#endOf(run),
      answerTo: (run, key) => this.acts.answerTo(run, key),
    });
    this.#transport = new Transport({
      connect: () => options.redis.connect(),
      prefix: `${this.#prefix}:bell`,
      concurrency: this.#concurrency,
      lockMs: this.#timings.leaseMs,
      stalledMs: this.#timings.reconcileMs,
      onRing: (run) => this.#answer(run),
      onError: (error) => options.log.warn('the bell is out of order', { why: messageOf(error) }),
    });
    this.#clockGuard = new ClockGuard({
      clock: this.#clock,
      redis: this.#redis,
      prefix: this.#prefix,
      node: this.#node,
      log: options.log,
    });
    this.cron = new Cron({
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      node: this.#node,
      jobs: options.schedules ?? [],
      fieldsOf: ({ job, options: given, acting }, instant) =>
        this.#fieldsOf({
          job,
          options: given,
          acting,
          trigger: { kind: 'cron', instant: instant.toISOString() },
        }),
      ring: (run) => this.#ring(run),
    });
    this.acts = new Acts({
      call: this.#call,
      redis: this.#redis,
      prefix: this.#prefix,
      runs: this.runs,
      trust: this.#trust,
      ring: (run) => this.#ring(run),
    });
    const { reconcileMs, leaseMs } = this.#timings;
    this.#vitals = new Vitals({
      looksMs: 10 * reconcileMs + leaseMs,
      ...((options.schedules ?? []).length === 0 ? {} : { ticksMs: SCHEDULES_STUCK_MS }),
      dueMs: LEFT_LYING_MS + leaseMs,
    });
    this.#reconciling = {
      what: 'look at the open runs',
      everyMs: reconcileMs,
      work: () => this.#reconcile(),
    };
    this.#schedules = {
      what: 'look at the schedules',
      work: () =>
        this.#trusted(async () => {
          await this.#clockGuard.compare();
          if (this.schedulesHeld !== undefined) return;
          await this.cron.tick(this.#clock.now());
          this.#vitals.ticked();
        }),
    };
    // Beside the others, because a slow mail server must not make this process look dead.
    const mailing: Round = {
      what: 'work the outbox',
      everyMs: reconcileMs,
      work: () => this.#trusted(() => this.#sendDue()),
    };
    const alerting: Round = {
      what: 'post what operators are to be told',
      everyMs: reconcileMs,
      work: () => this.#trusted(() => this.#postAlerts()),
    };
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
    const forgetting: Round = {
      what: 'forget what was kept long enough',
      everyMs: FORGET_EVERY_MS,
      work: () => this.#trusted(() => this.forget()),
    };
    this.#rounds = new Rounds([this.#reconciling, alerting, mailing, forgetting], options.log);
    this.#companions = new Rounds(options.rounds ?? [], options.log);
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
    return this.#vitals.ail({ doubt: this.doubt, leaving: this.leaving, held: this.schedulesHeld });
  }

  /** Names this incarnation of this process. */
  get node(): string {
    return this.#node;
  }

  /** Why this process starts nothing by schedule; undefined while it may. */
  get schedulesHeld(): string | undefined {
    return this.#clockGuard.objection;
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
  async create(wanted: NewRun): Promise<string> {
    const { job: name, options, trigger, acting, id, request } = wanted;
    const registered = this.#job(name);
    const checked = registered.job.options.safeParse(options);
    if (!checked.success) throw checked.error;
    const run = id ?? `${name}~${stamp(this.#clock.now())}-${randomBytes(2).toString('hex')}`;
    const sealed = request === undefined ? undefined : sealRequest(request);
    const { verdict, rest } = await this.#call('create', {
      run,
      ...this.#fieldsOf({ job: name, options, trigger, acting }),
      ...(sealed === undefined ? {} : { request: sealed }),
    });
    if (verdict === 'ASKED') {
      const [made, digest] = rest as [string, string];
      if (digest !== sealed?.digest) throw new KeyReused(made);
      return made;
    }
    // Chance has made a name that another run has.
    if (verdict === 'EXISTS' && id === undefined) return this.create(wanted);
    await this.#ring(run);
    return run;
  }

  /** The run that this very request made; undefined when it is new. Throws `KeyReused` when another request had its key. */
  async runOf(request: KeyedRequest): Promise<string | undefined> {
    return runOfRequest(this.#redis, this.#prefix, request);
  }

  /** How much there is of everything, now. */
  async census(): Promise<Census> {
    return takeCensus(this.#redis, this.#prefix);
  }

  /** How each job does. */
  async health(): Promise<ReadonlyMap<string, Health>> {
    return readHealth(this.#redis, this.#prefix, this.jobs.keys());
  }

  async #makeChild({ id, job, options, acting, parent, attached }: ChildRun): Promise<void> {
    this.#job(job).job.options.parse(options);
    const trigger: Trigger = { kind: 'run', by: parent };
    const fields = this.#fieldsOf({ job, options, trigger, acting });
    await this.#call('create', { run: id, ...fields, parent, ...(attached ? { attached } : {}) });
    await this.#ring(id);
  }

  /** What `create` writes of a new run. */
  #fieldsOf({ job: name, options, trigger, acting }: Omit<NewRun, 'id' | 'request'>): object {
    const { definition, source, job } = this.#job(name);
    return {
      job: name,
      nonce: randomUUID(),
      options: JSON.stringify(options),
      trigger: JSON.stringify(trigger),
      acting: acting ? '1' : '',
      definition,
      ...(source === undefined ? {} : { source }),
      by: trigger.by ?? trigger.kind,
      ...(job.timeoutMs === undefined ? {} : { timeoutMs: job.timeoutMs }),
    };
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
    this.#rounds.start();
    await this.#rounds.turn(this.#reconciling);
    this.#transport.listen();
    if ((this.#options.schedules ?? []).length > 0) {
      const tick = (): Promise<void> => this.#rounds.turn(this.#schedules);
      this.#tenSeconds = schedule(EVERY_TEN_SECONDS, tick, { timezone: 'UTC' });
      await tick();
    }
    this.#companions.start();
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
    await this.#postAlerts();
    return this.#sendDue();
  }

  #postAlerts(): Promise<void> {
    const { mailHost, sayAlert = () => undefined } = this.#options;
    return postAlerts({ redis: this.#redis, prefix: this.#prefix, call: this.#call, mailHost, sayAlert });
  }

  #sendDue(): Promise<number> {
    const { deliver, log } = this.#options;
    return sendDue({ call: this.#call, deliver, log, hideMs: this.#timings.hideMailMs });
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
    this.#companions.end();
    this.#rounds.end();
    await this.#tenSeconds?.destroy();
    await this.handOver();
    await within(LAST_TURN_MS, Promise.all([this.#rounds.settled(), this.#companions.settled()]));
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

  /** Says that this process lives, sees to runs whose owner is gone or stuck, and rings for those that are due. */
  async #reconcile(): Promise<void> {
    await this.#trust.check(this.#redis);
    if (this.#trust.doubt !== undefined) {
      this.#worker.loseAll();
      this.#sayDoubt(this.#trust.doubt);
      return;
    }
    this.#saidDoubt = undefined;
    const { reconcileMs, leaseMs, graceMs } = this.#timings;
    const now = await this.#clockGuard.compare();
    await this.#redis.zremrangebyscore(`${this.#prefix}:nodes`, '-inf', now);
    await this.#redis.zadd(`${this.#prefix}:nodes`, now + 3 * reconcileMs + leaseMs, this.#node);
    await this.#call('seize', { node: this.#node, graceMs, longWaitMs: this.#options.longWaitMs });
    for (const run of await this.acts.due()) await this.#ring(run);
    this.#vitals.looked(await this.#leftLying(now));
  }

  /** The run that is due for the longest time, while this process could work one more. */
  async #leftLying(now: number): Promise<{ run: string; forMs: number } | undefined> {
    const [run, since] = await this.#redis.zrange(`${this.#prefix}:open`, '0', '0', 'WITHSCORES');
    if (run === undefined || this.#worker.inHand >= this.#concurrency) return undefined;
    return { run, forMs: now - Number(since) };
  }

  /** Does it unless Redis is in doubt. */
  async #trusted(work: () => Promise<unknown>): Promise<void> {
    if (this.#trust.doubt === undefined) await work();
  }

  #sayDoubt(why: string): void {
    if (why === this.#saidDoubt) return;
    this.#saidDoubt = why;
    this.#options.log.error('nothing is started', { why, next: 'nightshift accept-redis' });
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

  #job(name: string): RegisteredJob<Clients> {
    const job = this.jobs.get(name);
    if (job === undefined)
      throw new RefusedError(`there is no job ${name}; there are ${[...this.jobs.keys()].join(', ')}`);
    return job;
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
