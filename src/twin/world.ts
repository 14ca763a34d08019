/** The simulated cloud while time passes: its state, what is due, and who waits for it. */
import type { Allocation, Event, EventName, Flavor, Hypervisor, Migration, Server, State } from './state.ts';

type Handler = (world: World, event: Event) => void;
export type Handlers = Readonly<Record<EventName, Handler>>;

interface Waiter {
  readonly until: () => boolean;
  readonly resolve: () => void;
}

/**
 * Time passes by `advance` alone, and what is due happens in the order of its time: the same state and
 * the same times give the same world.
 */
export class World {
  readonly state: State;
  /** Another one after every change. */
  version = 0;
  readonly #handlers: Handlers;
  readonly #byName: ReadonlyMap<string, Hypervisor>;
  readonly #byId: ReadonlyMap<string, Hypervisor>;
  readonly #flavors: ReadonlyMap<string, Flavor>;
  /** Consumers by the host on which they are booked. */
  readonly #booked = new Map<string, Set<string>>();
  readonly #waiters = new Set<Waiter>();
  readonly #watchers = new Set<() => void>();

  constructor(state: State, handlers: Handlers) {
    this.state = state;
    this.#handlers = handlers;
    const hypervisors = Object.values(state.hypervisors);
    this.#byName = new Map(hypervisors.map((each) => [each.name, each]));
    this.#byId = new Map(hypervisors.map((each) => [each.id, each]));
    this.#flavors = new Map(state.flavors.map((flavor) => [flavor.name, flavor]));
    for (const { host } of hypervisors) this.#booked.set(host, new Set());
    for (const [consumer, { host }] of Object.entries(state.allocations))
      this.#booked.get(host)?.add(consumer);
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
    for (const waiter of this.#waiters) {
      if (!waiter.until()) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
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

  /** Calls `watcher` after every change. */
  watch(watcher: () => void): void {
    this.#watchers.add(watcher);
  }

  /** Resolves once `condition` holds, looked at whenever time passes. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add({ until: condition, resolve });
    return promise;
  }

  sleep(ms: number): Promise<void> {
    const end = this.now + ms;
    return this.until(() => this.now >= end);
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

  migration(uuid: string): Migration {
    return found(
      this.state.migrations.find((each) => each.uuid === uuid),
      `migration ${uuid}`,
    );
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
    this.#booked.get(allocation.host)?.add(consumer);
    this.changed();
  }

  unbook(consumer: string): void {
    const before = this.state.allocations[consumer];
    if (before === undefined) return;
    delete this.state.allocations[consumer];
    this.#booked.get(before.host)?.delete(consumer);
    this.changed();
  }

  /** Who has booked on the host, and what. */
  bookings(host: string): (readonly [consumer: string, Allocation])[] {
    const consumers = [...(this.#booked.get(host) ?? [])];
    return consumers.map((consumer) => [consumer, this.state.allocations[consumer] as Allocation]);
  }

  /** What is booked on the host in all. */
  used(host: string): Omit<Allocation, 'host'> {
    const sum = { vcpus: 0, ramMb: 0, diskGb: 0 };
    for (const [, { vcpus, ramMb, diskGb }] of this.bookings(host)) {
      sum.vcpus += vcpus;
      sum.ramMb += ramMb;
      sum.diskGb += diskGb;
    }
    return sum;
  }

  /** The zone of a host, by its aggregates. */
  zoneOf(host: string): string {
    const own = this.state.aggregates.find(({ zone, hosts }) => zone !== null && hosts.includes(host));
    return own?.zone ?? 'nova';
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

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the simulated cloud has no ${what}`);
  return value;
}
