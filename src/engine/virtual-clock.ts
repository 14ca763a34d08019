/** A clock that stands still while anything is done, and jumps from one thing that is waited for to the next. */
import type { Clock, Timers } from './clock.ts';

export interface VirtualClock extends Clock {
  readonly timers: Timers;
  /** How many steps wait for it. */
  readonly pausing: number;
  /** When the next of them goes on, in ms since 1970; undefined while none waits. */
  readonly nextAt: number | undefined;
  /** Goes on to `at`; a time that has passed changes nothing. Those whose pause is over go on in its order. */
  moveTo(at: number): void;
}

interface Pause {
  readonly at: number;
  readonly end: () => void;
}

/** From `startAt`, in ms since 1970. Whoever holds it decides when nothing is done any more. */
export function virtualClock(startAt: number): VirtualClock {
  let now = startAt;
  const pauses = new Set<Pause>();
  const alarms = new Set<{ readonly at: number; readonly controller: AbortController }>();

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
      alarms.add({ at: now + ms, controller });
      return controller.signal;
    },
  };

  return {
    timers,
    now: () => new Date(now),
    // What waits without a worker is woken by whoever moves this clock.
    realMs: (ms) => ms,
    get pausing() {
      return pauses.size;
    },
    get nextAt() {
      return pauses.size === 0 ? undefined : Math.min(...[...pauses].map(({ at }) => at));
    },
    moveTo(at) {
      now = Math.max(now, at);
      for (const alarm of alarms) {
        if (alarm.at > now) continue;
        alarms.delete(alarm);
        alarm.controller.abort();
      }
      const due = [...pauses].filter((pause) => pause.at <= now).toSorted((a, b) => a.at - b.at);
      for (const pause of due) {
        pauses.delete(pause);
        pause.end();
      }
    },
  };
}
