/** Which zone, aggregates and rack does a hypervisor share with others, so that they are counted together? */
import type { Hypervisor } from './fleet.ts';

export type DomainKind = 'zone' | 'aggregate' | 'rack';

/** `zone nova`, `aggregate canary`, `rack rack-a12`. */
export type Domain = `${DomainKind} ${string}`;

/** An aggregate or trait that begins with one of `rackPrefixes` names a rack. */
export function domainsOf(
  { zone, aggregates, traits }: Pick<Hypervisor, 'zone' | 'aggregates' | 'traits'>,
  rackPrefixes: readonly string[],
): Domain[] {
  const racks = [...aggregates, ...traits].filter((name) =>
    rackPrefixes.some((prefix) => name.startsWith(prefix)),
  );
  return [
    ...(zone === undefined ? [] : [`zone ${zone}` as const]),
    ...aggregates.map((name) => `aggregate ${name}` as const),
    ...racks.map((name) => `rack ${name}` as const),
  ];
}

export function isOfKind(domain: Domain, kind: DomainKind): boolean {
  return domain.startsWith(`${kind} `);
}
