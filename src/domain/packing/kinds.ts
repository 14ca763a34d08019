/** Which servers are alike to the planner? Same size and same constraints: they may change places. */
import type { FleetFile, FleetHypervisor, FleetServer } from '../fleet-file.ts';

export interface FleetKinds {
  readonly count: number;
  /** What one takes, at kind × resourceCount + resource. */
  readonly demand: Float64Array;
  /** NUMA cells that one needs, 0 for none, and its share of each. */
  readonly cells: Int32Array;
  readonly cellVcpus: Float64Array;
  readonly cellRamMb: Float64Array;
  /** The set of hypervisors that one may go to, an index into the two after it. */
  readonly reachOf: Int32Array;
  /** 1 at each hypervisor of the set: enabled, up, and legal by zone, cell, aggregates, traits and CPU. */
  readonly mayGo: readonly Uint8Array[];
  /** The same set as ascending indices. */
  readonly reach: readonly Int32Array[];
}

/** Kinds of the servers, in the order in which they first come. A server may stay where it is in any case. */
export function kindsOf(
  fleet: FleetFile,
  home: Int32Array,
  canTake: Uint8Array,
): { readonly kinds: FleetKinds; readonly kindOf: Int32Array } {
  const { servers, hypervisors } = fleet;
  const reaches = new Map<string, Reach>();
  const kinds = new Map<
    string,
    { readonly index: number; readonly server: FleetServer; readonly reach: Reach }
  >();
  const kindOf = new Int32Array(servers.length);
  const sources = hypervisors.map(({ cell, cpu }) => JSON.stringify([cell, cpu]));
  for (const [s, server] of servers.entries()) {
    const from = home[s]!;
    const where = `${server.az ?? ''}|${server.aggregate ?? ''}|${server.requiredTraits.join()}|${sources[from]}`;
    let reach = reaches.get(where);
    if (reach === undefined) {
      const mayGo = reachOf(fleet, { server, from: hypervisors[from]!, canTake });
      reach = { index: reaches.size, mayGo };
      reaches.set(where, reach);
    }
    const key = `${server.vcpus}|${server.ramMb}|${server.diskGb}|${server.extra.join()}|${server.numa ?? 0}|${reach.index}`;
    let kind = kinds.get(key);
    if (kind === undefined) {
      kind = { index: kinds.size, server, reach };
      kinds.set(key, kind);
    }
    kindOf[s] = kind.index;
  }
  const all = [...kinds.values()];
  const mayGo = [...reaches.values()].map(({ mayGo }) => mayGo);
  return { kinds: { ...sizesOf(fleet, all), mayGo, reach: mayGo.map(indicesOf) }, kindOf };
}

interface Reach {
  readonly index: number;
  readonly mayGo: Uint8Array;
}

function sizesOf(
  { extraResources }: FleetFile,
  all: readonly { readonly server: FleetServer; readonly reach: Reach }[],
): Omit<FleetKinds, 'mayGo' | 'reach'> {
  const share = (amount: number, cells = 0) => (cells === 0 ? 0 : amount / cells);
  return {
    count: all.length,
    demand: Float64Array.from(
      all.flatMap(({ server: { vcpus, ramMb, diskGb, extra } }) => [
        vcpus,
        ramMb,
        diskGb,
        ...extraResources.map((_, r) => extra[r] ?? 0),
      ]),
    ),
    cells: Int32Array.from(all, ({ server }) => server.numa ?? 0),
    cellVcpus: Float64Array.from(all, ({ server }) => share(server.vcpus, server.numa)),
    cellRamMb: Float64Array.from(all, ({ server }) => share(server.ramMb, server.numa)),
    reachOf: Int32Array.from(all, ({ reach }) => reach.index),
  };
}

function reachOf(
  { hypervisors, isolatedAggregates }: FleetFile,
  ask: { readonly server: FleetServer; readonly from: FleetHypervisor; readonly canTake: Uint8Array },
): Uint8Array {
  const { server, from, canTake } = ask;
  const isLegal = (to: FleetHypervisor) =>
    (server.az === undefined || server.az === to.az) &&
    from.cell === to.cell &&
    (server.aggregate === undefined || to.aggregates.includes(server.aggregate)) &&
    to.aggregates.every((name) => name === server.aggregate || !isolatedAggregates.includes(name)) &&
    server.requiredTraits.every((trait) => to.traits.includes(trait)) &&
    from.cpu.every((trait) => to.cpu.includes(trait));
  return Uint8Array.from(hypervisors, (to, h) => (canTake[h] === 1 && isLegal(to) ? 1 : 0));
}

function indicesOf(mask: Uint8Array): Int32Array {
  return Int32Array.from([...mask.keys()].filter((h) => mask[h] === 1));
}
