/**
 * The nouns of a cloud, and the two ports through which jobs see and change it.
 *
 * Names are the Compute API's, and a hypervisor's key is its hypervisor hostname: where Nova
 * wants the compute service's `host` instead, the client alone deals with that.
 */

/** Amounts of what Placement counts: vCPU, MiB of memory, GiB of disk. */
export interface Resources {
  readonly vcpus: number;
  readonly ramMb: number;
  readonly diskGb: number;
}

/** A compute host as Nova lists it. */
export interface Hypervisor {
  /** Hypervisor hostname, `hv01.example.org`: the key everywhere. */
  readonly name: string;
  /** Nova heard from its compute service lately. */
  readonly up: boolean;
  /** Why its compute service is disabled (may be empty); absent when it is enabled. */
  readonly disabled?: string;
  readonly zone?: string;
  readonly aggregates: readonly string[];
  /** Placement's floor((total - reserved) × allocation ratio). */
  readonly capacity: Resources;
  /** Placement's usages, so also what migrations hold. */
  readonly used: Resources;
  readonly traits: readonly string[];
}

/** A virtual machine, as the Compute API calls it. */
export interface Server {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly userId: string;
  /** Name of the hypervisor it is on; empty while it is nowhere. */
  readonly hypervisor: string;
  /** Nova's status: ACTIVE, SHUTOFF, VERIFY_RESIZE, UNKNOWN (its cell is down) … */
  readonly status: string;
  /** Nova's task state while something is being done to it. */
  readonly task?: string;
  readonly size: Resources;
  /** Why it cannot be live-migrated; absent when it can. */
  readonly pinned?: string;
  /** The zone that Nova keeps it in; null when it may leave its own; absent where Nova does not tell (before 2024.1). */
  readonly zone?: string | null;
  readonly locked: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent when it has none. */
  readonly tags?: readonly string[];
  /** On every network, floating ones too; absent when it has none. */
  readonly addresses?: readonly string[];
  /** Id of the image that it was made from; absent where it boots from a volume. */
  readonly image?: string;
  readonly createdAt: string;
  /** Nova's words for why it is in ERROR; absent where it has none. */
  readonly fault?: string;
}

/** A server that is to be made on one hypervisor and nowhere else, in the project that we sign in to. */
export interface NewServer {
  readonly name: string;
  readonly hypervisor: string;
  /** Ids; without a network it has none. */
  readonly flavor: string;
  readonly image: string;
  readonly network?: string | undefined;
}

export interface ServerGroup {
  readonly id: string;
  readonly name: string;
  readonly policy: 'anti-affinity' | 'affinity' | 'soft-anti-affinity' | 'soft-affinity';
  readonly maxPerHost: number;
  /** Server ids. */
  readonly members: readonly string[];
}

export interface Fleet {
  /** When the reading began, ISO 8601 in UTC. */
  readonly takenAt: string;
  readonly hypervisors: readonly Hypervisor[];
  readonly servers: readonly Server[];
  readonly groups: readonly ServerGroup[];
}

/** What a hypervisor's compute service says of itself. */
export interface ComputeService {
  /** Survives restarts of the service; another id means another service record. */
  readonly id: string;
  /** Of the hypervisor; another one means that Nova takes it for another hypervisor. */
  readonly hypervisorId: string;
  readonly up: boolean;
  /** Why it is disabled (may be empty); absent when it is enabled. */
  readonly disabled?: string;
  readonly forcedDown: boolean;
  /** Its last heartbeat, ISO 8601 in UTC, by the database's clock. */
  readonly heardAt: string;
}

/** A process of Neutron's that serves the networks of one host. */
export interface NetworkAgent {
  /** `neutron-dhcp-agent`; a host has one of each. */
  readonly binary: string;
  /** Neutron heard from it lately. */
  readonly alive: boolean;
  /** Its last heartbeat as Neutron dates it, ISO 8601 in UTC. */
  readonly heardAt: string;
}

