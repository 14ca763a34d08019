/** Which fleets are small, tight and full of rules? Those on which an order of moves is hard to find. */
import * as fc from 'fast-check';
import { type FleetFile, parseFleet } from '../../../../src/domain/fleet-file.ts';

export type Given = Record<string, unknown>;

const GIB = 1024;

/** 8 vCPU and 32 GiB. */
export function hypervisor(name: string, more: Given = {}): Given {
  return { name, vcpus: 8, ramMb: 32 * GIB, diskGb: 1000, ...more };
}

/** A server of so many vCPU with 4 GiB each. */
export function server(id: string, hypervisor: string, vcpus: number, more: Given = {}): Given {
  return { id, hypervisor, vcpus, ramMb: 4 * GIB * vcpus, diskGb: 10, ...more };
}

export function fleetOf(
  hypervisors: readonly Given[],
  servers: readonly Given[],
  groups: readonly Given[] = [],
) {
  return parseFleet(
    JSON.stringify({ format: 'fleet/1', name: 'small', hypervisors, servers, groups }),
    'small',
  );
}

interface Spec {
  readonly hypervisors: readonly {
    readonly vcpus: number;
    readonly hasCells: boolean;
    readonly isOff: boolean;
  }[];
  readonly servers: readonly {
    readonly vcpus: number;
    readonly numa: number;
    readonly at: number;
    readonly isPinned: boolean;
    readonly dirtyRatio: number;
  }[];
  readonly groups: readonly { readonly policy: string; readonly first: number; readonly size: number }[];
}

/** How many there are, at least and at most; servers that find no room are left out. */
export interface Sizes {
  readonly hypervisors: readonly [number, number];
  readonly servers: readonly [number, number];
}

/**
 * Tight in vCPU, with NUMA cells, server groups (a server is in one at most, as in Nova), and now and then a
 * hypervisor that is disabled and a server that cannot move.
 */
export function smallFleets({ hypervisors, servers }: Sizes): fc.Arbitrary<FleetFile> {
  const rarely = fc.integer({ min: 0, max: 19 }).map((n) => n === 7);
  const many = ([minLength, maxLength]: readonly [number, number]) =>
    ({ minLength, maxLength, size: 'max' }) as const;
  return fc
    .record<Spec>({
      hypervisors: fc.array(
        fc.record({ vcpus: fc.constantFrom(6, 8, 8, 10), hasCells: fc.boolean(), isOff: rarely }),
        many(hypervisors),
      ),
      servers: fc.array(
        fc.record({
          vcpus: fc.constantFrom(1, 2, 2, 3, 4, 4, 5),
          numa: fc.constantFrom(0, 0, 0, 0, 1, 2),
          at: fc.nat(hypervisors[1] - 1),
          isPinned: rarely,
          dirtyRatio: fc.constantFrom(0, 0.2, 0.7),
        }),
        many(servers),
      ),
      groups: fc.array(
        fc.record({
          policy: fc.constantFrom('anti-affinity', 'affinity', 'soft-anti-affinity'),
          first: fc.nat(servers[1] - 1),
          size: fc.integer({ min: 2, max: 3 }),
        }),
        { maxLength: 2 },
      ),
    })
    .map(settled);
}

interface Place {
  readonly name: string;
  readonly isOff: boolean;
  left: number;
  readonly cells: number[];
  readonly servers: Set<string>;
}

/** Puts each server where it wishes to be, or on the next one with room; who finds none is left out. */
function settled({ hypervisors, servers, groups }: Spec): FleetFile {
  const places: Place[] = hypervisors.map(({ vcpus, hasCells, isOff }, h) => ({
    name: `hv${h}`,
    isOff,
    left: vcpus,
    cells: hasCells ? [vcpus / 2, vcpus / 2] : [],
    servers: new Set(),
  }));
  const ids = servers.map((_, s) => `s${s}`);
  const rows = groups.map(({ first, size }) => ids.slice(first, first + size));
  const known = groups.map(({ policy }, g) => ({
    id: `g${g}`,
    policy,
    members: rows[g]!.filter((id) => !rows.slice(0, g).flat().includes(id)),
  }));
  const at = new Map<string, string>();
  const settledServers = servers.flatMap((spec, s) => {
    const id = `s${s}`;
    const vcpus = spec.numa === 2 && spec.vcpus % 2 === 1 ? spec.vcpus + 1 : spec.vcpus;
    const isLegal = ({ name, servers: there }: Place) =>
      known.every(({ policy, members }) => {
        if (!members.includes(id)) return true;
        const others = members.filter((other) => at.has(other));
        return policy === 'affinity'
          ? others.every((other) => at.get(other) === name)
          : policy !== 'anti-affinity' || others.every((other) => !there.has(other));
      });
    const wishes = places.map((_, i) => places[(spec.at + i) % places.length]!);
    const place = wishes.find(
      (one) => one.left >= vcpus && cellsIn(one, vcpus, spec.numa) !== undefined && isLegal(one),
    );
    if (place === undefined) return [];
    const cells = cellsIn(place, vcpus, spec.numa)!;
    place.left -= vcpus;
    for (const cell of cells) place.cells[cell]! -= vcpus / spec.numa;
    place.servers.add(id);
    at.set(id, place.name);
    const bound = spec.numa === 0 ? {} : { numa: spec.numa, cells };
    return [
      server(id, place.name, vcpus, { ...bound, movable: !spec.isPinned, dirtyRatio: spec.dirtyRatio }),
    ];
  });
  return fleetOf(
    hypervisors.map(({ vcpus, hasCells, isOff }, h) =>
      hypervisor(`hv${h}`, {
        vcpus,
        ramMb: vcpus * 4 * GIB,
        enabled: !isOff,
        ...(hasCells ? { numa: [0, 1].map(() => ({ vcpus: vcpus / 2, ramMb: vcpus * 2 * GIB })) } : {}),
      }),
    ),
    settledServers,
    known
      .map((group) => ({ ...group, members: group.members.filter((id) => at.has(id)) }))
      .filter(({ members }) => members.length > 0),
  );
}

function cellsIn({ cells }: Place, vcpus: number, numa: number): number[] | undefined {
  if (numa === 0) return [];
  const free = [...cells.keys()].filter((cell) => cells[cell]! >= vcpus / numa);
  return free.length < numa ? undefined : free.slice(0, numa);
}
