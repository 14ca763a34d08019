/** What does a daemon do every now and then, whatever runs there are? */
import { messageOf } from '../domain/failure.ts';
import type { Log } from './job.ts';

/** What is done in turns, never in two at once. */
export interface Chore {
  /** Completes "could not …" in the log. */
  readonly what: string;
  /** Its failure costs this turn only. */
  work(): Promise<void>;
}

export interface Round extends Chore {
  readonly everyMs: number;
}

/** Works rounds, each at its own pace and none waiting for another, from `start` until `end`. */
export class Rounds {
  readonly #rounds: readonly Round[];
  readonly #log: Log;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #underWay = new Map<Chore, Promise<void>>();

  constructor(rounds: readonly Round[], log: Log) {
    this.#rounds = rounds;
    this.#log = log;
  }

  /** Begins the first turn of each, and goes on. */
  start(): void {
    for (const round of this.#rounds) {
      void this.turn(round);
      this.#timers.push(setInterval(() => void this.turn(round), round.everyMs));
    }
  }

  /** Begins no turn any more. */
  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** Resolves when no turn is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  /** One turn now, or the one that is under way. Never rejects. */
  turn(chore: Chore): Promise<void> {
    const turn = this.#underWay.get(chore) ?? this.#turn(chore);
    this.#underWay.set(chore, turn);
    return turn;
  }

  async #turn(chore: Chore): Promise<void> {
    try {
      await chore.work();
    } catch (error) {
      this.#log.warn(`could not ${chore.what}`, { why: messageOf(error) });
    } finally {
      this.#underWay.delete(chore);
    }
  }
}
