/** What does a fleet look like in a file? The format `fleet/1`, with every default filled in. */

/** A hypervisor with all that decides what may be put on it. Units: vCPU, MiB, GiB. */
export interface FleetHypervisor {
  readonly name: string;
  readonly vcpus: number;
  readonly ramMb: number;
  readonly diskGb: number;
  /** Placement: floor((total − reserved) × ratio) is what may be allocated. */
  readonly cpuRatio: number;
  readonly ramRatio: number;
  readonly diskRatio: number;
  readonly reservedVcpus: number;
  readonly reservedRamMb: number;
  readonly reservedDiskGb: number;
  /** A disabled one, or one that is down, takes nothing, keeps what it has and never counts as empty. */
  readonly enabled: boolean;
  readonly up: boolean;
  readonly az?: string;
  readonly rack?: string;
  /** Servers never cross a cell. */
  readonly cell?: string;
  readonly aggregates: readonly string[];
  readonly traits: readonly string[];
  /** No ratio is applied to the cells. */
  readonly numa?: readonly NumaCell[];
  /** Amounts of the fleet's extra resources, in their order. */
  readonly extra: readonly number[];
  /** CPU traits: a server may only go where those of its source are a subset. */
  readonly cpu: readonly string[];
  readonly kernel?: { readonly running: string; readonly next: string };
  readonly disabledReason?: string;
}

export interface NumaCell {
  readonly vcpus: number;
  readonly ramMb: number;
}

export interface FleetServer {
  readonly id: string;
  /** Name of the hypervisor that it is on. */
  readonly hypervisor: string;
  readonly vcpus: number;
  readonly ramMb: number;
  readonly diskGb: number;
  readonly movable: boolean;
  /** Why it cannot be moved. */
  readonly pinned?: string;
  /** The zone that it stays in. */
  readonly az?: string;
  readonly requiredTraits: readonly string[];
  /** Needs this aggregate; an isolated aggregate takes only servers that name it. */
  readonly aggregate?: string;
  /** Needs so many distinct cells, with an equal share of vCPU and memory on each. */
  readonly numa?: number;
  /** The cells that it takes now, by index. */
  readonly cells?: readonly number[];
  readonly locked: boolean;
  readonly status: string;
  readonly project?: string;
  /** ISO 8601 in UTC. */
  readonly createdAt?: string;
  readonly lastMovedAt?: string;
  /** Its disk is on the hypervisor and moves with it. */
  readonly localDisk: boolean;
  /** Rate at which it writes its memory ÷ bandwidth of the migration; below 1. */
  readonly dirtyRatio: number;
  /** What moving it costs; its memory in MiB unless told otherwise. */
  readonly cost: number;
  readonly extra: readonly number[];
}

export interface FleetGroup {
  readonly id: string;
  readonly policy: 'anti-affinity' | 'affinity' | 'soft-anti-affinity' | 'soft-affinity';
  readonly maxPerHost: number;
  /** Server ids. */
  readonly members: readonly string[];
}

export interface FleetFile {
  readonly format: 'fleet/1';
  readonly name: string;
  /** ISO 8601 in UTC. */
  readonly takenAt?: string;
  /** Names of the numbers in `extra`. */
  readonly extraResources: readonly string[];
  readonly isolatedAggregates: readonly string[];
  readonly migrationGbps: number;
  readonly hypervisors: readonly FleetHypervisor[];
  readonly servers: readonly FleetServer[];
  readonly groups: readonly FleetGroup[];
}
