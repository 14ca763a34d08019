/** What does a fleet look like in a file, and what is wrong with one? The format `fleet/1`. */
import { z } from 'zod';
import { DataFileError, parseJson } from './data-file.ts';
import { referenceFaults } from './fleet-references.ts';
import { faultsOf, wordsOf } from './words.ts';

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

const Text = z.string().min(1);
const Amount = z.number().nonnegative();
const Ratio = z.number().positive().default(1);
const Reserved = Amount.default(0);
const Texts = z.array(Text).default([]);
const Instant = z.iso
  .datetime({ error: ({ input }) => `${JSON.stringify(input)} is no time in UTC, as 2026-11-24T03:00:00Z` })
  .exactOptional();

const Hypervisor = z.object({
  name: Text,
  vcpus: Amount,
  ramMb: Amount,
  diskGb: Amount,
  cpuRatio: Ratio,
  ramRatio: Ratio,
  diskRatio: Ratio,
  reservedVcpus: Reserved,
  reservedRamMb: Reserved,
  reservedDiskGb: Reserved,
  enabled: z.boolean().default(true),
  up: z.boolean().default(true),
  az: Text.exactOptional(),
  rack: Text.exactOptional(),
  cell: Text.exactOptional(),
  aggregates: Texts,
  traits: Texts,
  numa: z.array(z.object({ vcpus: Amount, ramMb: Amount })).exactOptional(),
  extra: z.array(Amount).exactOptional(),
  cpu: Texts,
  kernel: z.object({ running: Text, next: Text }).exactOptional(),
  disabledReason: z.string().exactOptional(),
});

const Server = z.object({
  id: Text,
  hypervisor: Text,
  vcpus: Amount,
  ramMb: Amount,
  diskGb: Amount,
  movable: z.boolean().default(true),
  pinned: Text.exactOptional(),
  az: Text.exactOptional(),
  requiredTraits: Texts,
  aggregate: Text.exactOptional(),
  numa: z.int().positive().exactOptional(),
  cells: z.array(z.int().nonnegative()).exactOptional(),
  locked: z.boolean().default(false),
  status: Text.default('ACTIVE'),
  project: Text.exactOptional(),
  createdAt: Instant,
  lastMovedAt: Instant,
  localDisk: z.boolean().default(false),
  dirtyRatio: Amount.lt(1).default(0),
  cost: Amount.exactOptional(),
  extra: z.array(Amount).exactOptional(),
});

const Group = z.object({
  id: Text,
  policy: z.enum(['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity']),
  maxPerHost: z.int().positive().default(1),
  members: z.array(Text),
});

const File = z.object({
  format: z.literal('fleet/1'),
  name: Text,
  takenAt: Instant,
  extraResources: Texts,
  isolatedAggregates: Texts,
  migrationGbps: z.number().positive().default(10),
  hypervisors: z.array(Hypervisor),
  servers: z.array(Server),
  groups: z.array(Group).default([]),
});

/**
 * The fleet that `text` holds, with its defaults: no extra resource where none is given, and moving a server
 * costs its memory. Throws `DataFileError` with every fault and its place; `place` names the file to people.
 * A fleet may break rules that it shall keep: `fleetWarnings` says which.
 */
export function parseFleet(text: string, place: string): FleetFile {
  const given = parseJson(text, place);
  const { data, error } = File.safeParse(given, { error: wordsOf });
  const faults = [...faultsOf(error), ...referenceFaults(given)];
  if (data === undefined || faults.length > 0) throw new DataFileError(place, faults);
  const noExtra = data.extraResources.map(() => 0);
  return {
    ...data,
    hypervisors: data.hypervisors.map((each) => ({ ...each, extra: each.extra ?? noExtra })),
    servers: data.servers.map((each) => ({
      ...each,
      cost: each.cost ?? each.ramMb,
      extra: each.extra ?? noExtra,
    })),
  };
}