export interface Migration {
  readonly id: string;
  /** Its consumer id in Placement while it holds the other end's allocation. */
  readonly uuid: string;
  readonly serverId: string;
  readonly kind: 'live-migration' | 'migration' | 'resize' | 'evacuation' | (string & {});
  /** Nova's word: queued, preparing, running, completed, error, failed, cancelled, finished … */
  readonly status: string;
  /** Hypervisor names; `to` is unknown until the scheduler has chosen. */
  readonly from: string;
  readonly to?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** How far a running live migration has come; bytes of memory and disk together. */
export interface MigrationProgress {
  readonly totalBytes: number;
  readonly processedBytes: number;
  readonly remainingBytes: number;
}

/** Something that was asked of a server, as Nova notes it. */
export interface ServerAction {
  /** The request's id. */
  readonly id: string;
  /** Nova's word: create, stop, start, reboot, migrate, live-migration, confirmResize … */
  readonly action: string;
  /** It was asked for by the user that we sign in as. */
  readonly ours: boolean;
}

/** What Placement books on the provider tree of one hypervisor for one consumer. */
export interface Booking {
  /** Name of the tree's root, which is a hypervisor's, but for pools that several share. */
  readonly hypervisor: string;
  /** A server's or a migration's uuid. */
  readonly consumer: string;
  /** `2 VCPU, 4096 MEMORY_MB`. */
  readonly resources: string;
}

/** Devices of one resource class at one resource provider: a virtual GPU's, a PCI device's, an accelerator's. */
export interface DeviceStock {
  /** Name of the root of its provider tree, which is a hypervisor's. */
  readonly hypervisor: string;
  /** Uuid of the provider, of which a hypervisor may have one for each device. */
  readonly provider: string;
  /** `VGPU`, `CUSTOM_PCI_10DE_20B5`. */
  readonly resourceClass: string;
  /** Placement's floor((total - reserved) × allocation ratio). */
  readonly capacity: number;
  /** By consumer: a server's or a migration's uuid. */
  readonly bookedBy: Readonly<Record<string, number>>;
  /** Of a provider below the root; what the root has is said of the hypervisor. */
  readonly traits: readonly string[];
}

/** All that Nova and Placement hold against a hypervisor, read within one moment. */
export interface Occupancy {
  readonly hypervisor: string;
  /** When the reading began and ended, ISO 8601 in UTC. */
  readonly from: string;
  readonly to: string;
  /** Nova's rows on it, and every row of status UNKNOWN wherever Nova cannot say where it is. */
  readonly servers: readonly Pick<Server, 'id' | 'name' | 'status' | 'task' | 'hypervisor'>[];
  /** Placement's allocations on the whole provider tree, by consumer (a server's or migration's uuid). */
  readonly allocations: readonly { readonly consumer: string; readonly resources: string }[];
  /** Migrations from or to it that are not final (an unconfirmed resize is not). */
  readonly migrations: readonly Migration[];
}

/** Who is to be told what is done to a server. */
export type Owner = {
  /** One address and nothing else. */
  readonly email: string;
  /** What the cloud calls the person or the project; absent where only an address is known. */
  readonly name?: string;
  /** Where it was found: on the server itself, with the user who made it, or with its project. */
  readonly by: 'metadata' | 'user' | 'project';
};

/** What tells to whom a server belongs. */
export type Owned = Pick<Server, 'id' | 'projectId' | 'userId' | 'metadata'>;

/**
 * The cloud as jobs see it. Implemented over HTTP for OpenStack and by the simulated cloud.
 *
 * Every method throws an error with a `retryable` flag; none logs. What changes something is safe
 * to repeat: asking for a state that holds already is no error.
 */
export interface Cloud {
  /**
   * The whole fleet in a number of calls that does not grow with the servers (pages aside). While a cell is
   * silent its error has `silentHosts`: what Nova calls the hosts that it cannot see.
   */
  fleet(): Promise<Fleet>;
  /** The hypervisor's compute service, read fresh. Permanent error if there is no such hypervisor. */
  service(hypervisor: string): Promise<ComputeService>;
  /** Neutron's agents on the hypervisor, read fresh; none on a cloud without Neutron. Errors as of `service`. */
  agents(hypervisor: string): Promise<readonly NetworkAgent[]>;
  /** Disables the compute service with `reason` (at most 255 characters). */
  cordon(hypervisor: string, reason: string): Promise<void>;
  /** Enables the compute service. */
  uncordon(hypervisor: string): Promise<void>;
  /** One server, read fresh; undefined when it is gone. */
  server(id: string): Promise<Server | undefined>;
  /**
   * Asks for a live migration; Nova's yes means little, so judge by `migrations`. To `target` if
   * given, else the scheduler chooses. Error with `retryable: true` while the server is busy (409).
   */
  liveMigrate(serverId: string, target?: string): Promise<void>;
  /**
   * Asks for a server; Nova's yes means little, so judge by `server`. Answers its id, which is that of a server
   * with this name where there is one already.
   */
  createServer(wish: NewServer): Promise<string>;
  /** The servers with just this name, in every project. */
  serversNamed(name: string): Promise<readonly Server[]>;
  /**
   * Whom to tell of these servers, by server id; one of whom nobody is known is left out. A user or project that
   * Keystone does not show, or that is disabled, is not known.
   */
  owners(servers: readonly Owned[]): Promise<Readonly<Record<string, Owner>>>;
  /** The contact of each of these projects, by project id, where there is one. */
  projectContacts(projectIds: readonly string[]): Promise<Readonly<Record<string, Owner>>>;
  /** What Keystone calls each of these projects, by project id; one that it does not show is left out. */
  projectNames(projectIds: readonly string[]): Promise<Readonly<Record<string, string>>>;
  /** Asks to delete a server; no error when it is gone already. */
  deleteServer(serverId: string): Promise<void>;
  /** Every migration of one server, newest first. */
  migrations(serverId: string): Promise<readonly Migration[]>;
  /** Progress of a migration under way; undefined when it is not running (any more). */
  progress(serverId: string, migrationId: string): Promise<MigrationProgress | undefined>;
  /** Nova's words for why the newest migration of a server failed; undefined when it has none. */
  whyMigrationFailed(serverId: string): Promise<string | undefined>;
  /** Asks Nova to abort a live migration; no error when it is over already. */
  abortMigration(serverId: string, migrationId: string): Promise<void>;
  /** Asks Nova to pause the guest of a running live migration until all is copied; no error when it is over already. */
  forceComplete(serverId: string, migrationId: string): Promise<void>;
  /** Asks for a cold migration, which shuts the guest down meanwhile; it rests as VERIFY_RESIZE until it is confirmed. */
  coldMigrate(serverId: string, target?: string): Promise<void>;
  /** Gives up the end that a cold migration or resize left; no error when nothing awaits it. */
  confirmResize(serverId: string): Promise<void>;
  /** Asks a running server to shut down; no error when it is stopped already. */
  stop(serverId: string): Promise<void>;
  /** Starts a stopped server where it is; no error when it runs already. */
  start(serverId: string): Promise<void>;
  /** What was asked of a server, newest first; nothing when it is gone. */
  actions(serverId: string): Promise<readonly ServerAction[]>;
  /** Hypervisors (and consumers) on which Placement books this consumer's resources. */
  allocatedOn(consumer: string): Promise<readonly string[]>;
  /** Everything that Placement books anywhere, in a call per provider and one more: for reading by day. */
  bookings(): Promise<readonly Booking[]>;
  /** Every device that Placement counts, in a call per provider and two more for each that has devices. */
  devices(): Promise<readonly DeviceStock[]>;
  /** Everything that speaks against the hypervisor being empty. */
  occupancy(hypervisor: string): Promise<Occupancy>;
  /** What is broken now. Retryable error while a cell is silent, because its servers cannot be seen. */
  health(): Promise<Health>;
}

/** What Nova and Neutron say of their own state; made of calls that stay cheap on a large cloud. */
export interface Health {
  /** Servers in ERROR that are on a hypervisor: one that never found a place is its owner's matter. */
  readonly errors: readonly Pick<Server, 'id' | 'name' | 'hypervisor'>[];
  /**
   * Nova's services and Neutron's agents of every kind that are down, `nova-compute on cmp3`; without those that
   * somebody has disabled, and without the agents on a hypervisor that is.
   */
  readonly down: readonly string[];
}

export interface CommandResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called with each complete line of output as it arrives. */
  readonly onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
}

/** A hypervisor's operating system, reached by a remote shell. */
export interface Host {
  /**
   * Runs one command; `argv` is quoted for the remote shell. Resolves with whatever exit code it
   * had; throws (with `retryable`) when it could not be run or its end was not seen.
   */
  run(argv: readonly string[], options: CommandOptions): Promise<CommandResult>;
}
