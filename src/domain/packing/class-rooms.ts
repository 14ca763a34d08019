/** How much room has a hypervisor for servers of a class? Capacity, NUMA cells and anti-affinity as rows of a program. */
import type { ServerClass, Stake } from './classes.ts';
import { Entries, type ProgramDraft } from './program.ts';

/** Where units go, or come from: the cells of each member, bit by bit. */
export interface Place {
  readonly hypervisor: number;
  readonly cells: readonly number[];
}

/** What a unit takes there: rooms by number, and how much of each. */
interface Taken {
  readonly rooms: readonly number[];
  readonly amounts: readonly number[];
}

export class Rooms {
  readonly #stake: Stake;
  /** What is left in the base, by room; negative where a hypervisor is over-full. */
  readonly #left = new Map<number, number>();
  /** What would be left if all that may go went. */
  readonly #most = new Map<number, number>();
  readonly #rows = new Map<number, { readonly hypervisor: number; readonly entries: Entries }>();
  readonly #unknownCells: Uint8Array;
  readonly #firstVcpus: number;
  readonly #firstRamMb: number;
  readonly #firstGroup: number;

  constructor(stake: Stake) {
    this.#stake = stake;
    const { model, base, hypervisors } = stake;
    this.#firstVcpus = model.hypervisorCount * model.resourceCount;
    this.#firstRamMb = this.#firstVcpus + model.cellVcpus.length;
    this.#firstGroup = this.#firstRamMb + model.cellRamMb.length;
    this.#unknownCells = new Uint8Array(model.hypervisorCount);
    for (const h of hypervisors) for (const s of base.on(h)) this.#see(s, h);
  }

  /** Notes those that are there: members of groups, and servers on cells that nobody knows. */
  #see(server: number, hypervisor: number): void {
    const { model, base } = this.#stake;
    if (model.kinds.cells[model.kindOf[server]!]! > 0 && base.cells[server] === 0)
      this.#unknownCells[hypervisor] = 1;
    for (let i = model.apartOf.start[server]!; i < model.apartOf.start[server + 1]!; i++) {
      const room = this.#groupRoom(model.apartOf.items[i]!, hypervisor);
      this.#left.set(room, this.#leftIn(room) - 1);
    }
  }

  /** Nothing looked at is over-full or on cells that nobody knows: the rows say exactly what is allowed. */
  isExact(): boolean {
    const { model, base, hypervisors } = this.#stake;
    if ([...this.#left.values()].some((left) => left < 0)) return false;
    return hypervisors.every((h) => {
      const own = base.free.subarray(h * model.resourceCount, (h + 1) * model.resourceCount);
      const cells = [base.cellFreeVcpus, base.cellFreeRamMb].flatMap((free) => [
        ...free.subarray(model.cellStart[h], model.cellStart[h + 1]),
      ]);
      return this.#unknownCells[h] === 0 && [...own, ...cells].every((left) => left >= 0);
    });
  }

  /** Units of the class that fit there besides all that stay. An over-full hypervisor takes none. */
  unitsThatFit(one: ServerClass, place: Place): number {
    if (this.#unknownCells[place.hypervisor] === 1 && place.cells.some((mask) => mask !== 0)) return 0;
    const { rooms, amounts } = this.#takenBy(one, place);
    let units = Infinity;
    for (const [i, room] of rooms.entries()) {
      const left = this.#leftIn(room);
      const most = left < 0 ? 0 : left + (this.#most.get(room) ?? 0);
      units = Math.min(units, Math.floor(most / amounts[i]!));
    }
    return units;
  }

  /** So many units may leave, and their room would be free. */
  mayLeave(one: ServerClass, place: Place, units: number): void {
    const { rooms, amounts } = this.#takenBy(one, place);
    for (const [i, room] of rooms.entries())
      this.#most.set(room, (this.#most.get(room) ?? 0) + units * amounts[i]!);
  }

  /** A column that counts units put there. */
  puts(column: number, one: ServerClass, place: Place): void {
    this.#enter(column, 1, { hypervisor: place.hypervisor, ...this.#takenBy(one, place) });
  }

  /** A column that counts units taken off there. */
  takes(column: number, one: ServerClass, place: Place): void {
    this.#enter(column, -1, { hypervisor: place.hypervisor, ...this.#takenBy(one, place) });
  }

  /** Writes the rows. Where the column in `emptied`, by hypervisor, is 1, there is no room at all. */
  write(draft: ProgramDraft, emptied: Int32Array): void {
    for (const [room, { hypervisor, entries }] of this.#rows) {
      const left = Math.max(0, this.#leftIn(room));
      if (emptied[hypervisor]! >= 0) entries.add(emptied[hypervisor]!, left);
      draft.row(-Infinity, left, entries);
    }
  }

  #enter(
    column: number,
    sign: 1 | -1,
    { hypervisor, rooms, amounts }: Taken & { readonly hypervisor: number },
  ) {
    for (const [i, room] of rooms.entries()) {
      let row = this.#rows.get(room);
      if (row === undefined) {
        row = { hypervisor, entries: new Entries() };
        this.#rows.set(room, row);
      }
      row.entries.add(column, sign * amounts[i]!);
    }
  }

  #takenBy({ kinds, demand, apart }: ServerClass, { hypervisor, cells }: Place): Taken {
    const { model } = this.#stake;
    const rooms: number[] = [];
    const amounts: number[] = [];
    const take = (room: number, amount: number) => {
      if (amount === 0) return;
      const i = rooms.indexOf(room);
      if (i >= 0) amounts[i]! += amount;
      else amounts[rooms.push(room) - 1] = amount;
    };
    for (const [r, amount] of demand.entries()) take(hypervisor * model.resourceCount + r, amount);
    for (const [i, kind] of kinds.entries())
      for (let bit = 0; cells[i]! >>> bit !== 0; bit++) {
        if (((cells[i]! >>> bit) & 1) === 0) continue;
        const cell = model.cellStart[hypervisor]! + bit;
        take(this.#firstVcpus + cell, model.kinds.cellVcpus[kind]!);
        take(this.#firstRamMb + cell, model.kinds.cellRamMb[kind]!);
      }
    for (const [group, members] of apart) take(this.#groupRoom(group, hypervisor), members);
    return { rooms, amounts };
  }

  #groupRoom(group: number, hypervisor: number): number {
    return this.#firstGroup + group * this.#stake.model.hypervisorCount + hypervisor;
  }

  #leftIn(room: number): number {
    const { model, base } = this.#stake;
    if (room < this.#firstVcpus) return base.free[room]!;
    if (room < this.#firstRamMb) return base.cellFreeVcpus[room - this.#firstVcpus]!;
    if (room < this.#firstGroup) return base.cellFreeRamMb[room - this.#firstRamMb]!;
    const group = Math.floor((room - this.#firstGroup) / model.hypervisorCount);
    return this.#left.get(room) ?? model.apart[group]!.maxPerHost;
  }
}
