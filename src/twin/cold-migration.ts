/** Cold migrations, which hold both ends until the owner confirms or reverts them. */
import { chooseHost, sizesOf } from './placing.ts';
import { drawUuid } from './random.ts';
import type { Event, Migration, Server } from './state.ts';
import type { Handlers, World } from './world.ts';

export function beginColdMigration(world: World, server: Server, wanted: string | null): void {
  server.task = 'resize_prep';
  server.updatedAt = world.now;
  world.plan(step(world), 'cold begin', server.id, wanted ?? undefined);
}

/** Undefined when no cold migration of the server awaits its owner's word. */
export function unconfirmed(world: World, { id }: Server): Migration | undefined {
  return world.migrationsOf(id).findLast(({ kind, status }) => kind === 'migration' && status === 'finished');
}

export function confirm(world: World, migration: Migration): void {
  enter(world, migration, 'confirming');
  world.plan(5 * step(world), 'cold confirm', migration.uuid);
}

export function revert(world: World, server: Server, migration: Migration): void {
  server.task = 'resize_reverting';
  enter(world, migration, 'reverting');
  world.plan(2 * step(world), 'cold revert', migration.uuid);
}

export const coldHandlers = {
  'cold begin': begin,
  'cold place': place,
  'cold refuse': (world, { of }) => {
    const { migration, server } = both(world, of);
    if (server === undefined) return;
    world.unbook(of);
    world.book(server.id, { host: migration.from, ...sizesOf(world.flavorOf(server)) });
    server.task = null;
    enter(world, migration, 'error');
  },
  'cold leave': (world, { of }) => {
    const { migration, server } = both(world, of);
    if (server === undefined) return;
    server.task = 'resize_migrating';
    enter(world, migration, 'migrating');
    world.plan(step(world), 'cold arrive', of);
  },
  'cold arrive': (world, { of }) => {
    const { migration, server } = both(world, of);
    if (server === undefined) return;
    server.task = 'resize_migrated';
    if (migration.to !== null) {
      world.list(server, migration.to);
      const [from, to] = [world.nameOf(migration.from), world.nameOf(migration.to)];
      world.tell({ what: 'moved', server: server.id, from, to });
    }
    enter(world, migration, 'post-migrating');
    world.plan(step(world), 'cold finish', of);
  },
  'cold finish': (world, { of }) => {
    const { migration, server } = both(world, of);
    if (server === undefined) return;
    if (migration.to !== null) world.run(server, { host: migration.to, running: !migration.stopped });
    settle(world, server, 'resized');
    enter(world, migration, 'finished');
  },
  'cold confirm': (world, { of }) => {
    enter(world, world.migration(of), 'confirmed');
    world.plan(2 * step(world), 'cold confirmed', of);
  },
  'cold confirmed': (world, { of }) => {
    const { migration, server } = both(world, of);
    world.unbook(of);
    if (server !== undefined) settle(world, server, migration.stopped ? 'stopped' : 'active');
  },
  'cold revert': (world, { of }) => {
    const { migration, server } = both(world, of);
    enter(world, migration, 'reverted');
    if (server !== undefined) world.list(server, migration.from);
    world.plan(2 * step(world), 'cold reverted', of);
  },
  'cold reverted': (world, { of }) => {
    const { migration, server } = both(world, of);
    if (server === undefined) return;
    world.unbook(of);
    world.book(server.id, { host: migration.from, ...sizesOf(world.flavorOf(server)) });
    world.run(server, { host: migration.from, running: !migration.stopped });
    settle(world, server, migration.stopped ? 'stopped' : 'active');
  },
} satisfies Partial<Handlers>;

function begin(world: World, { of, with: wanted }: Event): void {
  const server = world.server(of);
  if (server === undefined || server.host === null) return;
  const migration: Migration = {
    number: world.nextNumber(),
    uuid: drawUuid(world.state),
    server: of,
    kind: 'migration',
    status: 'pre-migrating',
    from: server.host,
    to: null,
    sourceNodeKnown: true,
    wanted: wanted ?? null,
    stopped: server.vmState === 'stopped',
    createdAt: world.now,
    updatedAt: world.now,
    copy: null,
    aborting: false,
    failures: [],
  };
  world.begin(migration);
  const from = world.nameOf(server.host);
  world.tell({ what: 'migration began', server: of, from, kind: 'migration' });
  world.unbook(of);
  world.book(migration.uuid, { host: server.host, ...sizesOf(world.flavorOf(server)) });
  world.plan(step(world), 'cold place', migration.uuid);
}

function place(world: World, { of }: Event): void {
  const { migration, server } = both(world, of);
  if (server === undefined) return;
  const to = chooseHost(world, server, { wanted: migration.wanted });
  if (to === undefined) {
    world.plan(step(world), 'cold refuse', of);
    return;
  }
  world.book(server.id, { host: to, ...sizesOf(world.flavorOf(server)) });
  migration.to = to;
  world.plan(step(world), 'cold leave', of);
}

function both(world: World, uuid: string): { migration: Migration; server: Server | undefined } {
  const migration = world.migration(uuid);
  return { migration, server: world.server(migration.server) };
}

function settle(world: World, server: Server, vmState: Server['vmState']): void {
  server.vmState = vmState;
  server.task = null;
  server.power = server.domain?.running === true ? 1 : 4;
  server.updatedAt = world.now;
}

function enter(world: World, migration: Migration, status: Migration['status']): void {
  migration.status = status;
  migration.updatedAt = world.now;
  world.changed();
}

function step(world: World): number {
  return world.state.pace.stepMs;
}
