/** Nova's servers: lists that may lie, single ones, new ones, and what one can have done to them. */
import { beginColdMigration, confirm, revert, unconfirmed } from './cold-migration.ts';
import { type Fields, isFields, type Reply, type Route } from './http.ts';
import { beginLiveMigration } from './live-migration.ts';
import { askCells, type Call, crashed, needAdmin, needCells, page, refused } from './nova-call.ts';
import { briefServer, serverLinks, unknownServer, wholeServer, wholeUnknownServer } from './nova-rows.ts';
import { createServer, deleteServer, startServer, stopServer } from './servers.ts';
import type { Server } from './state.ts';
import type { World } from './world.ts';

/** Filters that the twin knows; Nova ignores those that it does not know. */
const FILTERS = new Set(['all_tenants', 'host', 'project_id', 'name', 'status', 'limit', 'marker']);

export function serverRoutes(world: World, as: (answer: NovaAnswer) => Route[2]): Route[] {
  return [
    ['GET', /^\/servers\/detail$/, as((call) => listServers(world, call))],
    ['GET', /^\/servers$/, as((call) => listServers(world, call))],
    ['POST', /^\/servers$/, as((call) => create(world, call))],
    ['GET', /^\/servers\/([^/]+)$/, as((call, id) => show(world, call, id))],
    ['DELETE', /^\/servers\/([^/]+)$/, as((call, id) => remove(world, call, id))],
    ['POST', /^\/servers\/([^/]+)\/metadata$/, as((call, id) => setMetadata(world, call, id))],
    ['POST', /^\/servers\/([^/]+)\/action$/, as((call, id) => act(world, call, id))],
  ];
}

export type NovaAnswer = (call: Call, ...caught: string[]) => Reply | Promise<Reply>;

async function listServers(world: World, call: Call): Promise<Reply> {
  const { query, minor, path, token } = call;
  const unknown = [...query.keys()].find((key) => !FILTERS.has(key));
  if (unknown !== undefined) throw refused(501, `The simulated cloud does not know the filter ${unknown}.`);
  const isDetail = path.endsWith('/detail');
  const all = isTrue(query.get('all_tenants'));
  if (all) needAdmin(call, `servers:${isDetail ? 'detail' : 'index'}:get_all_tenants`);

  const { down, refused: isRefused } = await askCells(world);
  if (isRefused) throw crashed('TypeError');
  const mine = Object.values(world.state.servers)
    .filter((server) => all || server.projectId === token.project.id)
    .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const isSeen = (server: Server) => !down.has(world.cellOf(server) ?? '');
  const rows = mine.filter((server) => isSeen(server) && passes(query, server));
  // A filter, a limit or a marker hides the servers of silent cells.
  const isWhole = [...query.keys()].every((key) => key === 'all_tenants');
  const hidden = isWhole && minor >= 69 ? mine.filter((server) => !isSeen(server)) : [];
  const most = world.state.rowsPerPage;
  return page(
    call,
    {
      key: 'servers',
      rows: [...rows, ...hidden.slice(0, Math.max(0, most - rows.length))],
      markerOf: ({ id }) => id,
      unknownMarker: (marker) => `marker [${marker}] not found`,
    },
    {
      most,
      show: (server) => {
        if (isSeen(server)) return isDetail ? wholeServer(world, call, server) : briefServer(call, server);
        return isDetail
          ? unknownServer(call, server)
          : { id: server.id, status: 'UNKNOWN', links: serverLinks(call, server) };
      },
    },
  );
}

function passes(query: URLSearchParams, server: Server): boolean {
  const host = query.get('host');
  const project = query.get('project_id');
  const name = query.get('name');
  const status = query.get('status');
  return (
    (host === null || server.host === host) &&
    (project === null || server.projectId === project) &&
    (name === null || new RegExp(name).test(server.name)) &&
    (status === null ||
      (status.toUpperCase() === 'ACTIVE' ? server.vmState === 'active' : server.vmState === status))
  );
}

