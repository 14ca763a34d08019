/**
 * What does a daemon do for the whole installation, beside the runs that it works? It sees to runs whose
 * owner is gone, starts what is due, posts, sends, and forgets; each on its own, so that none waits for another.
 */
import type { Redis } from 'ioredis';
import { type ScheduledTask, schedule } from 'node-cron';
import { postAlerts, type SayAlert } from './alerts.ts';
import type { Clock } from './clock.ts';
import { ClockGuard } from './clock-guard.ts';
import type { Cron } from './cron.ts';
import type { Log } from './job.ts';
import { type Deliver, type Pace, sendDue } from './outbox.ts';
import type { RedisTrust } from './redis-trust.ts';
import type { Retention } from './retention.ts';
import { type Chore, type Round, Rounds } from './rounds.ts';
import type { Call } from './scripts.ts';
import { Vitals } from './vitals.ts';

/** As node-cron has it. Only a heartbeat: which wall clock a schedule means is the parser's business. */
const EVERY_TEN_SECONDS = '*/10 * * * * *';
const FORGET_EVERY_MS = 3_600_000;
/** Schedules are looked at every ten seconds, and a run that is due is taken at once: after so long something is stuck. */
const SCHEDULES_STUCK_MS = 60_000;
const LEFT_LYING_MS = 60_000;

export interface DutiesOptions {
  readonly call: Call;
  readonly redis: Redis;
  readonly prefix: string;
  /** Names this incarnation of this process. */
  readonly node: string;
  readonly clock: Clock;
  readonly trust: RedisTrust;
  readonly cron: Cron;
  /** Something runs by schedule. */
  readonly scheduled: boolean;
  readonly retention: Retention;
  readonly timings: {
    readonly leaseMs: number;
    readonly reconcileMs: number;
    readonly graceMs: number;
    readonly hideMailMs: number;
  };
  readonly longWaitMs: Readonly<Record<string, number>> | undefined;
  readonly mailHost: string;
  readonly sayAlert: SayAlert;
  readonly deliver: Deliver;
  readonly pace: Pace;
  /** See `EngineOptions`. */
  readonly refusals: string | undefined;
  readonly log: Log;
  /** Begin when all else has, because they may look at it. */
  readonly companions: readonly Round[];
  /** Rings for every run that is due. */
  readonly ringDue: () => Promise<void>;
  /** Drops every run in hand without another word. */
  readonly loseAll: () => void;
  /** This process could work one more run. */
  readonly hasHand: () => boolean;
  readonly isLeaving: () => boolean;
}

export class Duties {
  readonly #around: DutiesOptions;
  readonly #clockGuard: ClockGuard;
  readonly #vitals: Vitals;
  readonly #reconciling: Round;
  readonly #schedules: Chore;
  readonly #rounds: Rounds;
  readonly #companions: Rounds;
  #tenSeconds: ScheduledTask | undefined;
  #saidDoubt: string | undefined;

