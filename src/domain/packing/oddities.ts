/** What does the fleet violate already? It is planned around, and said. */
import { sayCount, sayList } from '../say.ts';
import type { Model } from './model.ts';
import { Placement } from './placement.ts';

/** Names in one sentence. */
const NAMED = 5;

/** A sentence for each kind of trouble there is; affinity that is broken is said by those who stay because of it. */
export function odditiesOf(model: Model): string[] {
  const placement = new Placement(model);
  const { fleet, hypervisorCount } = model;
  const name = (h: number) => fleet.hypervisors[h]!.name;
  const overFull = range(hypervisorCount).filter((h) => isOverFull(placement, h));
  const unknown = range(model.serverCount).filter(
    (s) => model.kinds.cells[model.kindOf[s]!]! > 0 && model.cellsAtHome[s] === 0,
  );
  const crowded = model.apart.filter(({ members, maxPerHost }) => isCrowded(model, members, maxPerHost));
  return [
    ...say(
      overFull.map(name),
      (names, count) => `${sayCount(count, 'hypervisor')} over-full already, takes nothing more: ${names}`,
    ),
    ...say(
      unknown.map((s) => fleet.servers[s]!.id),
      (names, count) =>
        `the NUMA cells of ${sayCount(count, 'server')} are unknown, so nothing that needs cells goes where they are: ${names}`,
    ),
    ...say(
      crowded.map(({ id }) => id),
      (names, count) =>
        `anti-affinity is violated already in ${sayCount(count, 'group')}; no move makes it worse: ${names}`,
    ),
  ];
}

function say(names: readonly string[], sentence: (names: string, count: number) => string): string[] {
  return names.length === 0 ? [] : [sentence(sayList(names, NAMED), names.length)];
}

function isOverFull({ model, free, cellFreeVcpus, cellFreeRamMb }: Placement, h: number): boolean {
  const { resourceCount, cellStart } = model;
  const isBelow = (from: Float64Array, start: number, end: number) =>
    from.subarray(start, end).some((amount) => amount < 0);
  const [first, last] = [cellStart[h]!, cellStart[h + 1]!];
  return (
    isBelow(free, h * resourceCount, (h + 1) * resourceCount) ||
    isBelow(cellFreeVcpus, first, last) ||
    isBelow(cellFreeRamMb, first, last)
  );
}

function isCrowded({ home }: Model, members: Int32Array, maxPerHost: number): boolean {
  const there = new Map<number, number>();
  for (const s of members) there.set(home[s]!, (there.get(home[s]!) ?? 0) + 1);
  return [...there.values()].some((count) => count > maxPerHost);
}

function range(count: number): number[] {
  return [...Array(count).keys()];
}