/** The server, seen by whoever may see it. */
function need(world: World, { token }: Call, id: string): Server {
  const server = world.server(id);
  const isTheirs = token.user.role === 'admin' || server?.projectId === token.project.id;
  if (server === undefined || !isTheirs) throw refused(404, `Instance ${id} could not be found.`);
  return server;
}

async function show(world: World, call: Call, id: string): Promise<Reply> {
  const server = need(world, call, id);
  const cell = world.cellOf(server) ?? '';
  const fault = world.state.faults.cells[cell];
  if (fault === 'silent') await world.sleep(world.state.pace.cellMs);
  if (fault !== undefined && call.minor < 69) throw crashed('nova.exception.NovaException');
  const row =
    fault === undefined ? wholeServer(world, call, server) : wholeUnknownServer(world, call, server);
  return { status: 200, body: { server: row } };
}

/** Nova looks the server up in its cell before it does anything to it. */
export async function reachServer(world: World, call: Call, id: string): Promise<Server> {
  const server = need(world, call, id);
  const fault = world.state.faults.cells[world.cellOf(server) ?? ''];
  if (fault === 'silent') await world.sleep(world.state.pace.cellMs);
  if (fault !== undefined) throw crashed('nova.exception.NovaException');
  return server;
}

function create(world: World, { body, token, url }: Call): Reply {
  const wish = fieldsIn(body, 'server');
  const name = text(wish, 'name');
  const flavor = text(wish, 'flavorRef') ?? '';
  const host = text(wish, 'host');
  const hint = isFields(body['os:scheduler_hints']) ? text(body['os:scheduler_hints'], 'group') : undefined;
  const metadata = isFields(wish['metadata']) ? wish['metadata'] : {};
  if (name === undefined)
    throw refused(400, "Invalid input for field/attribute server. 'name' is a required property");
  if (world.findFlavor(flavor) === undefined) throw refused(400, `Flavor ${flavor} could not be found.`);
  if (host !== undefined && world.state.hypervisors[host] === undefined) {
    throw refused(400, `Compute host ${host} could not be found.`);
  }
  const zone = text(wish, 'availability_zone');
  const server = createServer(
    world,
    {
      name,
      projectId: token.project.id,
      userId: token.user.id,
      flavor,
      metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)])),
      ...(hint !== undefined && { group: hint }),
      ...(zone !== undefined && { zone }),
    },
    host ?? null,
  );
  const links = [{ rel: 'self', href: `${url}/v2.1/servers/${server.id}` }];
  return {
    status: 202,
    body: { server: { id: server.id, links, 'OS-DCF:diskConfig': 'MANUAL', adminPass: 'twin' } },
  };
}

async function remove(world: World, call: Call, id: string): Promise<Reply> {
  deleteServer(world, await reachServer(world, call, id));
  return { status: 204 };
}

async function setMetadata(world: World, call: Call, id: string): Promise<Reply> {
  const server = await reachServer(world, call, id);
  for (const [key, value] of Object.entries(fieldsIn(call.body, 'metadata')))
    server.metadata[key] = String(value);
  world.changed();
  return { status: 200, body: { metadata: server.metadata } };
}

interface Asked {
  readonly world: World;
  readonly call: Call;
  readonly server: Server;
  readonly details: Fields;
}

const ACTIONS: Readonly<Record<string, (asked: Asked) => Reply>> = {
  'os-migrateLive': liveMigrate,
  migrate: coldMigrate,
  confirmResize: ({ world, server }) => {
    const migration = needResized(world, server, 'confirmResize');
    confirm(world, migration);
    return { status: 204 };
  },
  revertResize: ({ world, server }) => {
    revert(world, server, needResized(world, server, 'revertResize'));
    return { status: 202 };
  },
  'os-stop': ({ world, server }) => {
    needState(server, 'stop', ['active', 'error']);
    stopServer(world, server);
    return { status: 202 };
  },
  'os-start': ({ world, server }) => {
    needState(server, 'start', ['stopped']);
    startServer(world, server);
    return { status: 202 };
  },
  lock: ({ world, server }) => setLock(world, server, { locked: true }),
  unlock: ({ world, server }) => setLock(world, server, { locked: false }),
};

