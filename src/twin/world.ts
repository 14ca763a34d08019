/** The simulated cloud while time passes: its state, what is due, and who waits for it. */
import type { Happening, News } from './log.ts';
import type {
  Allocation,
  Event,
  EventName,
  Flavor,
  Group,
  Hypervisor,
  Migration,
  Server,
  State,
} from './state.ts';

type Handler = (world: World, event: Event) => void;
export type Handlers = Readonly<Record<EventName, Handler>>;

type Sum = { vcpus: number; ramMb: number; diskGb: number };

interface Waiter {
  readonly until: () => boolean;
  /** When time alone ends it. */
  readonly at: number | undefined;
  readonly resolve: () => void;
}

/**
 * Time passes by `advance` alone, and what is due happens in the order of its time: the same state and
 * the same times give the same world.
 */
export class World {
  readonly state: State;
  /** Since this process has it; what was before is not known. */
  readonly log: Happening[] = [];
  /** Another one after every change. */
  version = 0;
  readonly #handlers: Handlers;
  readonly #byName: ReadonlyMap<string, Hypervisor>;
  readonly #byId: ReadonlyMap<string, Hypervisor>;
  readonly #flavors: ReadonlyMap<string, Flavor>;
  /** Consumers by the host on which they are booked, and their sum. */
  readonly #booked = new Map<string, { readonly consumers: Set<string>; readonly sum: Sum }>();
  /** By the host that Nova has them on, and by the one that really runs them. */
  readonly #listed = new Map<string, Set<Server>>();
  readonly #aboard = new Map<string, Set<Server>>();
  readonly #migrations = new Map<string, Migration>();
  readonly #migrationsOf = new Map<string, Migration[]>();
  readonly #zones = new Map<string, string>();
  /** Names of isolated aggregates, by host. */
  readonly #isolated = new Map<string, string[]>();
  readonly #members = new Map<string, Set<Server>>();
  #newestFirst: readonly Server[] | undefined;
  readonly #waiters = new Set<Waiter>();
  readonly #watchers = new Set<() => void>();

