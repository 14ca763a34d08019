/** Which time is it in the demo? A clock that runs faster than ours, from an instant on. */
import type { Clock } from '../engine/clock.ts';

export interface DemoClock extends Clock {
  /** From now on it goes `timesFaster`; it never jumps. */
  setPace(timesFaster: number): void;
}

/** `real` gives ms that only ever grow. */
export function demoClock(
  startAt: number,
  timesFaster: number,
  real: () => number = () => performance.now(),
): DemoClock {
  let since = real();
  let at = startAt;
  let factor = timesFaster;
  const now = (): number => at + (real() - since) * factor;
  return {
    now: () => new Date(now()),
    realMs: (ms) => ms / factor,
    setPace(timesFaster) {
      at = now();
      since = real();
      factor = timesFaster;
    },
  };
}
