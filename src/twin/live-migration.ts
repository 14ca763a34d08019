/** Live migrations, step by step as Nova goes through them: who books what, and when each record changes. */

import { faultInMetadata, type MigrationFault } from './faults.ts';
import { chooseHost, hasDevice, sizesOf } from './placing.ts';
import { answers } from './power.ts';
import { drawUuid } from './random.ts';
import type { Event, Failure, Migration, Server } from './state.ts';
import { strike } from './strike.ts';
import type { Handlers, World } from './world.ts';

const UNDER_WAY: readonly Migration['status'][] = ['accepted', 'queued', 'preparing', 'running'];

/** Nova has accepted the request, which means little. `wanted` is a service host. */
export function beginLiveMigration(world: World, server: Server, wanted: string | null): void {
  server.task = 'migrating';
  server.updatedAt = world.now;
  if (server.host !== null) {
    const from = world.nameOf(server.host);
    world.tell({ what: 'migration asked', server: server.id, from, kind: 'live-migration' });
  }
  world.plan(step(world), 'live begin', server.id, wanted ?? undefined);
}

/** Asks for the end of a migration that is queued, being prepared or running. */
export function abortLiveMigration(world: World, migration: Migration): void {
  migration.aborting = true;
  world.forget(migration.uuid);
  world.changed();
  world.plan(step(world), 'live roll back', migration.uuid, 'cancelled');
}

/** The guest is paused until all is copied. */
export function forceCompletion(world: World, migration: Migration): void {
  world.forget(migration.uuid);
  const kills = migration.fault === 'dies when forced';
  world.plan(step(world), kills ? 'live lose' : 'live arrive', migration.uuid);
}

export function progressOf(
  world: World,
  { copy, status, fault }: Migration,
): { total: number; done: number; left: number } | undefined {
  // A hypervisor reports now and then, first after half a second.
  if (copy === null || status !== 'running' || world.now - copy.since < 500) return undefined;
  const { bytes: total, ms, since } = copy;
  const elapsedMs = world.now - since;
  // Memory that is written meanwhile goes over again: what is left falls and rises.
  const wave = (elapsedMs % WAVE_MS) / WAVE_MS;
  if (fault === 'never converges' || fault === 'dies when forced') {
    const done = Math.floor((elapsedMs / 1000) * world.state.pace.mbPerSecond * MIB);
    const first = total - done;
    const left = Math.max(first, Math.floor(total * (0.05 + 0.1 * (1 - wave))));
    return { total, done, left };
  }
  const part = ms === null ? 0 : Math.min(1, elapsedMs / ms);
  const done = Math.floor(total * part);
  if (fault !== 'saw-tooth') return { total, done, left: total - done };
  const left = Math.min(total, Math.floor(total * (1 - part) + total * 0.1 * (1 - wave)));
  return { total, done: 2 * done, left };
}

const MIB = 1024 * 1024;
/** How often what was written meanwhile is gone over again. */
const WAVE_MS = 7000;

/**
 * The server is gone, and with it all that is under way for it. What a live migration had booked on its
 * source stays booked: Nova forgets it, and only a person can give it back.
 */
export function abandonMigrations(world: World, server: string): void {
  for (const migration of world.migrationsOf(server)) {
    world.forget(migration.uuid);
    if (!UNDER_WAY.includes(migration.status)) {
      world.unbook(migration.uuid);
      continue;
    }
    enter(world, migration, 'error');
    wakeNext(world, migration.from);
  }
}

export const liveHandlers = {
  'live begin': begin,
  'live claim': claim,
  'live place': place,
  'live refuse': (world, { of }) => end(world, world.migration(of), 'error'),
  'live prepare': prepare,
  'live run': run,
  'live arrive': arrive,
  'live finish': finish,
  'live lose': lose,
  'live roll back': rollBack,
  'live fail': (world, { of }) => {
    giveBack(world, world.migration(of));
    world.plan(step(world), 'live roll back', of, 'failed');
  },
} satisfies Partial<Handlers>;

function begin(world: World, { of, with: wanted }: Event): void {
  const server = world.server(of);
  if (server === undefined || server.host === null) return;
  if (world.state.faults.conductor === 'hangs') return world.plan(step(world), 'live begin', of, wanted);
  const fault = faultOf(world, server, server.host);
  if (fault === 'vanish') return;
  const migration: Migration = {
    number: world.nextNumber(),
    uuid: drawUuid(world.state),
    server: of,
    kind: 'live-migration',
    status: 'accepted',
    from: server.host,
    to: null,
    sourceNodeKnown: false,
    wanted: wanted ?? null,
    stopped: false,
    createdAt: world.now,
    updatedAt: world.now,
    copy: null,
    ...(fault !== undefined && { fault }),
    aborting: false,
    failures: [],
  };
  world.begin(migration);
  const from = world.nameOf(server.host);
  world.tell({ what: 'migration began', server: of, from, kind: 'live-migration' });
  world.plan(step(world), 'live claim', migration.uuid);
}

