/** Which server is where, and what is still free? Changes in constant time; fits exactly what the rules allow. */
import type { Model } from './model.ts';

const NONE = -1;

export class Placement {
  readonly model: Model;
  /** Hypervisor of each server; −1 while it is taken off. */
  readonly at: Int32Array;
  /** NUMA cells that each server takes there, bit by bit. */
  readonly cells: Int32Array;
  /** At hypervisor × resourceCount + resource; negative where a hypervisor is over-full. */
  readonly free: Float64Array;
  readonly cellFreeVcpus: Float64Array;
  readonly cellFreeRamMb: Float64Array;
  /** Servers on each hypervisor. */
  readonly count: Int32Array;
  /** Servers bound to cells that nobody knows: where there are any, no server that needs cells fits. */
  readonly #unknownCells: Int32Array;
  /** Members of groups of anti-affinity, at group × hypervisorCount + hypervisor. */
  readonly #members: Map<number, number>;
  /** Servers of a hypervisor as a linked list, the latest first. */
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;

  /** A copy of `other`, or the fleet as it is. */
  constructor(model: Model, other?: Placement) {
    this.model = model;
    this.at = other?.at.slice() ?? new Int32Array(model.serverCount).fill(NONE);
    this.cells = other?.cells.slice() ?? model.cellsAtHome.slice();
    this.free = other?.free.slice() ?? model.capacity.slice();
    this.cellFreeVcpus = other?.cellFreeVcpus.slice() ?? model.cellVcpus.slice();
    this.cellFreeRamMb = other?.cellFreeRamMb.slice() ?? model.cellRamMb.slice();
    this.count = other?.count.slice() ?? new Int32Array(model.hypervisorCount);
    this.#unknownCells =
      other === undefined ? new Int32Array(model.hypervisorCount) : other.#unknownCells.slice();
    this.#members = new Map(other === undefined ? [] : other.#members);
    this.#first =
      other === undefined ? new Int32Array(model.hypervisorCount).fill(NONE) : other.#first.slice();
    this.#next = other === undefined ? new Int32Array(model.serverCount).fill(NONE) : other.#next.slice();
    this.#before = other === undefined ? new Int32Array(model.serverCount).fill(NONE) : other.#before.slice();
    if (other === undefined)
      for (let s = model.serverCount - 1; s >= 0; s--) this.put(s, model.home[s]!, model.cellsAtHome[s]);
  }

  copy(): Placement {
    return new Placement(this.model, this);
  }

  /** The servers on a hypervisor; nothing may be put on it or taken off while one walks through them. */
  *on(hypervisor: number): Generator<number> {
    for (let s = this.#first[hypervisor]!; s !== NONE; s = this.#next[s]!) yield s;
  }

  /**
   * Whether the server may go to the hypervisor and finds room there, cells and anti-affinity included.
   * Affinity is not asked: who moves a unit puts each of its servers. Nor is whether the hypervisor is to be
   * emptied, or empty. What the server holds where it is now is not given back first. Given cells, it must find
   * room in just those; back home, in those that it takes there.
   */
  fits(server: number, hypervisor: number, cells?: number): boolean {
    const { model } = this;
    const { kinds, resourceCount } = model;
    const kind = model.kindOf[server]!;
    if (kinds.mayGo[kinds.reachOf[kind]!]![hypervisor] === 0) return false;
    const wants = kind * resourceCount;
    const has = hypervisor * resourceCount;
    for (let r = 0; r < resourceCount; r++) {
      const want = kinds.demand[wants + r]!;
      if (want > 0 && want > this.free[has + r]!) return false;
    }
    if (kinds.cells[kind]! > 0) {
      const mask = this.#cellsOf(server, hypervisor, cells);
      if (!this.fitsInCells(kind, hypervisor, mask)) return false;
    }
    return this.isApart(server, hypervisor);
  }

  /** A server that stays at home keeps its cells, whatever became of them on paper. */
  #cellsOf(server: number, hypervisor: number, cells?: number): number {
    const { home, cellsAtHome, kindOf } = this.model;
    if (cells !== undefined) return cells;
    return hypervisor === home[server] ? cellsAtHome[server]! : this.cellsFor(kindOf[server]!, hypervisor);
  }

