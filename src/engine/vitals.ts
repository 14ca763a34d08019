/** Does this process do a daemon's work now? For those who would rather hear nothing than that all is well. */

export interface VitalsOptions {
  /** Silence after which the look at the open runs counts as stuck, in ms. */
  readonly looksMs: number;
  /** The same for the look at the schedules; absent where there are none. */
  readonly ticksMs?: number;
  /** How long a run may be due while this process has a hand free, in ms. */
  readonly dueMs: number;
}

/** What cannot be seen from in here. */
interface Outside {
  /** Why nothing is started. */
  readonly doubt: string | undefined;
  readonly leaving: boolean;
  /** Why nothing is started by schedule. */
  readonly held: string | undefined;
}

export class Vitals {
  readonly #options: VitalsOptions;
  #lookedAt: number | undefined;
  #tickedAt: number | undefined;
  /** The run that is due for the longest time, when somebody here could have taken it. */
  #lying: { readonly run: string; readonly forMs: number } | undefined;

  constructor(options: VitalsOptions) {
    this.#options = options;
  }

  /** The open runs were looked at, in a Redis that is trusted. */
  looked(lying: { run: string; forMs: number } | undefined): void {
    this.#lookedAt = performance.now();
    this.#lying = lying;
  }

  /** The schedules were looked at. */
  ticked(): void {
    this.#tickedAt = performance.now();
  }

  /** Why it does not; undefined while it does. */
  ail({ doubt, leaving, held }: Outside): string | undefined {
    const { looksMs, ticksMs, dueMs } = this.#options;
    if (leaving) return 'this daemon hands its runs over and ends';
    if (doubt !== undefined) return doubt;
    if (isSilent(this.#lookedAt, looksMs))
      return `the open runs were not looked at for ${looksMs / 1000} s: Redis is away, or this daemon is stuck`;
    if (ticksMs !== undefined && held !== undefined) return `nothing is started by schedule: ${held}`;
    if (ticksMs !== undefined && isSilent(this.#tickedAt, ticksMs))
      return `the schedules were not looked at for ${ticksMs / 1000} s`;
    if (this.#lying !== undefined && this.#lying.forMs > dueMs)
      return `${this.#lying.run} is due for ${Math.round(this.#lying.forMs / 1000)} s, and nobody takes it`;
    return undefined;
  }
}

function isSilent(last: number | undefined, mostMs: number): boolean {
  return last === undefined || performance.now() - last > mostMs;
}