/** The migration holds the source from now on, so that the server may book elsewhere. */
function claim(world: World, { of }: Event): void {
  const { server, from } = world.migration(of);
  const sizes = sizesFor(world, server);
  if (sizes === undefined) return;
  world.unbook(server);
  world.book(of, { host: from, ...sizes });
  world.plan(step(world), 'live place', of);
}

function place(world: World, { of }: Event): void {
  const migration = world.migration(of);
  const server = world.server(migration.server);
  if (server === undefined) return;
  const to = destinationFor(world, server, migration);
  if (to === undefined) {
    migration.failures.push(NO_HOST);
    world.plan(step(world), 'live refuse', of);
    return;
  }
  world.book(server.id, { host: to, ...sizesOf(world.flavorOf(server)) });
  // Nova asks the destination before it goes on; one that is dead is noticed by its silence.
  if (answers(world.hypervisor(to))) world.plan(step(world), 'live prepare', of, to);
  else {
    migration.failures.push(NO_HOST);
    world.plan(world.state.pace.rpcMs, 'live refuse', of);
  }
}

const NO_HOST: Failure = {
  event: 'conductor_live_migrate_instance',
  host: 'control',
  details: 'No valid host was found. There are not enough hosts available.',
};

/** Nova's destination asks its source whether it may go, and looks for another destination after a no. */
function destinationFor(world: World, server: Server, migration: Migration): string | undefined {
  const { fault, from, wanted } = migration;
  if (hasDevice(world.flavorOf(server)) || fault === 'no valid host') return undefined;
  if (fault === 'unsupported') {
    refuseBetween(
      migration,
      from,
      'Operation live migration with vtpm not supported for configured virt driver',
    );
    return undefined;
  }
  const except = new Set<string>();
  for (;;) {
    const to = chooseHost(world, server, { wanted, except });
    if (to === undefined) return undefined;
    const no = fault === 'refuse' ? 'lab:migrate=refuse' : whyNotTo(world, server, { from, to });
    if (no === undefined) return to;
    refuseBetween(migration, to, no);
    if (fault === 'refuse' || except.size === MOST_DESTINATIONS - 1) return undefined;
    except.add(to);
  }
}

/** Nova's `migrate_max_retries` are unlimited; its scheduler's alternates are three. */
const MOST_DESTINATIONS = 3;

/** What the destination says against it, where a rule is about it. */
function whyNotTo(
  world: World,
  server: Server,
  { from, to }: { from: string; to: string },
): string | undefined {
  const [source, destination] = [world.hypervisor(from), world.hypervisor(to)];
  switch (strike(world, 'arrival', { hypervisor: destination.name, server })?.what) {
    case 'CPU differs':
      return 'Unacceptable CPU info: CPU doesn’t have compatibility.';
    case 'does not fit':
      return 'Insufficient compute resources: Requested instance NUMA topology cannot fit the given host NUMA topology.';
    case 'one-way door':
      if (source.boots === 0 || destination.boots > 0) return undefined;
      return 'unsupported machine type: the destination’s QEMU is older';
    case undefined:
      return undefined;
  }
}

function refuseBetween({ failures, from }: Migration, to: string, why: string): void {
  const details = `Migration pre-check error: ${why}`;
  failures.push(
    { event: 'compute_check_can_live_migrate_source', host: from, details },
    { event: 'compute_check_can_live_migrate_destination', host: to, details },
  );
}

/** A compute service sends one guest away at a time. */
function prepare(world: World, { of, with: to }: Event): void {
  const migration = world.migration(of);
  if (!answers(world.hypervisor(migration.from))) {
    world.plan(1000, 'live prepare', of, to);
    return;
  }
  migration.to = to ?? migration.to;
  migration.sourceNodeKnown = true;
  const isBusy = world.state.migrations.some(
    (other) =>
      other.uuid !== of &&
      other.kind === 'live-migration' &&
      other.from === migration.from &&
      ['preparing', 'running'].includes(other.status),
  );
  enter(world, migration, isBusy ? 'queued' : 'preparing');
  if (!isBusy) world.plan(step(world), 'live run', of);
}

