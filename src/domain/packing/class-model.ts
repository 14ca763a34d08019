/** Which hypervisors could be emptied at once, counted by class of servers? The question as a program in whole numbers. */
import { cellChoices } from './cell-choices.ts';
import { type Place, Rooms } from './class-rooms.ts';
import type { ServerClass, Stake, Stock } from './classes.ts';
import type { Model } from './model.ts';
import { Entries, type Program, ProgramDraft } from './program.ts';
import { randomFrom } from './random.ts';

/** Places that a sketch looks at for each class: so many, and so many more for each unit of it. */
const SKETCHED = { least: 10, perUnit: 2 };
/** A prime: the places of one class begin elsewhere than those of the one before. */
const STRIDE = 7919;

export interface ClassLimits {
  /** Moves of the whole placement at most. */
  readonly maxMoves: number;
  /** Hypervisors looked at that may be emptied, at most. */
  readonly maxEmpty?: number;
  /** Hypervisors looked at that are emptied, at least: then only the moves count. */
  readonly minEmpty?: number;
  /** Only what is better than so many emptied of those looked at, with so many moves of the whole placement. */
  readonly betterThan?: { readonly emptied: number; readonly moves: number };
  /** Servers may also leave hypervisors that are not emptied, to make room there. */
  readonly isShuffling?: boolean;
  /** Fewer columns and rows, for thousands of hypervisors: relaxed it is nearly as good a guide; it proves nothing. */
  readonly isSketch?: boolean;
}

/** Units of a class that a column counts, and where they go (or, of a stock, come from). */
interface Flow {
  readonly column: number;
  readonly one: ServerClass;
}
type Arrival = Flow & Place;
type Departure = Flow & { readonly stock: Stock };

/** A program, and what its columns say. */
export interface ClassModel {
  readonly program: Program;
  /** Column by hypervisor that is 1 where it is emptied; −1 where it may not be. */
  readonly emptied: Int32Array;
  readonly arrivals: readonly Arrival[];
  readonly departures: readonly Departure[];
  /** Nothing that may be done on the hypervisors looked at is left out. */
  readonly isComplete: boolean;
}

type Arrivals = readonly (Arrival & { readonly upper: number })[];

/**
 * After the compact model of consolidation: for each hypervisor whether it is emptied, for each class and hypervisor
 * how many come, and how many go without its being emptied. All that come have left somewhere.
 */
export function classModelOf(stake: Stake, limits: ClassLimits): ClassModel {
  const { model, hypervisors } = stake;
  const draft = new ProgramDraft();
  const rooms = new Rooms(stake);
  const natives = nativesOf(stake);
  const budget = Math.max(0, limits.maxMoves - stake.movesElsewhere);
  const all = hypervisors.reduce((sum, h) => sum + natives[h]!, 0);
  // One more empty hypervisor weighs more than all moves together, unless their number is given.
  const weight = limits.minEmpty === undefined ? 1 + Math.min(budget, all) : 0;
  const emptied = new Int32Array(model.hypervisorCount).fill(-1);
  for (const h of hypervisors)
    if (model.isCandidate[h] === 1) emptied[h] = draft.column(natives[h]! - weight, 1);
  const departures = limits.isShuffling === true ? departuresOf(stake, draft, rooms) : [];
  const { arrivals, areAll } = arrivalsOf(stake, draft, { rooms, isSketch: limits.isSketch === true });
  for (const { column, one, stock } of departures) rooms.takes(column, one, stock);
  for (const { column, one, ...place } of arrivals) rooms.puts(column, one, place);
  rooms.write(draft, emptied);
  const flows = { emptied, departures, arrivals };
  for (const { column, stock } of departures)
    notWhereEmptied(draft, { column, emptied: emptied[stock.hypervisor]!, upper: stock.units.length });
  if (limits.isSketch !== true)
    for (const { column, hypervisor, upper } of arrivals)
      notWhereEmptied(draft, { column, emptied: emptied[hypervisor]!, upper });
  balance(draft, stake.classes, flows);
  total(draft, { ...flows, natives, budget, weight, movesElsewhere: stake.movesElsewhere }, limits);
  const isComplete = areAll && limits.isSketch !== true && limits.isShuffling === true && rooms.isExact();
  return { program: draft.done(), ...flows, isComplete };
}

/** A hypervisor that is emptied as a whole has neither single departures nor arrivals. */
function notWhereEmptied(
  draft: ProgramDraft,
  { column, emptied, upper }: { readonly column: number; readonly emptied: number; readonly upper: number },
): void {
  if (emptied < 0) return;
  const entries = new Entries();
  entries.add(column, 1);
  entries.add(emptied, upper);
  draft.row(-Infinity, upper, entries);
}

