/** Which move runs in which wave, within the limits? */
import type { Limits } from '../move-order.ts';
import type { TimedMove } from './makespan.ts';

/** One server to one hypervisor; all by index. */
export interface Move extends TimedMove {
  readonly server: number;
  /** NUMA cells that it takes there, bit by bit; 0 for a server that is bound to none. */
  readonly cells: number;
}

interface Wave {
  readonly moves: Set<Move>;
  readonly off: Map<number, number>;
  readonly onto: Map<number, number>;
  /** Its longest move. */
  seconds: number;
}

export class Timetable {
  readonly #limits: Limits;
  readonly #waves: Wave[] = [];
  readonly #waveOf = new Map<Move, number>();
  /** All waves before it are full. */
  #firstOpen = 0;
  #seconds = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waves.length;
  }

  /** The waves in which something runs. */
  waves(): readonly (readonly Move[])[] {
    return this.#waves.filter(({ moves }) => moves.size > 0).map(({ moves }) => [...moves]);
  }

  /** Of all waves, one after the other. */
  get seconds(): number {
    return this.#seconds;
  }

  secondsOf(wave: number): number {
    return this.#waves[wave]?.seconds ?? 0;
  }

  /** undefined while the move is in none. */
  waveOf(move: Move): number | undefined {
    return this.#waveOf.get(move);
  }

  movesOf(wave: number): readonly Move[] {
    return [...this.#waves[wave]!.moves];
  }

  /** The first wave, not before `earliest`, in which anything can find a place. */
  firstOpen(earliest: number): number {
    while (this.#isFull(this.#firstOpen)) this.#firstOpen++;
    return Math.max(earliest, this.#firstOpen);
  }

  /** Whether the limits leave so many places for moves between the same two; a wave behind the last one is empty. */
  hasPlace(wave: number, { from, to }: Move, places = 1): boolean {
    const { parallel, outPerHypervisor, inPerHypervisor } = this.#limits;
    const there = this.#waves[wave];
    if (there === undefined) return true;
    return (
      there.moves.size + places <= parallel &&
      (there.off.get(from) ?? 0) + places <= outPerHypervisor &&
      (there.onto.get(to) ?? 0) + places <= inPerHypervisor
    );
  }

  add(wave: number, move: Move): void {
    while (this.#waves.length <= wave)
      this.#waves.push({ moves: new Set(), off: new Map(), onto: new Map(), seconds: 0 });
    const there = this.#waves[wave]!;
    there.moves.add(move);
    count(there.off, move.from, 1);
    count(there.onto, move.to, 1);
    this.#setSeconds(there, Math.max(there.seconds, move.seconds));
    this.#waveOf.set(move, wave);
  }

  remove(move: Move): void {
    const wave = this.waveOf(move);
    if (wave === undefined) return;
    const there = this.#waves[wave]!;
    there.moves.delete(move);
    count(there.off, move.from, -1);
    count(there.onto, move.to, -1);
    if (move.seconds === there.seconds)
      this.#setSeconds(
        there,
        there.moves.values().reduce((most, { seconds }) => Math.max(most, seconds), 0),
      );
    this.#waveOf.delete(move);
    this.#firstOpen = Math.min(this.#firstOpen, wave);
  }

  #setSeconds(wave: Wave, seconds: number): void {
    this.#seconds += seconds - wave.seconds;
    wave.seconds = seconds;
  }

  #isFull(wave: number): boolean {
    return (this.#waves[wave]?.moves.size ?? 0) >= this.#limits.parallel;
  }
}

function count(counts: Map<number, number>, key: number, by: 1 | -1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