/** Nova's that the twin does not have; of others Nova itself says that there are none. */
const OTHERS = new Set(['evacuate', 'reboot', 'resize', 'rebuild', 'pause', 'suspend', 'shelve', 'rescue']);

async function act(world: World, call: Call, id: string): Promise<Reply> {
  const [[name, details] = ['', null]] = Object.entries(call.body);
  if (name === '') throw refused(400, 'Malformed request body');
  const action = ACTIONS[name];
  if (OTHERS.has(name)) throw refused(501, `The simulated cloud does not do ${name}.`);
  if (action === undefined) throw refused(400, `There is no such action: ${name}`);
  if (world.server(id) === undefined) throw refused(404, `Instance ${id} has no mapping to a cell.`);
  const server =
    name === 'os-migrateLive' || name === 'migrate'
      ? await reachServer(world, call, id)
      : need(world, call, id);
  await needCells(world, [world.cellOf(server) ?? '']);
  return action({ world, call, server, details: isFields(details) ? details : {} });
}

function liveMigrate({ world, call, server, details }: Asked): Reply {
  needAdmin(call, 'os-migrate-server:migrate_live');
  const { host } = details;
  if (details['block_migration'] === undefined) {
    throw refused(
      400,
      "Invalid input for field/attribute os-migrateLive. 'block_migration' is a required property",
    );
  }
  if (host === '') throw refused(400, "Invalid input for field/attribute host. Value: . '' is too short");
  needState(server, 'os-migrateLive', ['active']);
  needHost(world, host);
  beginLiveMigration(world, server, typeof host === 'string' ? host : null);
  return { status: 202 };
}

function coldMigrate({ world, call, server, details }: Asked): Reply {
  needAdmin(call, 'os-migrate-server:migrate');
  const { host } = details;
  needState(server, 'migrate', ['active', 'stopped']);
  needHost(world, host);
  if (host === server.host) throw refused(400, 'Cannot migrate to the host where the server exists.');
  beginColdMigration(world, server, typeof host === 'string' ? host : null);
  return { status: 202 };
}

function needHost(world: World, host: unknown): void {
  if (typeof host === 'string' && world.state.hypervisors[host] === undefined) {
    throw refused(400, `Compute host ${host} could not be found.`);
  }
}

function needResized(world: World, server: Server, action: string) {
  needState(server, action, ['resized']);
  const migration = unconfirmed(world, server);
  if (migration === undefined) throw refused(400, 'Instance has not been resized.');
  return migration;
}

/** A conflict when the server rests in another state, or when something is being done to it. */
function needState(
  { id, vmState, task }: Server,
  action: string,
  states: readonly Server['vmState'][],
): void {
  const cannot = `Cannot '${action}' instance ${id} while it is in`;
  if (!states.includes(vmState)) throw refused(409, `${cannot} vm_state ${vmState}`);
  if (task !== null) throw refused(409, `${cannot} task_state ${task}`);
}

function setLock(world: World, server: Server, { locked }: { locked: boolean }): Reply {
  server.locked = locked;
  world.changed();
  return { status: 202 };
}

function fieldsIn(fields: Fields, key: string): Fields {
  const value = fields[key];
  if (isFields(value)) return value;
  throw refused(400, `Invalid input for field/attribute ${key}. '${key}' is a required property`);
}

function text(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' ? value : undefined;
}

function isTrue(value: string | null): boolean {
  return /^(1|true|t|on|yes|y|)$/i.test(value ?? 'no');
}
