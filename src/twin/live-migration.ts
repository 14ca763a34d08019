/** Live migrations, step by step as Nova goes through them: who books what, and when each record changes. */
import { faultInMetadata, type MigrationFault } from './faults.ts';
import { chooseHost, hasDevice, sizesOf } from './placing.ts';
import { answers } from './power.ts';
import { drawUuid } from './random.ts';
import type { Event, Failure, Migration, Server } from './state.ts';
import type { Handlers, World } from './world.ts';

const UNDER_WAY: readonly Migration['status'][] = ['accepted', 'queued', 'preparing', 'running'];

/** Nova has accepted the request, which means little. `wanted` is a service host. */
export function beginLiveMigration(world: World, server: Server, wanted: string | null): void {
  server.task = 'migrating';
  server.updatedAt = world.now;
  world.plan(step(world), 'live begin', server.id, wanted ?? undefined);
}

/** Asks for the end of a migration that is queued, being prepared or running. */
export function abortLiveMigration(world: World, migration: Migration): void {
  migration.aborting = true;
  world.forget(migration.uuid);
  world.plan(step(world), 'live roll back', migration.uuid, 'cancelled');
}

/** The guest is paused until all is copied. */
export function forceCompletion(world: World, migration: Migration): void {
  world.forget(migration.uuid);
  world.plan(step(world), 'live arrive', migration.uuid);
}

export function progressOf(
  world: World,
  { copy, status }: Migration,
): { total: number; done: number } | undefined {
  // A hypervisor reports now and then, first after half a second.
  if (copy === null || status !== 'running' || world.now - copy.since < 500) return undefined;
  const part = copy.ms === null ? 0 : Math.min(1, (world.now - copy.since) / copy.ms);
  return { total: copy.bytes, done: Math.floor(copy.bytes * part) };
}

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
  'live roll back': rollBack,
  'live fail': (world, { of }) => {
    giveBack(world, world.migration(of));
    world.plan(step(world), 'live roll back', of, 'failed');
  },
} satisfies Partial<Handlers>;

function begin(world: World, { of, with: wanted }: Event): void {
  const server = world.server(of);
  if (server === undefined || server.host === null || faultOf(world, server) === 'vanish') return;
  if (world.state.faults.conductor === 'hangs') return world.plan(step(world), 'live begin', of, wanted);
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
    aborting: false,
    failures: [],
  };
  world.begin(migration);
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
  const to = hasDevice(world.flavorOf(server)) ? undefined : chooseHost(world, server, migration.wanted);
  if (to === undefined || faultOf(world, server) === 'refuse') {
    if (to !== undefined) refuseBetween(migration, to);
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
function refuseBetween({ failures, from }: Migration, to: string): void {
  const details = 'Migration pre-check error: lab:migrate=refuse';
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
  const fault = faultOf(world, server);
  if (fault === 'prefail') {
    const host = migration.to ?? '';
    const details = 'Migration error: lab:migrate=prefail';
    migration.failures.push({ event: 'compute_pre_live_migration', host, details });
    enter(world, migration, 'error');
    giveBack(world, migration);
    world.plan(step(world), 'live roll back', of, 'failed');
    return;
  }
  const { ramMb } = world.flavorOf(server);
  const usualMs = (ramMb / world.state.pace.mbPerSecond) * 1000;
  const ms = typeof fault === 'number' ? fault * 1000 : usualMs;
  enter(world, migration, 'running');
  migration.copy = { since: world.now, ms: fault === 'stuck' ? null : ms, bytes: ramMb * 1024 * 1024 };
  if (fault === 'fail') world.plan(ms / 2, 'live fail', of);
  else if (fault !== 'stuck') world.plan(ms, 'live arrive', of);
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
  world.plan(2 * step(world), 'live finish', of);
}

function finish(world: World, { of }: Event): void {
  const migration = world.migration(of);
  world.unbook(of);
  enter(world, migration, 'completed');
  wakeNext(world, migration.from);
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
    server.updatedAt = world.now;
  }
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

function faultOf(world: World, { id, metadata }: Server): MigrationFault | undefined {
  return world.state.faults.migrations[id] ?? faultInMetadata(metadata);
}

function step(world: World): number {
  return world.state.pace.stepMs;
}
