/** What a simulated cloud consists of: plain data, so that it can be kept in a file, compared and gone on from. */
import type { Faults, MigrationFault, RebootFault } from './faults.ts';
import type { Pace } from './pace.ts';

/** Times are ms since 1970 on the cloud's own clock. */
export interface State {
  /** Everything due until then has happened. */
  at: number;
  /** Of the random numbers; another one after each draw. */
  chance: number;
  readonly pace: Pace;
  readonly faults: Faults;
  /** How long servers live that have a device; for ever if left out. */
  readonly lifetimes?: Lifetimes;
  /** By service host. */
  readonly hypervisors: Record<string, Hypervisor>;
  /** By id, deleted ones left out. */
  readonly servers: Record<string, Server>;
  readonly migrations: Migration[];
  /** What was asked of servers, oldest first; missing in a file of an older twin. */
  readonly actions?: Action[];
  /** What Placement books, by consumer: a server's id, or a migration's uuid. */
  readonly allocations: Record<string, Allocation>;
  readonly aggregates: readonly Aggregate[];
  readonly groups: Group[];
  readonly flavors: readonly Flavor[];
  readonly projects: readonly Project[];
  readonly users: readonly User[];
  /** Placement counts the devices of hypervisors, as Nova has it where it is told to. */
  countsDevices?: boolean;
  /** What was made below hypervisors in Placement; missing in a file of an older twin. */
  providers?: ChildProvider[];
  /** Rows that a list of Nova has at most before it is cut into pages. */
  readonly rowsPerPage: number;
  /** Of the one image there is. */
  readonly image: string;
  /** By their time, then in the order in which they were planned. */
  readonly events: Event[];
  /** Numbers of servers and migrations are drawn from it. */
  serial: number;
}

/** Log-normal. */
export interface Lifetimes {
  readonly medianDays: number;
  /** Standard deviation of the logarithm. */
  readonly spread: number;
}

export interface Hypervisor {
  /** Hypervisor hostname. */
  readonly name: string;
  /** What its compute service calls its host. */
  readonly host: string;
  /** Also its resource provider's. */
  readonly id: string;
  serviceId: string;
  /** Its id, and its service's, below microversion 2.53. */
  readonly number: number;
  /** Whose database has it. */
  readonly cell: string;
  readonly stock: Stock;
  readonly traits: readonly string[];
  disabled: boolean;
  disabledReason: string | null;
  forcedDown: boolean;
  /** When somebody last changed its service's record. */
  changedAt: number;
  agent: Agent;
  /** Missing in a file of an older twin. */
  readonly networkAgents?: readonly NetworkAgent[];
  /** `going down`: it was asked to reboot and still answers. */
  power: 'on' | 'going down' | 'off';
  boot: {
    readonly id: string;
    readonly at: number;
    readonly kernel: string;
    /** What went wrong with it. */
    readonly fault?: 'no devices' | 'failed unit';
  };
  /** What is to go wrong with the reboot under way. */
  rebootFault?: RebootFault | undefined;
  /** How often it has booted since the beginning. */
  boots: number;
  /** Installed, oldest first; the last one boots next. */
  kernels: readonly string[];
}

/** A resource provider below a hypervisor's own. */
export interface ChildProvider {
  readonly id: string;
  readonly name: string;
  /** Service host of the hypervisor. */
  readonly host: string;
  inventories: Readonly<Record<string, ChildStock>>;
  traits: readonly string[];
  /** By consumer, then by class. */
  readonly allocations: Record<string, Readonly<Record<string, number>>>;
}

export interface ChildStock {
  readonly total: number;
  readonly reserved: number;
  readonly allocation_ratio: number;
}

export interface Stock {
  readonly vcpus: number;
  readonly ramMb: number;
  readonly diskGb: number;
  readonly cpuRatio: number;
  readonly reservedRamMb: number;
  /** 1 if left out, and nothing is reserved of the others. */
  readonly ramRatio?: number;
  readonly diskRatio?: number;
  readonly reservedVcpus?: number;
  readonly reservedDiskGb?: number;
  readonly gpus: number;
}

/** The compute service's process. */
interface Agent {
  /** Since when it runs; null while it does not. */
  since: number | null;
  /** Its last heartbeat before `since`. */
  heardAt: number;
}

/** A process of Neutron's. */
export interface NetworkAgent {
  /** What Neutron calls its type. */
  readonly kind: string;
  /** Its unit on the host as well. */
  readonly binary: string;
  /** Since when it runs; null while it does not. */
  since: number | null;
  /** Its last report before `since`. */
  heardAt: number;
}

type VmState =
  | 'building'
  | 'active'
  | 'paused'
  | 'suspended'
  | 'stopped'
  | 'resized'
  | 'rescued'
  | 'shelved'
  | 'shelved_offloaded'
  | 'error';