/** Moves within the budget, as many emptied as are wanted, and more gained than is known already. */
function total(
  draft: ProgramDraft,
  { emptied, departures, natives, budget, weight, movesElsewhere }: Totals,
  { minEmpty = 0, maxEmpty = Infinity, betterThan }: ClassLimits,
): void {
  const moves = new Entries();
  const count = new Entries();
  const price = new Entries();
  for (const [h, column] of emptied.entries()) {
    if (column < 0) continue;
    moves.add(column, natives[h]!);
    count.add(column, 1);
    price.add(column, natives[h]! - weight);
  }
  for (const { column, one } of departures)
    for (const entries of [moves, price]) entries.add(column, one.kinds.length);
  draft.row(-Infinity, budget, moves);
  draft.row(minEmpty, maxEmpty, count);
  if (betterThan === undefined || minEmpty > betterThan.emptied) return;
  draft.row(-Infinity, betterThan.moves - movesElsewhere - weight * betterThan.emptied - 1, price);
}

type Totals = Pick<ClassModel, 'emptied' | 'departures'> &
  Pick<Stake, 'movesElsewhere'> & {
    readonly natives: Int32Array;
    readonly budget: number;
    readonly weight: number;
  };

/** Servers that would leave if all did, by hypervisor. */
function nativesOf({ model, classes }: Stake): Int32Array {
  const natives = new Int32Array(model.hypervisorCount);
  for (const { stocks, kinds } of classes)
    for (const { hypervisor, units } of stocks) natives[hypervisor]! += units.length * kinds.length;
  return natives;
}

function departuresOf({ classes }: Stake, draft: ProgramDraft, rooms: Rooms): Departure[] {
  const found: Departure[] = [];
  for (const one of classes)
    for (const stock of one.stocks) {
      found.push({ column: draft.column(one.kinds.length, stock.units.length), one, stock });
      rooms.mayLeave(one, stock, stock.units.length);
    }
  return found;
}

function arrivalsOf(
  { model, hypervisors, classes }: Stake,
  draft: ProgramDraft,
  { rooms, isSketch }: { readonly rooms: Rooms; readonly isSketch: boolean },
): { readonly arrivals: Arrivals; readonly areAll: boolean } {
  const arrivals: (Arrival & { readonly upper: number })[] = [];
  let areAll = true;
  const around = isSketch ? scattered(hypervisors) : hypervisors;
  for (const [index, one] of classes.entries()) {
    const all = one.homeless.length + one.stocks.reduce((sum, { units }) => sum + units.length, 0);
    const natives = nativesBy(one);
    const wanted = isSketch ? SKETCHED.least + SKETCHED.perUnit * all : Infinity;
    const first = (index * STRIDE) % around.length;
    for (let i = 0, taken = 0; i < around.length && taken < wanted; i++) {
      const hypervisor = around[(first + i) % around.length]!;
      if (!mayGo(model, one, hypervisor)) continue;
      const possible = cellChoices(model, one.kinds, hypervisor);
      areAll &&= possible.areAll;
      for (const cells of possible.choices) {
        const place = { hypervisor, cells };
        const upper = Math.min(all - (natives.get(hypervisor) ?? 0), rooms.unitsThatFit(one, place));
        if (upper <= 0) continue;
        arrivals.push({ column: draft.column(0, upper), one, upper, ...place });
        taken++;
      }
    }
  }
  return { arrivals, areAll };
}

/** The same hypervisors in an order that has nothing to do with their names. */
function scattered(hypervisors: readonly number[]): number[] {
  const random = randomFrom(hypervisors.length);
  const rank = new Map(hypervisors.map((h) => [h, random()]));
  return hypervisors.toSorted((a, b) => rank.get(a)! - rank.get(b)!);
}

/** Units of a class by the hypervisor that they are on. */
function nativesBy({ stocks }: ServerClass): Map<number, number> {
  const natives = new Map<number, number>();
  for (const { hypervisor, units } of stocks)
    natives.set(hypervisor, (natives.get(hypervisor) ?? 0) + units.length);
  return natives;
}

function mayGo({ kinds }: Model, one: ServerClass, hypervisor: number): boolean {
  return one.kinds.every((kind) => kinds.mayGo[kinds.reachOf[kind]!]![hypervisor] === 1);
}

/** Of each class as many come as leave or have no place. */
function balance(
  draft: ProgramDraft,
  classes: readonly ServerClass[],
  { emptied, arrivals, departures }: Pick<ClassModel, 'emptied' | 'arrivals' | 'departures'>,
): void {
  const rows = new Map(classes.map((one) => [one, new Entries()]));
  for (const { column, one } of arrivals) rows.get(one)!.add(column, 1);
  for (const { column, one } of departures) rows.get(one)!.add(column, -1);
  for (const [one, entries] of rows) {
    for (const [hypervisor, units] of nativesBy(one))
      if (emptied[hypervisor]! >= 0) entries.add(emptied[hypervisor]!, -units);
    draft.row(one.homeless.length, one.homeless.length, entries);
  }
}
