/**
 * A small cloud with a will of its own: Nova, Placement and the hosts over one world, for tests of jobs.
 *
 * Every call takes a second of its time, in which migrations and reboots come along and heartbeats beat.
 * It writes down every call that changes something, and every rule of the trade that such a call breaks.
 */
import type {
  Booking,
  Cloud,
  DeviceStock,
  Fleet,
  Health,
  Host,
  Hypervisor,
  Migration,
  MigrationProgress,
  NetworkAgent,
  NewServer,
  Occupancy,
  Owned,
  Owner,
  Resources,
  Server,
  ServerAction,
  ServerGroup,
} from '../../src/domain/fleet.ts';
import { isFinal } from '../../src/domain/migration.ts';
import { ownerByMetadata } from '../../src/domain/owners.ts';
import { FakeHost } from './fake-host.ts';

/** What goes wrong with the next migrations of a server. */
export type MigrationFault =
  | 'refused'
  | 'rolled back'
  | 'stuck'
  /** The first one only. */
  | 'stuck at first'
  /** Copies the same memory over and over. */
  | 'rewritten'
  | 'never begun'
  | 'left in ERROR'
  | 'booked for ever'
  | 'does not start';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type FakeMigration = Mutable<Migration> & { endsAt: number; forced?: true; readonly was: string };

const MIGRATION_SECONDS = 8;
const POWER_SECONDS = 3;
/** What stays empty for a campaign is the campaign's. */
const TAKEN_OVER = /^(nightshift \S+: )?reserved\b/;
const COPY_BYTES = 1_000_000;

export class FakeCloud implements Cloud {
  /** Whatever changed something, in order: `cordon hv1`, `migrate a`, `reboot hv1` … */
  readonly calls: string[] = [];
  readonly violations: string[] = [];
  readonly hosts = new Map<string, FakeHost>();
  readonly servers = new Map<string, Mutable<Server>>();
  readonly groups: ServerGroup[] = [];
  readonly allocations = new Map<string, { on: string; size: Resources }>();
  readonly faults = new Map<string, MigrationFault>();
  /** So many aborts come too early: Nova says yes, and nothing happens. */
  lostAborts = 0;
  /** Hypervisors whose cell does not answer: Nova shows their servers as UNKNOWN, or not at all. */
  readonly cellDown = new Map<string, 'unknown' | 'silent'>();
  /** So many hypervisors may be out of service at once. */
  mayBeOut = 1;
  /** Called after each call that changed something. */
  onCall: (call: string) => void = () => {};
  /** Addresses of users, and contacts of projects, by id. */
  readonly users = new Map<string, string>();
  readonly contacts = new Map<string, Owner>();
  /** What projects are called, by id; by its id alone otherwise. */
  readonly projects = new Map<string, string>();
  /** How many devices each hypervisor has, as Placement counts them; whoever is pinned holds one. */
  readonly gpus = new Map<string, number>();
  /** Newest last, by server. */
  readonly asked = new Map<string, ServerAction[]>();
  readonly #migrations: FakeMigration[] = [];
  /** False: what is to be deleted stays. */
  deletes = true;
  /** Servers that come to be, and when. */
  readonly #building = new Map<string, number>();
  readonly #powering = new Map<string, { readonly to: 'ACTIVE' | 'SHUTOFF'; readonly at: number }>();
  #now = 0;

  constructor(hypervisors: readonly Hypervisor[], servers: readonly Server[] = []) {
    for (const hypervisor of hypervisors) this.hosts.set(hypervisor.name, new FakeHost(this, hypervisor));
    for (const server of servers) this.add(server);
  }

  /** Seconds since the world began. */
  get now(): number {
    return this.#now;
  }

  /** A server comes to be, wherever it says. */
  add(server: Server): void {
    this.servers.set(server.id, { ...server });
    this.allocations.set(server.id, { on: server.hypervisor, size: server.size });
  }