  constructor(around: DutiesOptions) {
    this.#around = around;
    const { clock, redis, prefix, node, log, scheduled, retention, timings } = around;
    const { reconcileMs, leaseMs } = timings;
    this.#clockGuard = new ClockGuard({ clock, redis, prefix, node, log });
    this.#vitals = new Vitals({
      looksMs: 10 * reconcileMs + leaseMs,
      ...(scheduled ? { ticksMs: SCHEDULES_STUCK_MS } : {}),
      dueMs: LEFT_LYING_MS + leaseMs,
    });
    this.#reconciling = {
      what: 'look at the open runs',
      everyMs: reconcileMs,
      work: () => this.#reconcile(),
    };
    this.#schedules = { what: 'look at the schedules', work: () => this.#trusted(() => this.#tickCron()) };
    this.#rounds = new Rounds(
      [
        this.#reconciling,
        {
          what: 'post what operators are to be told',
          everyMs: reconcileMs,
          work: () => this.#trusted(() => this.postAlerts()),
        },
        // Beside the others, because a slow mail server must not make this process look dead.
        { what: 'work the outbox', everyMs: reconcileMs, work: () => this.#trusted(() => this.sendDue()) },
        {
          what: 'forget what was kept long enough',
          everyMs: FORGET_EVERY_MS,
          work: () => this.#trusted(() => retention.turn()),
        },
      ],
      log,
    );
    this.#companions = new Rounds(around.companions, log);
  }

  /** Takes its duties up; `listen` is called once the open runs were looked at. */
  async start(listen: () => void): Promise<void> {
    this.#rounds.start();
    await this.#rounds.turn(this.#reconciling);
    listen();
    if (this.#around.scheduled) {
      const tick = (): Promise<void> => this.#rounds.turn(this.#schedules);
      this.#tenSeconds = schedule(EVERY_TEN_SECONDS, tick, { timezone: 'UTC' });
      await tick();
    }
    this.#companions.start();
  }

  /** Begins nothing any more. */
  async end(): Promise<void> {
    this.#companions.end();
    this.#rounds.end();
    await this.#tenSeconds?.destroy();
  }

  /** Resolves when nothing that was begun is under way. */
  async settled(): Promise<void> {
    await Promise.all([this.#rounds.settled(), this.#companions.settled()]);
  }

  /** Why this process does not do a daemon's work now; undefined while it does. */
  get ailment(): string | undefined {
    const { trust, isLeaving } = this.#around;
    return this.#vitals.ail({ doubt: trust.doubt, leaving: isLeaving(), held: this.schedulesHeld });
  }

  /** Why this process starts nothing by schedule; undefined while it may. */
  get schedulesHeld(): string | undefined {
    return this.#clockGuard.objection;
  }

  /** Posts what operators are to be told. */
  postAlerts(): Promise<void> {
    const { redis, prefix, call, mailHost, sayAlert } = this.#around;
    return postAlerts({ redis, prefix, call, mailHost, sayAlert });
  }

  /** Sends the mails that are due; returns how many left. */
  sendDue(): Promise<number> {
    const { call, deliver, pace, refusals, log, timings } = this.#around;
    return sendDue({ call, deliver, pace, refusals, log, hideMs: timings.hideMailMs });
  }

  /** Says that this process lives, sees to runs whose owner is gone or stuck, and rings for those that are due. */
  async #reconcile(): Promise<void> {
    const { trust, redis, prefix, node, timings, call, longWaitMs, ringDue, loseAll } = this.#around;
    await trust.check(redis);
    if (trust.doubt !== undefined) {
      loseAll();
      this.#sayDoubt(trust.doubt);
      return;
    }
    this.#saidDoubt = undefined;
    const { reconcileMs, leaseMs, graceMs } = timings;
    const now = await this.#clockGuard.compare();
    await redis.zremrangebyscore(`${prefix}:nodes`, '-inf', now);
    await redis.zadd(`${prefix}:nodes`, now + 3 * reconcileMs + leaseMs, node);
    await call('seize', { node, graceMs, longWaitMs });
    await ringDue();
    this.#vitals.looked(await this.#leftLying(now));
  }

  /** The run that is due for the longest time, while this process could work one more. */
  async #leftLying(now: number): Promise<{ run: string; forMs: number } | undefined> {
    const { redis, prefix, hasHand } = this.#around;
    const [run, since] = await redis.zrange(`${prefix}:open`, '0', '0', 'WITHSCORES');
    if (run === undefined || !hasHand()) return undefined;
    return { run, forMs: now - Number(since) };
  }

  async #tickCron(): Promise<void> {
    await this.#clockGuard.compare();
    if (this.schedulesHeld !== undefined) return;
    await this.#around.cron.tick(this.#around.clock.now());
    this.#vitals.ticked();
  }

  /** Does it unless Redis is in doubt. */
  async #trusted(work: () => Promise<unknown>): Promise<void> {
    if (this.#around.trust.doubt === undefined) await work();
  }

  #sayDoubt(why: string): void {
    if (why === this.#saidDoubt) return;
    this.#saidDoubt = why;
    this.#around.log.error('nothing is started', { why, next: 'nightshift accept-redis' });
  }
}
