/** A clock that stands still while anything is done, and jumps from one thing that is waited for to the next. */
import type { Alarms, Clock, Timers } from './clock.ts';

export interface VirtualClock extends Clock {
  readonly timers: Timers;
  readonly alarms: Alarms;
  standStill(work: PromiseLike<unknown>): void;
  /** How much of what it stands still for is not over. */
  readonly busy: number;
  /** How many steps wait for it. */
  readonly pausing: number;
  /** When the next of them or of the parked runs goes on, in ms since 1970; undefined while none waits. */
  readonly nextAt: number | undefined;
  /**
   * Goes on to `at`; a time that has passed changes nothing. Steps whose pause is over go on in its order;
   * answers the parked runs whose time has come, in theirs.
   */
  moveTo(at: number): readonly string[];
}

interface Pause {
  readonly at: number;
  readonly end: () => void;
}

/** From `startAt`, in ms since 1970. Whoever holds it decides when nothing is done any more. */
export function virtualClock(startAt: number): VirtualClock {
  let now = startAt;
  let busy = 0;
  const pauses = new Set<Pause>();
  const timeouts = new Set<{ readonly at: number; readonly controller: AbortController }>();
  /** When each parked run looks again. */
  const wakeAt = new Map<string, number>();

  const timers: Timers = {
    async pause(ms, signal) {
      signal.throwIfAborted();
      const over = Promise.withResolvers<void>();
      const pause: Pause = { at: now + Math.max(0, ms), end: over.resolve };
      const stop = (): void => over.reject(signal.reason as Error);
      pauses.add(pause);
      signal.addEventListener('abort', stop, { once: true });
      try {
        await over.promise;
      } finally {
        pauses.delete(pause);
        signal.removeEventListener('abort', stop);
      }
    },
    after(ms) {
      const controller = new AbortController();
      timeouts.add({ at: now + ms, controller });
      return controller.signal;
    },
    // The same night is to be the same again.
    chance: () => 0.5,
  };

  return {
    timers,
    alarms: {
      set: (run, ms) => void wakeAt.set(run, now + ms),
      clear: (run) => void wakeAt.delete(run),
    },
    standStill(work) {
      busy += 1;
      const over = (): void => void (busy -= 1);
      work.then(over, over);
    },
    get busy() {
      return busy;
    },
    now: () => new Date(now),
    realMs: (ms) => ms,
    get pausing() {
      return pauses.size;
    },
    get nextAt() {
      const times = [...[...pauses].map(({ at }) => at), ...wakeAt.values()];
      return times.length === 0 ? undefined : Math.min(...times);
    },
    moveTo(at) {
      now = Math.max(now, at);
      for (const timeout of timeouts) {
        if (timeout.at > now) continue;
        timeouts.delete(timeout);
        timeout.controller.abort();
      }
      const due = [...pauses].filter((pause) => pause.at <= now).toSorted((a, b) => a.at - b.at);
      for (const pause of due) {
        pauses.delete(pause);
        pause.end();
      }
      const awake = [...wakeAt].filter(([, at]) => at <= now).toSorted(([, a], [, b]) => a - b);
      for (const [run] of awake) wakeAt.delete(run);
      return awake.map(([run]) => run);
    },
  };
}
