/** Which servers does a program count together? Those of one class may change places: same kinds, same groups. */
import type { Model } from './model.ts';
import type { Placement } from './placement.ts';

/** Units of a class that are on one hypervisor in the same cells. */
export interface Stock {
  readonly hypervisor: number;
  /** Cells of each member, bit by bit. */
  readonly cells: readonly number[];
  /** The cheapest to move first. */
  readonly units: readonly number[];
}

/** Units of servers that are alike: one server alone, or a group of affinity. */
export interface ServerClass {
  /** Kinds of the members of one unit. */
  readonly kinds: readonly number[];
  /** Groups of anti-affinity, with the number of members that are in one unit. */
  readonly apart: ReadonlyMap<number, number>;
  /** What one unit takes of each resource. */
  readonly demand: Float64Array;
  /** Those that stay where they are unless something is gained. */
  readonly stocks: readonly Stock[];
  /** Those that moved already, from a hypervisor that is not looked at: they need a place in any case. */
  readonly homeless: readonly number[];
}

/** What may be changed: servers on the hypervisors looked at, all of them back where they were. */
export interface Stake {
  readonly model: Model;
  /** Ascending; each takes servers and was not empty before. */
  readonly hypervisors: readonly number[];
  readonly classes: readonly ServerClass[];
  /** The placement that is to be improved, with the servers of the classes at home, and the homeless nowhere. */
  readonly base: Placement;
  /** Servers elsewhere that are not at home, and the homeless: they are moves whatever is decided here. */
  readonly movesElsewhere: number;
}

/** Servers in a placement that are on one of the hypervisors, all unless given, and can move, by class. */
export function stakeOf(placement: Placement, hypervisors?: readonly number[]): Stake {
  const { model } = placement;
  const isLookedAt = new Uint8Array(model.hypervisorCount);
  const looked = [...(hypervisors ?? model.canTake.keys())]
    .filter((h) => model.canTake[h] === 1 && model.wasEmpty[h] === 0)
    .toSorted((a, b) => a - b);
  for (const h of looked) isLookedAt[h] = 1;
  const base = placement.copy();
  const units = unitsOn(placement, isLookedAt);
  const away = units.filter((unit) => {
    const first = model.units.items[model.units.start[unit]!]!;
    return placement.at[first] !== model.home[first];
  });
  for (const unit of away) for (const s of membersOf(model, unit)) base.take(s);
  for (const unit of away)
    for (const s of membersOf(model, unit))
      if (isLookedAt[model.home[s]!] === 1) base.put(s, model.home[s]!, model.cellsAtHome[s]);
  let movesElsewhere = 0;
  for (let s = 0; s < model.serverCount; s++) if (base.at[s] !== model.home[s]) movesElsewhere++;
  return { model, hypervisors: looked, classes: classesOf(model, units, base), base, movesElsewhere };
}

/** Servers of a unit, ascending. */
export function membersOf({ units }: Model, unit: number): Int32Array {
  return units.items.subarray(units.start[unit], units.start[unit + 1]);
}

function unitsOn({ model, at }: Placement, isLookedAt: Uint8Array): number[] {
  const found: number[] = [];
  for (let unit = 0; unit < model.units.start.length - 1; unit++) {
    const first = model.units.items[model.units.start[unit]!]!;
    if (model.canMove[first] === 1 && isLookedAt[at[first]!] === 1) found.push(unit);
  }
  return found;
}

function classesOf(model: Model, units: readonly number[], base: Placement): ServerClass[] {
  const byKey = new Map<string, number[]>();
  for (const unit of units) {
    const key = [...membersOf(model, unit)]
      .map((s) => `${model.kindOf[s]}:${groupsOf(model, s).join()}`)
      .join('|');
    const list = byKey.get(key);
    if (list === undefined) byKey.set(key, [unit]);
    else list.push(unit);
  }
  return [...byKey.values()].map((list) => classOf(model, list, base));
}

function groupsOf({ apartOf }: Model, server: number): Int32Array {
  return apartOf.items.subarray(apartOf.start[server], apartOf.start[server + 1]);
}

function classOf(model: Model, units: readonly number[], base: Placement): ServerClass {
  const members = [...membersOf(model, units[0]!)];
  const kinds = members.map((s) => model.kindOf[s]!);
  const apart = new Map<number, number>();
  for (const s of members) for (const g of groupsOf(model, s)) apart.set(g, (apart.get(g) ?? 0) + 1);
  const demand = new Float64Array(model.resourceCount);
  for (const kind of kinds)
    for (let r = 0; r < demand.length; r++) demand[r]! += model.kinds.demand[kind * demand.length + r]!;
  return { kinds, apart, demand, ...stocksOf(model, units, base) };
}

function stocksOf(
  model: Model,
  units: readonly number[],
  base: Placement,
): Pick<ServerClass, 'stocks' | 'homeless'> {
  const stocks = new Map<string, { hypervisor: number; cells: number[]; units: number[] }>();
  const homeless: number[] = [];
  const costOf = (unit: number) => membersOf(model, unit).reduce((sum, s) => sum + model.cost[s]!, 0);
  for (const unit of units.toSorted((a, b) => costOf(a) - costOf(b) || a - b)) {
    const members = membersOf(model, unit);
    const hypervisor = base.at[members[0]!]!;
    if (hypervisor < 0) {
      homeless.push(unit);
      continue;
    }
    const cells = [...members].map((s) => model.cellsAtHome[s]!);
    const key = `${hypervisor}|${cells.join()}`;
    const stock = stocks.get(key);
    if (stock === undefined) stocks.set(key, { hypervisor, cells, units: [unit] });
    else stock.units.push(unit);
  }
  return { stocks: [...stocks.values()].toSorted((a, b) => a.hypervisor - b.hypervisor), homeless };
}
