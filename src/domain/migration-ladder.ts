/** What is done next about a live migration that does not end: wait, another target, force it, or give up. */
import { type Patience, type Watch, whyGetsNowhere } from './migration-progress.ts';
import { sayDuration } from './say.ts';

/** Where a migration stands, and for how long. */
export interface Climb {
  readonly nowMs: number;
  /** When its time began to count: it runs, or it is waited for. */
  readonly sinceMs: number;
  /** Queued and preparing are `waits`. */
  readonly phase: 'waits' | 'runs' | 'forced';
  readonly watch: Watch;
  readonly withinMs: number;
}

export type Rung = 'wait' | 'another target' | 'force-complete' | 'give up';

/** Why it is not waited for any longer; undefined while it is. What was forced is not hurried again. */
export function whyTrouble(climb: Climb, patience: Patience): string | undefined {
  const { nowMs, sinceMs, phase, watch, withinMs } = climb;
  if (nowMs - sinceMs >= withinMs) return `not moved within ${sayDuration(withinMs)}`;
  return phase === 'runs' ? whyGetsNowhere(watch, nowMs, patience) : undefined;
}

/**
 * The next rung for a migration in trouble. Another target is tried once, because the first may be at
 * fault; forcing pauses the guest, so it comes last and only where the site allows it.
 */
export function nextRung(at: {
  readonly phase: Climb['phase'];
  /** How often it was asked to move, this time included. */
  readonly tries: number;
  /** There is a place for it that has not been tried. */
  readonly elsewhere: boolean;
  readonly mayForce: boolean;
}): Exclude<Rung, 'wait'> {
  if (at.phase !== 'runs') return 'give up';
  if (at.tries === 1 && at.elsewhere) return 'another target';
  return at.mayForce ? 'force-complete' : 'give up';
}
