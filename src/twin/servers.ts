/** What happens to servers besides migrations: they are made, stopped, started and deleted. */
import { abandonMigrations } from './live-migration.ts';
import { chooseHost, sizesOf } from './placing.ts';
import { answers } from './power.ts';
import { drawUuid } from './random.ts';
import type { Event, Server } from './state.ts';
import type { Handlers, World } from './world.ts';

export type NewServer = Pick<
  Server,
  'name' | 'projectId' | 'userId' | 'flavor' | 'metadata' | 'zone' | 'group' | 'dirtyRatio' | 'localDisk'
>;

/** A server that nobody has placed yet. */
export function newServer(world: World, wish: NewServer): Server {
  const server: Server = {
    ...wish,
    id: drawUuid(world.state),
    number: world.nextNumber(),
    createdAt: world.now,
    updatedAt: world.now,
    launchedAt: null,
    host: null,
    vmState: 'building',
    task: 'scheduling',
    power: 0,
    locked: false,
    domain: null,
  };
  world.add(server);
  return server;
}

/** Puts a server on the host where it runs from now on. */
export function settleOn(world: World, server: Server, host: string): void {
  world.list(server, host);
  world.run(server, { host, running: true });
  server.vmState = 'active';
  server.task = null;
  server.power = 1;
  server.launchedAt = world.now;
  world.book(server.id, { host, ...sizesOf(world.flavorOf(server)) });
}

export function createServer(world: World, wish: NewServer, wanted: string | null): Server {
  const server = newServer(world, wish);
  world.plan(4 * world.state.pace.stepMs, 'server built', server.id, wanted ?? undefined);
  return server;
}

export function stopServer(world: World, server: Server): void {
  server.task = 'powering-off';
  world.plan(2 * world.state.pace.stepMs, 'server stopped', server.id);
}

export function startServer(world: World, server: Server): void {
  server.task = 'powering-on';
  world.plan(2 * world.state.pace.stepMs, 'server started', server.id);
}

export function deleteServer(world: World, server: Server): void {
  server.task = 'deleting';
  world.plan(2 * world.state.pace.stepMs, 'server deleted', server.id);
}

export const serverHandlers = {
  'server built': (world, { of, with: wanted }) => {
    const server = world.server(of);
    const host = server && chooseHost(world, server, { wanted: wanted ?? null });
    if (server === undefined) return;
    if (host !== undefined) {
      settleOn(world, server, host);
      return world.tell({ what: 'server came', server: of, hypervisor: world.nameOf(host) });
    }
    server.vmState = 'error';
    server.task = null;
  },
  'server stopped': (world, event) =>
    onceItsHostAnswers(world, event, (server) => setRunning(world, server, false)),
  'server started': (world, event) =>
    onceItsHostAnswers(world, event, (server) => setRunning(world, server, true)),
  'server deleted': (world, { of }) => vanish(world, of),
} satisfies Partial<Handlers>;

/** It is gone, and all that was under way for it. */
export function vanish(world: World, id: string): void {
  abandonMigrations(world, id);
  world.forget(id);
  const host = world.server(id)?.host;
  world.remove({ id });
  if (host != null) world.tell({ what: 'server went', server: id, hypervisor: world.nameOf(host) });
}

/** Nova's requests lie in a queue while a compute service is away. */
function onceItsHostAnswers(world: World, { what, of }: Event, act: (server: Server) => void): void {
  const server = world.server(of);
  if (server?.host == null) return;
  if (answers(world.hypervisor(server.host))) act(server);
  else world.plan(1000, what, of);
}

function setRunning(world: World, server: Server, running: boolean): void {
  if (server.host !== null) {
    const what = running ? 'guest started' : 'guest stopped';
    world.tell({ what, server: server.id, hypervisor: world.nameOf(server.host) });
  }
  if (server.domain !== null) server.domain.running = running;
  server.vmState = running ? 'active' : 'stopped';
  server.power = running ? 1 : 4;
  server.task = null;
  server.updatedAt = world.now;
}
