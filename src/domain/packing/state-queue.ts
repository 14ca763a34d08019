/** Which state is looked at next? One that the fewest moves lead to, then the least cost. */

export interface State {
  readonly key: number;
  readonly moves: number;
  readonly cost: number;
  readonly before?: State;
}

/** Each state comes out once, by the best way to it; a leg from one that came out is at least one move. */
export class StateQueue {
  readonly #best = new Map<number, State>();
  /** By number of moves. */
  readonly #waiting: State[][] = [];
  #moves = 0;
  #sorted: State[] | undefined;

  constructor(first: State) {
    this.add(first);
  }

  /** Whether such a state was added with fewer moves, or as many and at no more cost. */
  knowsBetter(key: number, moves: number, cost: number): boolean {
    const known = this.#best.get(key);
    return known !== undefined && (known.moves < moves || (known.moves === moves && known.cost <= cost));
  }

  add(state: State): void {
    if (this.knowsBetter(state.key, state.moves, state.cost)) return;
    this.#best.set(state.key, state);
    (this.#waiting[state.moves] ??= []).push(state);
  }

  next(): State | undefined {
    for (; this.#moves < this.#waiting.length; this.#moves++) {
      // A leg is at least one move, so nothing more comes to this number.
      this.#sorted ??= (this.#waiting[this.#moves] ?? []).toSorted((a, b) => b.cost - a.cost);
      for (let state = this.#sorted.pop(); state !== undefined; state = this.#sorted.pop())
        if (this.#best.get(state.key) === state) return state;
      this.#sorted = undefined;
    }
    return undefined;
  }
}