  /** Whether one of the kind finds room in just these cells. */
  fitsInCells(kind: number, hypervisor: number, cells: number): boolean {
    const { kinds, cellStart } = this.model;
    if (cells === 0 || this.#unknownCells[hypervisor]! > 0) return false;
    for (let bit = 0; cells >>> bit !== 0; bit++) {
      if (((cells >>> bit) & 1) === 0) continue;
      const cell = cellStart[hypervisor]! + bit;
      if (this.cellFreeVcpus[cell]! < kinds.cellVcpus[kind]!) return false;
      if (this.cellFreeRamMb[cell]! < kinds.cellRamMb[kind]!) return false;
    }
    return true;
  }

  /** Whether anti-affinity lets the server go there, by those that are there now. */
  isApart(server: number, hypervisor: number): boolean {
    const { apart, apartOf, hypervisorCount } = this.model;
    for (let i = apartOf.start[server]!; i < apartOf.start[server + 1]!; i++) {
      const group = apartOf.items[i]!;
      const there = this.#members.get(group * hypervisorCount + hypervisor) ?? 0;
      if (there >= apart[group]!.maxPerHost) return false;
    }
    return true;
  }

  /**
   * The cells that one of the kind would take there, bit by bit: of those with room the ones with the
   * least free vCPUs, then the lowest. 0 where there are not enough, or for a kind that needs none.
   */
  cellsFor(kind: number, hypervisor: number): number {
    const { kinds, cellStart } = this.model;
    if (this.#unknownCells[hypervisor]! > 0) return 0;
    const from = cellStart[hypervisor]!;
    const to = cellStart[hypervisor + 1]!;
    const vcpus = kinds.cellVcpus[kind]!;
    const ramMb = kinds.cellRamMb[kind]!;
    let mask = 0;
    for (let need = kinds.cells[kind]!; need > 0; need--) {
      let best = NONE;
      for (let cell = from; cell < to; cell++) {
        if ((mask >>> (cell - from)) & 1) continue;
        if (this.cellFreeVcpus[cell]! < vcpus || this.cellFreeRamMb[cell]! < ramMb) continue;
        if (best === NONE || this.cellFreeVcpus[cell]! < this.cellFreeVcpus[best]!) best = cell;
      }
      if (best === NONE) return 0;
      mask |= 1 << (best - from);
    }
    return mask;
  }

  /** Puts a server that is nowhere on a hypervisor, whether it fits or not; the cells are chosen unless given. */
  put(server: number, hypervisor: number, cells?: number): void {
    const mask = this.#cellsOf(server, hypervisor, cells);
    this.hold(server, hypervisor, mask);
    this.at[server] = hypervisor;
    this.cells[server] = mask;
    const next = this.#first[hypervisor]!;
    this.#next[server] = next;
    this.#before[server] = NONE;
    if (next !== NONE) this.#before[next] = server;
    this.#first[hypervisor] = server;
    this.count[hypervisor]!++;
  }

  /** Takes a server off its hypervisor; it is nowhere then. */
  take(server: number): void {
    const hypervisor = this.at[server]!;
    this.release(server, hypervisor, this.cells[server]!);
    const next = this.#next[server]!;
    const before = this.#before[server]!;
    if (before === NONE) this.#first[hypervisor] = next;
    else this.#next[before] = next;
    if (next !== NONE) this.#before[next] = before;
    this.count[hypervisor]!--;
    this.at[server] = NONE;
  }

  /** Holds what the server takes there, groups included, wherever it is: a server that migrates holds both ends. */
  hold(server: number, hypervisor: number, cells: number): void {
    this.#change(server, hypervisor, { cells, by: 1 });
  }

  /** Gives back what `hold` took. */
  release(server: number, hypervisor: number, cells: number): void {
    this.#change(server, hypervisor, { cells, by: -1 });
  }

  #change(
    server: number,
    hypervisor: number,
    { cells, by }: { readonly cells: number; readonly by: 1 | -1 },
  ) {
    const { kinds, kindOf, resourceCount, cellStart, apartOf, hypervisorCount } = this.model;
    const kind = kindOf[server]!;
    for (let r = 0; r < resourceCount; r++)
      this.free[hypervisor * resourceCount + r]! -= by * kinds.demand[kind * resourceCount + r]!;
    if (kinds.cells[kind]! > 0) {
      if (cells === 0) this.#unknownCells[hypervisor]! += by;
      for (let bit = 0; bit < cellStart[hypervisor + 1]! - cellStart[hypervisor]!; bit++) {
        if (((cells >>> bit) & 1) === 0) continue;
        this.cellFreeVcpus[cellStart[hypervisor]! + bit]! -= by * kinds.cellVcpus[kind]!;
        this.cellFreeRamMb[cellStart[hypervisor]! + bit]! -= by * kinds.cellRamMb[kind]!;
      }
    }
    for (let i = apartOf.start[server]!; i < apartOf.start[server + 1]!; i++) {
      const key = apartOf.items[i]! * hypervisorCount + hypervisor;
      const there = (this.#members.get(key) ?? 0) + by;
      if (there === 0) this.#members.delete(key);
      else this.#members.set(key, there);
    }
  }
}