  /** A server was resized from one hypervisor to another, and nobody has confirmed it. */
  leaveResize(server: Server, from: string): void {
    this.add({ ...server, status: 'VERIFY_RESIZE' });
    const migration = this.#begin(server.id, { kind: 'resize', from, to: server.hypervisor });
    migration.status = 'finished';
    this.allocations.set(migration.uuid, { on: from, size: server.size });
  }

  host(name: string): Host {
    return this.#host(name);
  }

  /** What runs on a hypervisor, whatever Nova says. */
  running(name: string): Mutable<Server>[] {
    return [...this.servers.values()].filter(
      (server) => server.hypervisor === name && ['ACTIVE', 'PAUSED', 'MIGRATING'].includes(server.status),
    );
  }

  /** Whatever of the world a night may leave behind. */
  get state() {
    return {
      servers: Object.fromEntries(
        [...this.servers.values()].map((s) => [s.id, `${s.status} on ${s.hypervisor}`]),
      ),
      hosts: Object.fromEntries(
        [...this.hosts.values()].map((h) => [
          h.name,
          `${h.kernel}, ${h.disabled ?? 'enabled'}, ${h.reboots} reboots`,
        ]),
      ),
      allocations: Object.fromEntries([...this.allocations].map(([consumer, { on }]) => [consumer, on])),
    };
  }

  changed(call: string): void {
    this.calls.push(call);
    this.onCall(call);
  }

