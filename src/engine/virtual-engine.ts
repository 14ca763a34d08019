/**
 * How is a night played in no time? An engine whose runs live by a clock that jumps to the next thing that is
 * waited for as soon as nothing is done any more. It works every run itself; no daemon is to be beside it.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Engine, type EngineOptions, type Timings } from './engine.ts';
import type { Outcome } from './execution.ts';
import type { Call, ScriptName } from './scripts.ts';
import { type VirtualClock, virtualClock } from './virtual-clock.ts';

/** What else lives by the clock: the world that the jobs act upon. */
interface OtherLife {
  /** How many wait for something to come about there. */
  readonly waiting: number;
  /** When something happens there next; undefined when nothing does. */
  readonly nextAt: number | undefined;
  /** Lets everything happen that is due until then. */
  advance(to: number): void;
}

export interface VirtualTime {
  /** In ms since 1970. */
  readonly startAt: number;
  readonly beside: OtherLife;
}

/** Until when is gone on, in ms since 1970, or until which run has ended; whichever is first. */
export interface Goal {
  readonly upTo?: number;
  readonly run?: string;
  /** Gives up, with its reason, when it aborts. */
  readonly signal?: AbortSignal;
}

export interface VirtualEngine<Clients extends object> {
  readonly engine: Engine<Clients>;
  readonly clock: VirtualClock;
  /** Works what is due and lets time go on, schedules included, until the goal or until nothing goes on by itself. */
  readonly play: (goal: Goal) => Promise<void>;
}

/** Turns of the event loop in which nothing may happen before time goes on. */
const STILL_TURNS = 4;
/** After these no other run is due. */
const STEP_SCRIPTS: ReadonlySet<ScriptName> = new Set(['begin', 'finish', 'tell', 'renew']);
const ENDS: ReadonlySet<Outcome | 'refused'> = new Set(['succeeded', 'failed', 'cancelled']);
/**
 * Nobody else wants the runs, whoever plays may compute for long between two renewals, and nothing of what is
 * under way at the end is seen through: no world is harmed.
 */
const TIMINGS: Partial<Timings> = { leaseMs: 60_000, renewMs: 12_000, graceMs: 3_600_000, drainMs: 0 };

/** See `Engine.open`; whoever opens it closes its `engine`. */
export async function openVirtualEngine<Clients extends object>(
  options: Omit<EngineOptions<Clients>, 'clock' | 'timings'>,
  { startAt, beside }: VirtualTime,
): Promise<VirtualEngine<Clients>> {
  const clock = virtualClock(startAt);
  const inHand = new Map<string, Promise<unknown>>();
  const ended = new Set<string>();
  /** Something was said to Redis after which another run may be due. */
  let mayBeDue = true;
  /** Of a schedule. */
  let nextInstant = Number.POSITIVE_INFINITY;
  let broken: { readonly error: unknown } | undefined;

  const engine = await Engine.open<Clients>({
    ...options,
    clock,
    timings: TIMINGS,
    redis: { ...options.redis, connect: () => watched(options.redis.connect()) },
    around: (call) => noticing(options.around?.(call) ?? call),
  });

  /** A connection whose commands under way hold the clock. */
  function watched(connection: Redis): Redis {
    const send = connection.sendCommand.bind(connection);
    connection.sendCommand = (...args) => {
      const sent = send(...args);
      clock.standStill(Promise.resolve(sent));
      return sent;
    };
    return connection;
  }

  function noticing(call: Call): Call {
    return (name, args, blob) => {
      if (!STEP_SCRIPTS.has(name)) mayBeDue = true;
      return call(name, args, blob);
    };
  }

  /** Until every run in hand waits for time or for the world. */
  async function quiet(): Promise<void> {
    for (let still = 0; still < STILL_TURNS; ) {
      await turn();
      const isBusy = clock.busy > 0 || inHand.size > clock.pausing + beside.waiting;
      still = isBusy ? 0 : still + 1;
    }
  }

  /** True when there was a run to take in hand. */
  async function takeInHand(): Promise<boolean> {
    if (!mayBeDue) return false;
    mayBeDue = false;
    const due = (await engine.acts.due()).filter((id) => !inHand.has(id)).toSorted();
    for (const id of due) inHand.set(id, work(id));
    return due.length > 0;
  }

  async function work(id: string): Promise<void> {
    try {
      const outcome = await engine.work(id);
      if (ENDS.has(outcome)) ended.add(id);
    } catch (error) {
      broken ??= { error };
    } finally {
      inHand.delete(id);
    }
  }

  /** Goes on to the next thing that is waited for, no further than `upTo`; false when there is none. */
  async function jump(upTo: number): Promise<boolean> {
    // What happens in a world that nobody waits for happens when somebody comes to look.
    const besideAt = beside.waiting > 0 ? beside.nextAt : undefined;
    const next = Math.min(nextInstant, clock.nextAt ?? Infinity, besideAt ?? Infinity);
    const at = Math.min(next, upTo);
    if (!Number.isFinite(at)) return false;
    beside.advance(at);
    for (const run of clock.moveTo(at)) await engine.acts.wake(run);
    if (nextInstant <= at) await tick();
    return next <= upTo;
  }

  /** Makes the runs that are due by schedule. */
  async function tick(): Promise<void> {
    const now = clock.now();
    await engine.cron.tick(now);
    const soonest = engine.cron.forecast(now, 1)[0];
    nextInstant = soonest === undefined ? Number.POSITIVE_INFINITY : Date.parse(soonest.at);
  }

  await tick();
  return {
    engine,
    clock,
    async play({ upTo = Number.POSITIVE_INFINITY, run, signal }) {
      for (;;) {
        await quiet();
        signal?.throwIfAborted();
        if (broken !== undefined) throw broken.error;
        if (await takeInHand()) continue;
        if (run !== undefined && ended.has(run) && !inHand.has(run)) return;
        if (!(await jump(upTo))) return;
      }
    },
  };
}
