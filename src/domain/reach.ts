/** Which hypervisors may a running guest move to, by CPU and cell, as far as the cloud tells? */
import type { Hypervisor } from './fleet.ts';
import { sayList } from './say.ts';

export interface Reach {
  /** Only to CPUs that have whatever the guest may have found on its own. */
  readonly cpuDirection: boolean;
  /** Aggregates that begin so are cells, which no guest leaves. */
  readonly cellPrefixes: readonly string[];
  /** Guests may use volumes of another zone; if not, none leaves its zone. */
  readonly crossAzAttach: boolean;
}

/** Nothing binds a guest but its own zone. */
export const ANYWHERE: Reach = { cpuDirection: false, cellPrefixes: [], crossAzAttach: true };

/** Features of a CPU are traits that begin so. */
export const CPU_TRAIT = 'HW_CPU_X86_';
const NAMED = 3;

type Place = Pick<Hypervisor, 'traits' | 'aggregates'>;

/** Without traits of its own or the other's CPU, nothing is known and nothing stands against it. */
export function isReachable(from: Place, to: Place, { cpuDirection, cellPrefixes }: Reach): boolean {
  return (!cpuDirection || lackedBy(from, to).length === 0) && sharesCell(from, to, cellPrefixes);
}

/** Why guests of `from` cannot move to these, which have room; completes "…, but". */
export function whyUnreachable(
  from: Place,
  others: readonly (Place & { readonly name: string })[],
  reach: Reach,
): string {
  const older = others.find((to) => reach.cpuDirection && lackedBy(from, to).length > 0);
  if (older !== undefined)
    return `the CPU of ${older.name} lacks ${sayList(lackedBy(from, older), NAMED)}, which guests here may use`;
  return `they are not in ${sayList(cellsOf(from, reach.cellPrefixes))}, which no guest leaves`;
}

/** What the CPU of `to` lacks of what `from` has: `AVX512F` … */
function lackedBy(from: Place, to: Place): string[] {
  const [has, others] = [cpuOf(from), cpuOf(to)];
  // Most hypervisors of a cloud are alike, and a plan asks about all pairs.
  if (others.size === 0 || has === others) return [];
  return [...has].filter((feature) => !others.has(feature));
}

/** Kept for as long as the traits that it was read from; one set for all CPUs that are alike. */
const cpus = new WeakMap<Place['traits'], ReadonlySet<string>>();
const alike = new Map<string, WeakRef<ReadonlySet<string>>>();

function cpuOf({ traits }: Place): ReadonlySet<string> {
  const known = cpus.get(traits);
  if (known !== undefined) return known;
  const features = traits.flatMap((trait) =>
    trait.startsWith(CPU_TRAIT) ? [trait.slice(CPU_TRAIT.length)] : [],
  );
  const key = features.toSorted().join(' ');
  const cpu = alike.get(key)?.deref() ?? new Set(features);
  alike.set(key, new WeakRef(cpu));
  cpus.set(traits, cpu);
  return cpu;
}

function sharesCell(from: Place, to: Place, prefixes: readonly string[]): boolean {
  const cells = cellsOf(from, prefixes);
  return cells.length === 0 || cellsOf(to, prefixes).some((cell) => cells.includes(cell));
}

function cellsOf({ aggregates }: Place, prefixes: readonly string[]): string[] {
  return aggregates.filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}
