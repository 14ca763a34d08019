/** Into which NUMA cells of a hypervisor may the servers of a unit go? */
import type { Model } from './model.ts';

/** Beyond so many cells only neighbours are looked at. */
const CELLS_COMBINED = 5;
const MOST_CHOICES = 16;

export interface CellChoices {
  /** Masks of cells by member of the unit; one choice of zeros where no member needs cells. */
  readonly choices: readonly (readonly number[])[];
  /** These are all that there are. */
  readonly areAll: boolean;
}

export function cellChoices(model: Model, kinds: readonly number[], hypervisor: number): CellChoices {
  const cells = model.cellStart[hypervisor + 1]! - model.cellStart[hypervisor]!;
  let choices: number[][] = [[]];
  let areAll = true;
  for (const kind of kinds) {
    const needed = model.kinds.cells[kind]!;
    const masks = masksOf(cells, needed);
    const all = choices.flatMap((before) => masks.map((mask) => [...before, mask]));
    choices = all.slice(0, MOST_CHOICES);
    areAll &&= all.length <= MOST_CHOICES && (needed < 2 || cells <= CELLS_COMBINED);
  }
  return { choices, areAll };
}

function masksOf(cells: number, needed: number): number[] {
  if (needed === 0) return [0];
  const neighbours = (1 << needed) - 1;
  if (cells > CELLS_COMBINED)
    return Array.from({ length: Math.max(0, cells - needed + 1) }, (_, first) => neighbours << first);
  return Array.from({ length: 1 << cells }, (_, mask) => mask).filter((mask) => bitsIn(mask) === needed);
}

function bitsIn(mask: number): number {
  let bits = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits++;
  return bits;
}