  /** A second goes by. */
  tick(): void {
    this.#now += 1;
    for (const migration of this.#migrations) if (!isFinal(migration)) this.#advance(migration);
    for (const [id, { to, at }] of this.#powering) if (this.#now >= at) this.#power(id, to);
    for (const [id, at] of this.#building) if (this.#now >= at) this.#build(id);
    for (const host of this.hosts.values()) host.advance();
  }

  async fleet(): Promise<Fleet> {
    this.tick();
    const servers = [...this.servers.values()].flatMap((server) => this.#asNovaShows(server));
    const hypervisors = [...this.hosts.values()].map((host) => host.asHypervisor(this.#usedOn(host.name)));
    return structuredClone({ takenAt: this.at(this.#now), hypervisors, servers, groups: this.groups });
  }

  async service(name: string) {
    this.tick();
    return this.#host(name).asService();
  }

  async agents(name: string): Promise<readonly NetworkAgent[]> {
    this.tick();
    return this.#host(name).asAgents();
  }

  async cordon(name: string, reason: string): Promise<void> {
    this.tick();
    const out = [...this.hosts.values()].filter((h) => h.name !== name && h.isOut).map((h) => h.name);
    if (out.length >= this.mayBeOut)
      this.violations.push(`${name} was cordoned while ${out.join(', ')} was out`);
    if (!TAKEN_OVER.test(this.#host(name).disabled ?? 'reserved'))
      this.violations.push(`${name} was cordoned over another reason`);
    this.#host(name).disabled = reason;
    this.changed(`cordon ${name}`);
  }

  async uncordon(name: string): Promise<void> {
    this.tick();
    this.#host(name).disabled = undefined;
    this.changed(`uncordon ${name}`);
  }

  async server(id: string): Promise<Server | undefined> {
    this.tick();
    const server = this.servers.get(id);
    if (server === undefined) return undefined;
    const shown = this.#asNovaShows(server)[0] ?? { ...server, status: 'UNKNOWN' };
    return structuredClone(shown);
  }

  async createServer({ name, hypervisor }: NewServer): Promise<string> {
    const [made] = await this.serversNamed(name);
    if (made !== undefined) return made.id;
    const size = { vcpus: 1, ramMb: 512, diskGb: 1 };
    const server = { id: name, name, projectId: 'admin', userId: 'admin', size, locked: false, metadata: {} };
    // Whose host is out of service finds no place, which is told a moment later.
    const isRefused = this.#host(hypervisor).disabled !== undefined;
    const on = isRefused ? '' : hypervisor;
    this.servers.set(name, { ...server, hypervisor: on, status: 'BUILD', createdAt: this.at(this.#now) });
    this.#building.set(name, this.#now + POWER_SECONDS);
    this.changed(`create ${name} on ${hypervisor}`);
    return name;
  }

  async serversNamed(name: string): Promise<readonly Server[]> {
    this.tick();
    return structuredClone([...this.servers.values()].filter((server) => server.name === name));
  }

  async owners(servers: readonly Owned[]): Promise<Record<string, Owner>> {
    this.tick();
    const rows = servers.map((server) => {
      const email = this.users.get(server.userId);
      const user: Owner | undefined =
        email === undefined ? undefined : { email, name: server.userId, by: 'user' };
      return [server.id, ownerByMetadata(server) ?? user ?? this.contacts.get(server.projectId)];
    });
    return Object.fromEntries(rows.filter(([, owner]) => owner !== undefined));
  }

  async projectContacts(ids: readonly string[]): Promise<Record<string, Owner>> {
    this.tick();
    return Object.fromEntries(
      ids.flatMap((id) => (this.contacts.has(id) ? [[id, this.contacts.get(id)!]] : [])),
    );
  }

  async projectNames(ids: readonly string[]): Promise<Record<string, string>> {
    this.tick();
    return Object.fromEntries(ids.map((id) => [id, this.projects.get(id) ?? id]));
  }

  async deleteServer(id: string): Promise<void> {
    this.tick();
    if (!this.servers.has(id) || !this.deletes) return;
    this.servers.delete(id);
    this.allocations.delete(id);
    this.changed(`delete ${id}`);
  }

  async liveMigrate(id: string, wanted?: string): Promise<void> {
    this.tick();
    const server = this.servers.get(id);
    if (server === undefined) throw novaError(`server ${id} could not be found`, false);
    if (server.task !== undefined || !['ACTIVE', 'PAUSED'].includes(server.status)) {
      throw novaError(`server ${id} is ${server.status} (${server.task})`, true);
    }
    const fault = this.faults.get(id);
    const target = wanted === undefined ? this.#schedule(server) : this.#named(wanted);
    this.note(id, 'live-migration', { ours: true });
    this.changed(wanted === undefined ? `migrate ${id}` : `migrate ${id} to ${wanted}`);
    if (fault === 'never begun') return;
    const to = fault === 'refused' || target === undefined ? {} : { to: target };
    const migration = this.#begin(id, { kind: 'live-migration', from: server.hypervisor, ...to });
    server.status = 'MIGRATING';
    server.task = 'migrating';
    if (migration.to === undefined) return;
    this.allocations.set(id, { on: migration.to, size: server.size });
    this.allocations.set(migration.uuid, { on: migration.from, size: server.size });
  }

  async migrations(id: string): Promise<readonly Migration[]> {
    this.tick();
    return structuredClone(this.#migrations.filter(({ serverId }) => serverId === id).toReversed());
  }

  async progress(_: string, migrationId: string): Promise<MigrationProgress | undefined> {
    this.tick();
    const migration = this.#migrations.find(({ id }) => id === migrationId);
    if (migration?.status !== 'running') return undefined;
    const fault = this.faults.get(migration.serverId);
    const seconds = this.#now - (migration.endsAt - MIGRATION_SECONDS);
    const totalBytes = MIGRATION_SECONDS * COPY_BYTES;
    if (fault === 'rewritten') {
      return { totalBytes, processedBytes: seconds * totalBytes, remainingBytes: totalBytes / 2 };
    }
    const processedBytes = this.#isStuck(migration) ? 0 : Math.min(seconds * COPY_BYTES, totalBytes);
    return { totalBytes, processedBytes, remainingBytes: totalBytes - processedBytes };
  }

  async forceComplete(serverId: string, migrationId: string): Promise<void> {
    this.tick();
    const migration = this.#migrations.find(({ id }) => id === migrationId);
    if (migration === undefined || isFinal(migration)) return;
    migration.forced = true;
    migration.endsAt = this.#now + 3;
    this.changed(`force ${serverId}`);
  }

  async coldMigrate(id: string, wanted?: string): Promise<void> {
    this.tick();
    const server = this.servers.get(id);
    if (server === undefined) throw novaError(`server ${id} could not be found`, false);
    if (server.task !== undefined || !['ACTIVE', 'SHUTOFF'].includes(server.status)) {
      throw novaError(`server ${id} is ${server.status} (${server.task})`, true);
    }
    const target = this.faults.get(id) === 'refused' ? undefined : (wanted ?? this.#schedule(server));
    this.note(id, 'migrate', { ours: true });
    this.changed(wanted === undefined ? `migrate cold ${id}` : `migrate cold ${id} to ${wanted}`);
    const to = target === undefined ? {} : { to: target };
    const migration = this.#begin(id, { kind: 'migration', from: server.hypervisor, ...to });
    migration.status = 'migrating';
    server.status = 'RESIZE';
    server.task = 'resize_migrating';
    if (migration.to === undefined) return;
    this.allocations.set(id, { on: migration.to, size: server.size });
    this.allocations.set(migration.uuid, { on: migration.from, size: server.size });
  }

  async confirmResize(id: string): Promise<void> {
    this.tick();
    const migration = this.#migrations.find((m) => m.serverId === id && m.status === 'finished');
    const server = this.servers.get(id);
    if (migration === undefined || server?.status !== 'VERIFY_RESIZE') return;
    this.note(id, 'confirmResize', { ours: true });
    migration.status = 'confirmed';
    this.allocations.delete(migration.uuid);
    server.status = migration.was;
    this.changed(`confirm ${id}`);
  }

  async stop(id: string): Promise<void> {
    this.tick();
    if (this.servers.get(id)?.status === 'SHUTOFF') return;
    this.power(id, 'SHUTOFF', { ours: true });
    this.changed(`stop ${id}`);
  }

  async start(id: string): Promise<void> {
    this.tick();
    if (this.servers.get(id)?.status === 'ACTIVE') return;
    this.power(id, 'ACTIVE', { ours: true });
    this.changed(`start ${id}`);
  }

  /** Somebody, or we, ask a server to be started or stopped. */
  power(id: string, to: 'ACTIVE' | 'SHUTOFF', by: { readonly ours: boolean }): void {
    const server = this.servers.get(id);
    if (server === undefined) throw novaError(`server ${id} could not be found`, false);
    if (server.task !== undefined) throw novaError(`server ${id} is busy (${server.task})`, true);
    this.note(id, to === 'ACTIVE' ? 'start' : 'stop', by);
    server.task = to === 'ACTIVE' ? 'powering-on' : 'powering-off';
    this.#powering.set(id, { to, at: this.#now + POWER_SECONDS });
  }

  note(id: string, action: string, { ours }: { readonly ours: boolean }): void {
    const before = this.asked.get(id) ?? [];
    this.asked.set(id, [...before, { id: `req-${id}-${before.length + 1}`, action, ours }]);
  }

  async actions(id: string): Promise<readonly ServerAction[]> {
    this.tick();
    return (this.asked.get(id) ?? []).toReversed();
  }

  async whyMigrationFailed(serverId: string): Promise<string | undefined> {
    this.tick();
    const isRefused = this.faults.get(serverId) === 'refused';
    return isRefused ? 'No valid host was found. There are not enough hosts available.' : undefined;
  }

  async abortMigration(serverId: string, migrationId: string): Promise<void> {
    this.tick();
    const migration = this.#migrations.find(({ id }) => id === migrationId);
    if (migration === undefined || isFinal(migration)) return;
    this.changed(`abort ${serverId}`);
    if (this.lostAborts-- > 0) return;
    this.#end(migration, 'cancelled');
  }

  async allocatedOn(consumer: string): Promise<readonly string[]> {
    this.tick();
    const allocation = this.allocations.get(consumer);
    return allocation === undefined ? [] : [allocation.on];
  }

  async bookings(): Promise<readonly Booking[]> {
    this.tick();
    return [...this.allocations].map(([consumer, { on, size }]) => ({
      hypervisor: on,
      consumer,
      resources: `${size.vcpus} VCPU`,
    }));
  }

  async devices(): Promise<readonly DeviceStock[]> {
    this.tick();
    return [...this.gpus].map(([hypervisor, capacity]) => {
      const booked = [...this.allocations].filter(([, { on }]) => on === hypervisor);
      const holders = booked.map(([consumer]) => consumer).filter((consumer) => this.#holdsDevice(consumer));
      return {
        hypervisor,
        provider: `gpus of ${hypervisor}`,
        resourceClass: 'CUSTOM_GPU',
        capacity,
        bookedBy: Object.fromEntries(holders.map((consumer) => [consumer, 1])),
        traits: [],
      };
    });
  }

  async occupancy(name: string): Promise<Occupancy> {
    const from = this.at(this.#now);
    this.tick();
    const shown = [...this.servers.values()].flatMap((server) => this.#asNovaShows(server));
    return structuredClone({
      hypervisor: name,
      from,
      to: this.at(this.#now),
      servers: shown.filter((server) => server.hypervisor === name || server.status === 'UNKNOWN'),
      allocations: [...this.allocations]
        .filter(([, { on }]) => on === name)
        .map(([consumer, { size }]) => ({ consumer, resources: `${size.vcpus} VCPU` })),
      migrations: this.#migrations.filter((m) => (m.from === name || m.to === name) && !isFinal(m)),
    });
  }

  async health(): Promise<Health> {
    this.tick();
    if ([...this.cellDown.values()].includes('unknown'))
      throw novaError('Nova gets no answer from a cell', true);
    const errors = [...this.servers.values()]
      .filter(({ status, hypervisor }) => status === 'ERROR' && hypervisor !== '')
      .map(({ id, name, hypervisor }) => ({ id, name, hypervisor }));
    const serving = [...this.hosts.values()].filter(({ disabled }) => disabled === undefined);
    const down = serving.flatMap((host) => [
      ...(host.asService().up ? [] : [`nova-compute on ${host.name}`]),
      ...host.asAgents().flatMap(({ binary, alive }) => (alive ? [] : [`${binary} on ${host.name}`])),
    ]);
    return { errors, down };
  }

  at(second: number): string {
    return new Date(Date.UTC(2026, 10, 24, 22, 41) + second * 1000).toISOString();
  }

  #build(id: string): void {
    this.#building.delete(id);
    const server = this.servers.get(id);
    if (server === undefined) return;
    const fault = this.#hostFault(server.hypervisor);
    if (fault === 'hangs on new servers') return;
    server.status = fault === undefined ? 'ACTIVE' : 'ERROR';
    if (fault !== undefined) server.fault = fault;
    else this.allocations.set(id, { on: server.hypervisor, size: server.size });
  }

  /** Why nothing comes to run on it. */
  #hostFault(name: string): string | undefined {
    const host = this.hosts.get(name);
    if (host === undefined) return 'No valid host was found. There are not enough hosts available.';
    return host.fault?.endsWith('new servers') ? host.fault : undefined;
  }

  #asNovaShows(server: Server): Server[] {
    const down = this.cellDown.get(server.hypervisor);
    if (down === 'silent') return [];
    return [down === 'unknown' ? { ...server, status: 'UNKNOWN', hypervisor: '' } : server];
  }

  #holdsDevice(consumer: string): boolean {
    const migration = this.#migrations.find(({ uuid }) => uuid === consumer);
    return this.servers.get(migration?.serverId ?? consumer)?.pinned !== undefined;
  }

  #usedOn(name: string): Resources {
    const booked = [...this.allocations.values()].filter(({ on }) => on === name).map(({ size }) => size);
    const sum = (kind: keyof Resources): number => booked.reduce((total, size) => total + size[kind], 0);
    return { vcpus: sum('vcpus'), ramMb: sum('ramMb'), diskGb: sum('diskGb') };
  }

  /** The scheduler also judges a target that is named. */
  #named(wanted: string): string | undefined {
    const { disabled } = this.#host(wanted);
    return disabled === undefined ? wanted : undefined;
  }

  #schedule({ hypervisor, size }: Server): string | undefined {
    return [...this.hosts.values()].find(
      (h) =>
        h.name !== hypervisor &&
        h.disabled === undefined &&
        h.asService().up &&
        this.#usedOn(h.name).ramMb + size.ramMb <= h.seed.capacity.ramMb,
    )?.name;
  }

  #begin(serverId: string, more: Pick<Migration, 'kind' | 'from'> & { to?: string }): FakeMigration {
    const n = this.#migrations.length + 1;
    const migration: FakeMigration = {
      id: String(n),
      uuid: `migration-${n}`,
      serverId,
      status: 'queued',
      createdAt: this.at(this.#now),
      updatedAt: this.at(this.#now),
      endsAt: this.#now + MIGRATION_SECONDS,
      was: this.servers.get(serverId)?.status ?? 'ACTIVE',
      ...more,
    };
    this.#migrations.push(migration);
    return migration;
  }

  #power(id: string, to: 'ACTIVE' | 'SHUTOFF'): void {
    const server = this.servers.get(id);
    if (server !== undefined && this.#isAway(server.hypervisor)) return;
    this.#powering.delete(id);
    if (server === undefined) return;
    server.status = this.faults.get(id) === 'does not start' && to === 'ACTIVE' ? 'ERROR' : to;
    delete server.task;
  }

  /** Nova's requests lie in a queue while a host is away. */
  #isAway(hypervisor: string): boolean {
    return this.hosts.get(hypervisor)?.isAway === true;
  }

  #isStuck({ serverId, forced, id }: FakeMigration): boolean {
    if (forced) return false;
    const fault = this.faults.get(serverId);
    if (fault === 'stuck' || fault === 'rewritten') return true;
    const [first] = this.#migrations.filter((m) => m.serverId === serverId);
    return fault === 'stuck at first' && first?.id === id;
  }

  #advanceCold(migration: FakeMigration, server: Mutable<Server>): void {
    if (migration.status !== 'migrating' || this.#now < migration.endsAt) return;
    if (migration.to === undefined) return this.#end(migration, 'error');
    server.hypervisor = migration.to;
    server.status = 'VERIFY_RESIZE';
    delete server.task;
    migration.status = 'finished';
  }

  #advance(migration: FakeMigration): void {
    const server = this.servers.get(migration.serverId);
    const fault = this.faults.get(migration.serverId);
    if (server === undefined) return;
    if (migration.kind === 'migration') return this.#advanceCold(migration, server);
    if (migration.kind !== 'live-migration') return;
    if (this.#now > migration.endsAt - MIGRATION_SECONDS + 1) migration.status = 'running';
    if (this.#isStuck(migration) || this.#now < migration.endsAt - 2) return;
    if (migration.to === undefined) return this.#end(migration, 'error');
    if (fault === 'rolled back' || fault === 'left in ERROR') {
      this.#end(migration, 'failed');
      if (fault === 'left in ERROR') server.status = 'ERROR';
      return undefined;
    }
    // The server shows its new place while its migration still runs.
    server.hypervisor = migration.to;
    server.status = migration.was;
    delete server.task;
    if (this.#now < migration.endsAt) return undefined;
    migration.status = 'completed';
    if (fault !== 'booked for ever') this.allocations.delete(migration.uuid);
  }

  #end(migration: FakeMigration, status: string): void {
    migration.status = status;
    this.allocations.delete(migration.uuid);
    const server = this.servers.get(migration.serverId);
    if (server === undefined) return;
    this.allocations.set(server.id, { on: migration.from, size: server.size });
    server.hypervisor = migration.from;
    server.status = migration.was;
    delete server.task;
  }

  #host(name: string): FakeHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw novaError(`hypervisor ${name} could not be found`, false);
    return host;
  }
}

function novaError(message: string, retryable: boolean): Error {
  return Object.assign(new Error(message), { retryable });
}