function run(world: World, { of }: Event): void {
  const migration = world.migration(of);
  const server = world.server(migration.server);
  if (server === undefined) return;
  const { fault } = migration;
  if (fault === 'prefail') {
    const host = migration.to ?? '';
    const details = 'Migration error: lab:migrate=prefail';
    migration.failures.push({ event: 'compute_pre_live_migration', host, details });
    enter(world, migration, 'error');
    giveBack(world, migration);
    world.plan(step(world), 'live roll back', of, 'failed');
    return;
  }
  const { ramMb, diskGb } = world.flavorOf(server);
  const { dirtyRatio = 0, localDisk } = server;
  const mb = ramMb / (1 - dirtyRatio) + (localDisk ? diskGb * 1024 : 0);
  const usualMs = (mb / world.state.pace.mbPerSecond) * 1000;
  const slowMs = fault === 'saw-tooth' ? 2 * usualMs : usualMs;
  const ms = typeof fault === 'number' ? fault * 1000 : slowMs;
  const ends = fault !== 'stuck' && fault !== 'never converges' && fault !== 'dies when forced';
  enter(world, migration, 'running');
  migration.copy = { since: world.now, ms: ends ? ms : null, bytes: mb * MIB };
  if (fault === 'fail' || fault === 'left in ERROR') world.plan(ms / 2, 'live fail', of);
  else if (fault === 'completed, not moved') world.plan(ms, 'live finish', of);
  else if (ends) world.plan(ms, 'live arrive', of);
}

/** The server is seen in its new place while its migration is still called running. */
function arrive(world: World, { of }: Event): void {
  const migration = world.migration(of);
  const server = world.server(migration.server);
  if (server === undefined || migration.to === null) return;
  world.list(server, migration.to);
  world.run(server, { host: migration.to, running: true });
  server.task = null;
  server.updatedAt = world.now;
  const [from, to] = [world.nameOf(migration.from), world.nameOf(migration.to)];
  world.tell({ what: 'moved', server: server.id, from, to });
  world.plan(2 * step(world), 'live finish', of);
}

function finish(world: World, { of }: Event): void {
  const migration = world.migration(of);
  const { fault, from } = migration;
  const server = world.server(migration.server);
  if (fault === 'allocation left')
    world.tell({ what: 'allocation left', consumer: of, hypervisor: world.nameOf(from) });
  else world.unbook(of);
  if (fault === 'completed, not moved' && server !== undefined) server.task = null;
  enter(world, migration, fault === 'failed, but moved' ? 'failed' : 'completed');
  ended(world, migration);
  wakeNext(world, from);
}

/** The guest did not survive: it runs neither here nor there. */
function lose(world: World, { of }: Event): void {
  const migration = world.migration(of);
  const server = world.server(migration.server);
  if (server?.domain == null) return;
  server.domain.running = false;
  server.vmState = 'error';
  world.tell({ what: 'guest died', server: server.id, hypervisor: world.nameOf(migration.from) });
  end(world, migration, 'error');
}

function ended(world: World, { server, from, status, kind }: Migration): void {
  world.tell({ what: 'migration ended', server, from: world.nameOf(from), kind, status });
}

function rollBack(world: World, { of, with: status }: Event): void {
  end(world, world.migration(of), status === 'cancelled' ? 'cancelled' : 'failed');
}

function end(world: World, migration: Migration, status: 'error' | 'failed' | 'cancelled'): void {
  giveBack(world, migration);
  enter(world, migration, status);
  const server = world.server(migration.server);
  if (server !== undefined) {
    server.task = null;
    if (migration.fault === 'left in ERROR') server.vmState = 'error';
    server.updatedAt = world.now;
  }
  ended(world, migration);
  wakeNext(world, migration.from);
}

/** The server books on its source again. */
function giveBack(world: World, { uuid, server, from }: Migration): void {
  const sizes = sizesFor(world, server);
  world.unbook(uuid);
  if (sizes !== undefined) world.book(server, { host: from, ...sizes });
}

function wakeNext(world: World, from: string): void {
  const next = world.state.migrations.find(
    (migration) => migration.from === from && migration.status === 'queued' && !migration.aborting,
  );
  if (next !== undefined) world.plan(step(world), 'live prepare', next.uuid);
}

function enter(world: World, migration: Migration, status: Migration['status']): void {
  migration.status = status;
  migration.updatedAt = world.now;
  world.changed();
}

function sizesFor(world: World, id: string) {
  const server = world.server(id);
  return server && sizesOf(world.flavorOf(server));
}

/** Decided once for each migration. */
function faultOf(world: World, server: Server, host: string): MigrationFault | undefined {
  const { id, metadata } = server;
  const asked = world.state.faults.migrations[id] ?? faultInMetadata(metadata);
  if (asked !== undefined) return asked;
  const rule = strike(world, 'migration', { hypervisor: world.nameOf(host), server });
  return rule?.what === 'slow' ? (rule.seconds ?? 0) : rule?.what;
}

function step(world: World): number {
  return world.state.pace.stepMs;
}
