/** What does the plan in the making look like? A placement that counts what it costs, and can be taken back. */
import type { Model } from './model.ts';
import { Placement } from './placement.ts';
import { Shelves } from './shelves.ts';

/** A moment to come back to. */
export type Mark = number;

export class Draft {
  readonly model: Model;
  readonly placement: Placement;
  /** 1 where nothing may be put: takes nothing, was empty before, or is to be emptied. */
  readonly isClosed: Uint8Array;
  /** Candidates that stand empty. */
  emptied = 0;
  /** Servers that are not where they were. */
  moves = 0;
  /** What moving them costs. */
  cost = 0;
  /** Those that are open, by what is free. */
  readonly shelves: Shelves;
  /** Three numbers for each change: server, hypervisor and cells before; or −1 − hypervisor for one closed or opened. */
  #log: number[] = [];

  constructor(model: Model, other?: Draft) {
    this.model = model;
    this.placement = other?.placement.copy() ?? new Placement(model);
    this.isClosed = other?.isClosed.slice() ?? model.canTake.map((can, h) => (1 - can) | model.wasEmpty[h]!);
    this.shelves = new Shelves(model);
    for (const h of this.isClosed.keys()) this.#sort(h);
    if (other !== undefined) this.#counts(other);
  }

  copy(): Draft {
    return new Draft(this.model, this);
  }

  /** The draft that leads to this placement; what is empty there is to be emptied. */
  static of(placement: Placement): Draft {
    const { model, at, cells, count } = placement;
    const draft = new Draft(model);
    for (const [s, h] of at.entries()) if (h !== model.home[s]) draft.#move(s, h, cells[s]);
    for (const [h, is] of model.isCandidate.entries()) if (is === 1 && count[h] === 0) draft.close(h);
    return draft;
  }

  #counts({ emptied, moves, cost }: Draft): void {
    this.emptied = emptied;
    this.moves = moves;
    this.cost = cost;
  }

  /** Puts a server on another hypervisor, without asking whether it fits. */
  move(server: number, to: number, cells?: number): void {
    const from = this.placement.at[server]!;
    this.#log.push(server, from, this.placement.cells[server]!);
    this.#move(server, to, cells);
  }

  /** Becomes what the other is; it can be taken back. */
  restore({ placement: { at, cells }, isClosed }: Draft): void {
    for (const [s, h] of at.entries()) if (this.placement.at[s] !== h) this.move(s, h, cells[s]);
    for (const [h, is] of isClosed.entries()) {
      if (is === 1) this.close(h);
      else this.open(h);
    }
  }

  close(hypervisor: number): void {
    if (this.isClosed[hypervisor] === 1) return;
    this.isClosed[hypervisor] = 1;
    this.#sort(hypervisor);
    this.#log.push(-1 - hypervisor, 0, 0);
  }

  open(hypervisor: number): void {
    if (this.isClosed[hypervisor] === 0) return;
    this.isClosed[hypervisor] = 0;
    this.#sort(hypervisor);
    this.#log.push(-1 - hypervisor, 1, 0);
  }

  /** This moment. What came before it can no longer be taken back. */
  begin(): void {
    this.#log.length = 0;
  }

  mark(): Mark {
    return this.#log.length;
  }

  /** Takes back what was done since. */
  undo(mark: Mark): void {
    const log = this.#log;
    while (log.length > mark) {
      const cells = log.pop()!;
      const before = log.pop()!;
      const what = log.pop()!;
      if (what < 0) {
        this.isClosed[-1 - what] = before;
        this.#sort(-1 - what);
      } else this.#move(what, before, cells);
    }
  }

  #move(server: number, to: number, cells?: number): void {
    const { placement, model } = this;
    const from = placement.at[server]!;
    const home = model.home[server]!;
    placement.take(server);
    if (placement.count[from] === 0 && model.isCandidate[from] === 1) this.emptied++;
    if (placement.count[to] === 0 && model.isCandidate[to] === 1) this.emptied--;
    placement.put(server, to, cells);
    this.#sort(from);
    this.#sort(to);
    if (from === home) this.#count(server, 1);
    if (to === home) this.#count(server, -1);
  }

  #sort(hypervisor: number): void {
    if (this.isClosed[hypervisor] === 1) this.shelves.remove(hypervisor);
    else this.shelves.sort(hypervisor, this.placement.free);
  }

  #count(server: number, by: 1 | -1): void {
    this.moves += by;
    this.cost += by * this.model.cost[server]!;
  }
}
