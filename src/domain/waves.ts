/** Which hypervisors of the order are rebooted at once: some empty ones together, all others alone. */
import { type Domain, type DomainKind, isOfKind } from './domains.ts';

export interface ParallelEmpty {
  /** So many empty hypervisors at once. */
  readonly atOnce: number;
  /** So many of them in one zone, and in one rack. */
  readonly perZone: number;
  readonly perRack: number;
}

interface Ordered {
  readonly name: string;
  /** Guests that must move first. */
  readonly guests: number;
  readonly domains: readonly Domain[];
  /** Absent where it was not given back; those that were keep their place behind all others. */
  readonly givenBackAt?: string;
}

/**
 * Each wave begins when the one before is over. Within the limits, a wave takes the empty hypervisors in
 * their order and passes over those that do not fit; they come in a later one.
 */
export function wavesOf<T extends Ordered>(order: readonly T[], limits: ParallelEmpty): readonly T[][] {
  const waves: T[][] = [];
  const first = order.filter(({ guests, givenBackAt }) => guests === 0 && givenBackAt === undefined);
  let empty = first;
  while (empty.length > 0) {
    const wave = fill(empty, limits);
    waves.push(wave);
    empty = empty.filter((one) => !wave.includes(one));
  }
  return [...waves, ...order.filter((one) => !first.includes(one)).map((one) => [one])];
}

function fill<T extends Ordered>(queue: readonly T[], { atOnce, perZone, perRack }: ParallelEmpty): T[] {
  const counts = new Map<Domain, number>();
  const most: Readonly<Record<DomainKind, number>> = {
    zone: perZone,
    rack: perRack,
    aggregate: Number.POSITIVE_INFINITY,
  };
  const fits = (domain: Domain): boolean => {
    const kind = (['zone', 'rack', 'aggregate'] as const).find((kind) => isOfKind(domain, kind))!;
    return (counts.get(domain) ?? 0) < most[kind];
  };
  const wave: T[] = [];
  for (const one of queue) {
    // The first one always goes, whatever the limits.
    if (wave.length >= atOnce || (wave.length > 0 && !one.domains.every(fits))) continue;
    wave.push(one);
    for (const domain of one.domains) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  return wave;
}
