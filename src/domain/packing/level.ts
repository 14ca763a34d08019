/** Could the busiest hypervisor be less busy at the same price? Servers that move anyway go elsewhere. */
import type { Draft } from './draft.ts';

/**
 * Lowers the peak: the highest share of a resource that is taken on a hypervisor in use. Moves and cost stay what
 * they are, for only servers that move anyway change their target; those that go together, or had rather be near
 * or apart, keep theirs. Ends where the busiest hypervisor cannot be relieved, or with `isOver`.
 */
export function level(draft: Draft, isOver: () => boolean): void {
  const { model, placement, isClosed } = draft;
  const loads = Float64Array.from(model.canTake, (_, h) => (isClosed[h] === 1 ? 0 : loadOf(draft, h)));
  while (!isOver()) {
    const peak = loads.reduce((best, load, h) => (load > loads[best]! ? h : best), 0);
    const relief = reliefOf(peak, loads);
    if (relief === undefined) return;
    draft.move(relief.server, relief.to);
    for (const h of [peak, relief.to]) loads[h] = loadOf(draft, h);
  }

  function reliefOf(peak: number, loads: Float64Array) {
    const quiet = [...loads.keys()]
      .filter((h) => isClosed[h] === 0 && placement.count[h]! > 0 && loads[h]! < loads[peak]!)
      .toSorted((a, b) => loads[a]! - loads[b]! || a - b);
    for (const server of [...placement.on(peak)].filter((s) => isFree(s, peak)))
      for (const to of quiet)
        if (to !== model.home[server] && placement.fits(server, to)) {
          if (loadOf(draft, to, server) < loads[peak]!) return { server, to };
          break; // the others are busier still
        }
    return undefined;
  }

  function isFree(server: number, peak: number): boolean {
    const unit = model.unitOf[server]!;
    const isAlone = (model.units.start[unit + 1] ?? 0) - (model.units.start[unit] ?? 0) === 1;
    const isIndifferent = model.softOf.start[server] === model.softOf.start[server + 1];
    return model.home[server] !== peak && isAlone && isIndifferent && placement.at[server] === peak;
  }
}

/** The highest share of a resource that is taken there, 0–1; with one more server if given. */
export function loadOf({ model, placement }: Draft, hypervisor: number, more?: number): number {
  const { resourceCount, capacity, kinds, kindOf } = model;
  let load = 0;
  for (let r = 0; r < resourceCount; r++) {
    const whole = capacity[hypervisor * resourceCount + r]!;
    if (whole <= 0) continue;
    const wants = more === undefined ? 0 : kinds.demand[kindOf[more]! * resourceCount + r]!;
    load = Math.max(load, (whole - placement.free[hypervisor * resourceCount + r]! + wants) / whole);
  }
  return load;
}