  constructor(state: State, handlers: Handlers) {
    this.state = state;
    this.#handlers = handlers;
    const hypervisors = Object.values(state.hypervisors);
    this.#byName = new Map(hypervisors.map((each) => [each.name, each]));
    this.#byId = new Map(hypervisors.map((each) => [each.id, each]));
    this.#flavors = new Map(state.flavors.map((flavor) => [flavor.name, flavor]));
    for (const { host } of hypervisors)
      this.#booked.set(host, { consumers: new Set(), sum: { vcpus: 0, ramMb: 0, diskGb: 0 } });
    for (const [consumer, allocation] of Object.entries(state.allocations))
      this.#count(consumer, allocation, 1);
    for (const server of Object.values(state.servers)) {
      entry(this.#listed, server.host)?.add(server);
      entry(this.#aboard, server.domain?.host)?.add(server);
      entry(this.#members, server.group)?.add(server);
    }
    for (const migration of state.migrations) this.#index(migration);
    for (const { name, hosts, isolated } of state.aggregates)
      for (const host of isolated ? hosts : [])
        this.#isolated.set(host, [...(this.#isolated.get(host) ?? []), name]);
    for (const { zone, hosts } of state.aggregates)
      for (const host of hosts) if (zone !== null && !this.#zones.has(host)) this.#zones.set(host, zone);
  }

  get now(): number {
    return this.state.at;
  }

  /** Lets everything happen that is due until then; a time that has passed changes nothing. */
  advance(to: number): void {
    const { events } = this.state;
    for (let next = events[0]; next !== undefined && next.at <= to; next = events[0]) {
      events.shift();
      this.state.at = Math.max(this.state.at, next.at);
      this.#handlers[next.what](this, next);
      this.changed();
    }
    this.state.at = Math.max(this.state.at, to);
    this.look();
  }

  /** Lets those go on whose wait is over. */
  look(): void {
    for (const waiter of this.#waiters) {
      if (!waiter.until()) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** How many wait for something to come about here. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** When something happens next, or somebody's wait is over. */
  get nextAt(): number | undefined {
    const ends = [...this.#waiters].flatMap(({ at }) => at ?? []);
    const times = [this.state.events[0]?.at, ...ends].filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Plans what happens so many ms from now. */
  plan(ms: number, what: EventName, of: string, more?: string): void {
    const event: Event = { at: this.now + ms, what, of, ...(more !== undefined && { with: more }) };
    const later = this.state.events.findIndex(({ at }) => at > event.at);
    if (later === -1) this.state.events.push(event);
    else this.state.events.splice(later, 0, event);
    this.changed();
  }

  /** What was planned for it will not happen. */
  forget(of: string): void {
    const kept = this.state.events.filter((event) => event.of !== of);
    this.state.events.splice(0, Infinity, ...kept);
    this.changed();
  }

  changed(): void {
    this.version += 1;
    for (const watcher of this.#watchers) watcher();
  }

  /** Writes down that it happens now. */
  tell(news: News): void {
    this.log.push({ ...news, at: this.now });
  }

  /** The name of the hypervisor with this service host. */
  nameOf(host: string): string {
    return this.hypervisor(host).name;
  }

  /** Calls `watcher` after every change. */
  watch(watcher: () => void): void {
    this.#watchers.add(watcher);
  }

  /** Resolves once `condition` holds, looked at whenever time passes; `at` is when time alone makes it so. */
  until(condition: () => boolean, at?: number): Promise<void> {
    if (condition()) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add({ until: condition, at, resolve });
    return promise;
  }

  sleep(ms: number): Promise<void> {
    const end = this.now + ms;
    return this.until(() => this.now >= end, end);
  }

  /** Whoever waits need not any more. */
  letGo(): void {
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters.clear();
  }

  /** By service host; there must be one. */
  hypervisor(host: string): Hypervisor {
    return found(this.state.hypervisors[host], `hypervisor on host ${host}`);
  }

  /** By hypervisor hostname; there must be one. */
  named(name: string): Hypervisor {
    return found(this.#byName.get(name), `hypervisor ${name}`);
  }

  /** By its id, which is its provider's. */
  findProvider(id: string): Hypervisor | undefined {
    return this.#byId.get(id);
  }

  server(id: string): Server | undefined {
    return this.state.servers[id];
  }

  /** All of them as Nova lists them. */
  newestFirst(): readonly Server[] {
    this.#newestFirst ??= Object.values(this.state.servers).toSorted(byNewest);
    return this.#newestFirst;
  }

  /** A new one; it is on no host yet. */
  add(server: Server): void {
    this.state.servers[server.id] = server;
    entry(this.#members, server.group)?.add(server);
    this.#newestFirst = undefined;
    this.changed();
  }

  /** It is gone, and whatever it had booked with it. */
  remove({ id }: Pick<Server, 'id'>): void {
    const server = this.state.servers[id];
    if (server === undefined) return;
    this.unbook(id);
    entry(this.#listed, server.host)?.delete(server);
    entry(this.#aboard, server.domain?.host)?.delete(server);
    entry(this.#members, server.group)?.delete(server);
    this.#newestFirst = undefined;
    delete this.state.servers[id];
    this.changed();
  }

  /** Nova has it on this host from now on. */
  list(server: Server, host: string): void {
    entry(this.#listed, server.host)?.delete(server);
    server.host = host;
    entry(this.#listed, host)?.add(server);
  }

  /** Its domain is on this host from now on. */
  run(server: Server, domain: { host: string; running: boolean }): void {
    entry(this.#aboard, server.domain?.host)?.delete(server);
    server.domain = domain;
    entry(this.#aboard, domain.host)?.add(server);
  }

  /** The servers that Nova has on the host, oldest first. */
  listedOn(host: string): Server[] {
    return byAge(this.#listed.get(host));
  }

  /** The servers whose domains are on the host, running or not. */
  aboard(host: string): Server[] {
    return byAge(this.#aboard.get(host));
  }

  migration(uuid: string): Migration {
    return found(this.#migrations.get(uuid), `migration ${uuid}`);
  }

  /** Those of one server, oldest first. */
  migrationsOf(server: string): readonly Migration[] {
    return this.#migrationsOf.get(server) ?? [];
  }

  begin(migration: Migration): void {
    this.state.migrations.push(migration);
    this.#index(migration);
    this.changed();
  }

  #index(migration: Migration): void {
    this.#migrations.set(migration.uuid, migration);
    const those = this.#migrationsOf.get(migration.server);
    if (those === undefined) this.#migrationsOf.set(migration.server, [migration]);
    else those.push(migration);
  }

  findFlavor(name: string): Flavor | undefined {
    return this.#flavors.get(name);
  }

  flavorOf({ flavor }: Pick<Server, 'flavor'>): Flavor {
    return found(this.#flavors.get(flavor), `flavor ${flavor}`);
  }

  /** Books for `consumer` on one host, and nowhere else any more. */
  book(consumer: string, allocation: Allocation): void {
    this.unbook(consumer);
    this.state.allocations[consumer] = allocation;
    this.#count(consumer, allocation, 1);
    this.changed();
  }

  unbook(consumer: string): void {
    const before = this.state.allocations[consumer];
    if (before === undefined) return;
    delete this.state.allocations[consumer];
    this.#count(consumer, before, -1);
    this.changed();
  }

  #count(consumer: string, { host, vcpus, ramMb, diskGb }: Allocation, sign: 1 | -1): void {
    const booked = this.#booked.get(host);
    if (booked === undefined) return;
    if (sign === 1) booked.consumers.add(consumer);
    else booked.consumers.delete(consumer);
    booked.sum.vcpus += sign * vcpus;
    booked.sum.ramMb += sign * ramMb;
    booked.sum.diskGb += sign * diskGb;
  }

  /** Who has booked on the host, and what. */
  bookings(host: string): (readonly [consumer: string, Allocation])[] {
    const consumers = [...(this.#booked.get(host)?.consumers ?? [])];
    return consumers.map((consumer) => [consumer, this.state.allocations[consumer] as Allocation]);
  }

  /** What is booked on the host in all. */
  used(host: string): Readonly<Sum> {
    return found(this.#booked.get(host), `hypervisor on host ${host}`).sum;
  }

  findGroup(id: string | undefined): Group | undefined {
    return id === undefined ? undefined : this.state.groups.find((group) => group.id === id);
  }

  /** The servers of a group, oldest first. */
  membersOf(group: string): Server[] {
    return byAge(this.#members.get(group));
  }

  /** A member of this group from now on. */
  join(server: Server, group: Group): void {
    if (this.findGroup(group.id) === undefined) this.state.groups.push(group);
    entry(this.#members, server.group)?.delete(server);
    entry(this.#members, group.id)?.add(Object.assign(server, { group: group.id }));
  }

  /** The isolated aggregates that a host is in. */
  isolatedOf(host: string): readonly string[] {
    return this.#isolated.get(host) ?? [];
  }

  isIn(host: string, aggregate: string): boolean {
    return this.state.aggregates.some(({ name, hosts }) => name === aggregate && hosts.includes(host));
  }

  /** The zone of a host, by its aggregates. */
  zoneOf(host: string): string {
    return this.#zones.get(host) ?? 'nova';
  }

  /** The cell in which a server is kept; undefined while it is in none. */
  cellOf({ host }: Pick<Server, 'host'>): string | undefined {
    return host === null ? undefined : this.state.hypervisors[host]?.cell;
  }

  nextNumber(): number {
    this.state.serial += 1;
    return this.state.serial;
  }
}

function entry<T>(sets: Map<string, Set<T>>, key: string | null | undefined): Set<T> | undefined {
  if (key === null || key === undefined) return undefined;
  const known = sets.get(key);
  if (known !== undefined) return known;
  const made = new Set<T>();
  sets.set(key, made);
  return made;
}

/** As Nova lists servers: by when they were made, then by id, both backwards. */
export function byNewest(a: Server, b: Server): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

/** In the order in which they were made, however they came to be there. */
function byAge(servers: ReadonlySet<Server> | undefined): Server[] {
  return [...(servers ?? [])].toSorted((a, b) => a.number - b.number);
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the simulated cloud has no ${what}`);
  return value;
}