export interface Server {
  readonly id: string;
  /** `instance-0000001f` is its domain's name. */
  readonly number: number;
  readonly name: string;
  readonly projectId: string;
  readonly userId: string;
  readonly flavor: string;
  readonly metadata: Record<string, string>;
  tags?: readonly string[];
  /** On its one network; missing where it has none. */
  readonly addresses?: readonly string[];
  readonly createdAt: number;
  updatedAt: number;
  launchedAt: number | null;
  /** The zone that its owner asked for, which it stays in. */
  readonly zone?: string;
  readonly group?: string;
  /** Rate at which it writes its memory ÷ bandwidth of a migration; it writes little if left out. */
  readonly dirtyRatio?: number;
  /** Its disk is on the hypervisor and moves with it. */
  readonly localDisk?: true;
  /** Service host; null until it is placed. */
  host: string | null;
  vmState: VmState;
  task: string | null;
  /** As Nova last saw it: 1 running, 4 shut down. */
  power: 0 | 1 | 4;
  locked: boolean;
  /** Its domain, on the hypervisor that really has it. */
  domain: { host: string; running: boolean } | null;
}

export type MigrationStatus =
  | 'accepted'
  | 'queued'
  | 'preparing'
  | 'running'
  | 'completed'
  | 'error'
  | 'failed'
  | 'cancelled'
  | 'pre-migrating'
  | 'migrating'
  | 'post-migrating'
  | 'finished'
  | 'confirming'
  | 'confirmed'
  | 'reverting'
  | 'reverted';

export interface Migration {
  readonly number: number;
  readonly uuid: string;
  readonly server: string;
  readonly kind: 'live-migration' | 'migration';
  status: MigrationStatus;
  /** Service hosts; no `to` while the scheduler looks for one. */
  readonly from: string;
  to: string | null;
  /** Nova writes the source's node down only when it has found a destination. */
  sourceNodeKnown: boolean;
  /** The host that was asked for. */
  readonly wanted: string | null;
  /** Whether the server was stopped before. */
  readonly stopped: boolean;
  readonly createdAt: number;
  updatedAt: number;
  /** When the copying began, and how long it takes; null: for ever. */
  copy: { readonly since: number; readonly ms: number | null; readonly bytes: number } | null;
  /** How it goes, when it does not go well. */
  readonly fault?: MigrationFault;
  /** Nova was asked to abort it. */
  aborting: boolean;
  /** What went wrong with it, as Nova notes it, innermost first. */
  readonly failures: Failure[];
}

/** Of a migration the record tells more: its request's id is made of the migration's uuid. */
export interface Action {
  readonly server: string;
  /** Nova's name for it. */
  readonly action: string;
  readonly request: string;
  readonly user: string;
  readonly project: string;
  readonly at: number;
}

export interface Failure {
  /** Nova's name for what it was doing. */
  readonly event: string;
  /** Service host; `control` is where the conductor is. */
  readonly host: string;
  readonly details: string;
}

export interface Allocation {
  readonly host: string;
  readonly vcpus: number;
  readonly ramMb: number;
  readonly diskGb: number;
}

export interface Aggregate {
  readonly number: number;
  readonly uuid: string;
  readonly name: string;
  readonly zone: string | null;
  readonly hosts: readonly string[];
  /** Takes only servers whose flavor asks for it. */
  readonly isolated?: true;
  readonly createdAt: number;
}

export interface Group {
  readonly id: string;
  readonly name: string;
  readonly policy: 'anti-affinity' | 'affinity' | 'soft-anti-affinity' | 'soft-affinity';
  /** Of an anti-affinity group; 1 if left out. */
  readonly maxPerHost?: number;
  readonly projectId: string;
  readonly userId: string;
}

export interface Flavor {
  readonly name: string;
  readonly vcpus: number;
  readonly ramMb: number;
  readonly diskGb: number;
  /** `trait:X` = `required` as Nova has it. */
  readonly extraSpecs: Readonly<Record<string, string>>;
  /** The aggregate that it needs. */
  readonly aggregate?: string;
}

export interface Project {
  readonly id: string;
  readonly name: string;
}

export interface User {
  readonly id: string;
  readonly name: string;
  readonly password: string;
  readonly email: string | null;
  readonly projectId: string;
  readonly role: 'admin' | 'member';
}

/** What will happen, and to whom: a server's id, a migration's uuid or a service host. */
export interface Event {
  readonly at: number;
  readonly what: EventName;
  readonly of: string;
  readonly with?: string;
}

export type EventName =
  | `live ${'begin' | 'claim' | 'place' | 'refuse' | 'prepare' | 'run' | 'arrive' | 'finish' | 'lose' | 'roll back' | 'fail'}`
  | `cold ${'begin' | 'place' | 'refuse' | 'leave' | 'arrive' | 'finish' | 'confirm' | 'confirmed' | 'revert' | 'reverted'}`
  | `server ${'built' | 'stopped' | 'started' | 'deleted' | 'ends'}`
  | `host ${'stop' | 'boot' | 'agent' | 'look'}`
  | `cordon ${'landed on' | 'taken over' | 'ended'}`;
