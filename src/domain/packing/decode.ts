/** What does a solution by class mean for each server? A placement, checked server by server. */
import type { ClassModel } from './class-model.ts';
import type { Place } from './class-rooms.ts';
import { membersOf, type ServerClass, type Stake } from './classes.ts';
import type { Placement } from './placement.ts';

/**
 * Which unit of a class goes where is open: none goes back to where it leaves. Undefined for a solution that
 * cannot be carried out, because a rule is not in the program or is only there by and large.
 */
export function decode(stake: Stake, classes: ClassModel, x: Float64Array): Placement | undefined {
  const { model } = stake;
  const placement = stake.base.copy();
  const leaving = leavingUnits(stake, classes, x);
  for (const units of leaving.values())
    for (const unit of units)
      for (const s of membersOf(model, unit)) if (placement.at[s]! >= 0) placement.take(s);
  const places = arrivingPlaces(classes, x);
  for (const [one, units] of leaving) {
    const chosen = pairUp(
      units.map((unit) => model.home[membersOf(model, unit)[0]!]!),
      places.get(one) ?? [],
    );
    if (chosen === undefined) return undefined;
    for (const [i, unit] of units.entries()) {
      const { hypervisor, cells } = chosen[i]!;
      for (const [m, s] of membersOf(model, unit).entries()) {
        const mask = cells[m] || undefined;
        if (!placement.fits(s, hypervisor, mask)) return undefined;
        placement.put(s, hypervisor, mask);
      }
    }
  }
  return placement;
}

function leavingUnits({ classes }: Stake, { emptied, departures }: ClassModel, x: Float64Array) {
  const leaving = new Map<ServerClass, number[]>();
  for (const one of classes) {
    const gone = one.stocks.filter(({ hypervisor }) => isOne(x, emptied[hypervisor]!));
    leaving.set(one, [...one.homeless, ...gone.flatMap(({ units }) => units)]);
  }
  for (const { column, one, stock } of departures)
    if (!isOne(x, emptied[stock.hypervisor]!))
      leaving.get(one)!.push(...stock.units.slice(0, Math.round(x[column]!)));
  return leaving;
}

function isOne(x: Float64Array, column: number): boolean {
  return column >= 0 && x[column]! > 0.5;
}

function arrivingPlaces({ arrivals }: ClassModel, x: Float64Array): Map<ServerClass, Place[]> {
  const places = new Map<ServerClass, Place[]>();
  for (const { column, one, hypervisor, cells } of arrivals)
    for (let unit = Math.round(x[column]!); unit > 0; unit--) {
      if (!places.has(one)) places.set(one, []);
      places.get(one)!.push({ hypervisor, cells });
    }
  return places;
}

/** A place for each, by index, which is not the one it left; undefined where there are not as many, or no way. */
function pairUp(homes: readonly number[], places: readonly Place[]): Place[] | undefined {
  if (homes.length !== places.length) return undefined;
  const chosen = [...places];
  for (const [i, home] of homes.entries()) {
    if (chosen[i]!.hypervisor !== home) continue;
    const j = homes.findIndex(
      (other, k) => chosen[k]!.hypervisor !== home && chosen[i]!.hypervisor !== other,
    );
    if (j < 0) return undefined;
    [chosen[i], chosen[j]] = [chosen[j]!, chosen[i]!];
  }
  return chosen;
}
