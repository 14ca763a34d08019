/** Nova's servers: lists that may lie, single ones, and new ones. */
import { type Fields, isFields, type Reply, type Route } from './http.ts';
import { askCells, type Call, crashed, needAdmin, page, refused, type SignedIn } from './nova-call.ts';
import {
  briefServer,
  serverLinks,
  statusOf,
  unknownServer,
  wholeServer,
  wholeUnknownServer,
} from './nova-rows.ts';
import { createServer, deleteServer } from './servers.ts';
import type { Server } from './state.ts';
import { byNewest, type World } from './world.ts';

/** Filters that the twin knows; Nova ignores those that it does not know. */
const SIEVES = new Set(['host', 'project_id', 'name', 'status']);
const FILTERS = new Set(['all_tenants', ...SIEVES, 'limit', 'marker']);

export function serverRoutes(world: World, as: SignedIn): Route[] {
  return [
    ['GET', /^\/servers\/detail$/, as((call) => listServers(world, call))],
    ['GET', /^\/servers$/, as((call) => listServers(world, call))],
    ['POST', /^\/servers$/, as((call) => create(world, call))],
    ['GET', /^\/servers\/([^/]+)$/, as((call, id) => show(world, call, id))],
    ['DELETE', /^\/servers\/([^/]+)$/, as((call, id) => remove(world, call, id))],
    ['POST', /^\/servers\/([^/]+)\/metadata$/, as((call, id) => setMetadata(world, call, id))],
    ['PUT', /^\/servers\/([^/]+)\/tags$/, as((call, id) => setTags(world, call, id))],
  ];
}

async function listServers(world: World, call: Call): Promise<Reply> {
  const { query, minor, path, token } = call;
  const unknown = [...query.keys()].find((key) => !FILTERS.has(key));
  if (unknown !== undefined) throw refused(501, `The simulated cloud does not know the filter ${unknown}.`);
  const isDetail = path.endsWith('/detail');
  const all = isTrue(query.get('all_tenants'));
  if (all) needAdmin(call, `servers:${isDetail ? 'detail' : 'index'}:get_all_tenants`);

  const { down, refused: isRefused } = await askCells(world);
  if (isRefused) throw crashed('TypeError');
  const host = query.get('host');
  const there = host === null ? world.newestFirst() : world.listedOn(host).toSorted(byNewest);
  const mine = all ? there : there.filter((server) => server.projectId === token.project.id);
  const isSeen = (server: Server) => down.size === 0 || !down.has(world.cellOf(server) ?? '');
  const isPlain = down.size === 0 && [...query.keys()].every((key) => !SIEVES.has(key));
  const rows = isPlain ? mine : mine.filter((server) => isSeen(server) && passes(query, server));
  // A filter, a limit or a marker hides the servers of silent cells.
  const isWhole = [...query.keys()].every((key) => key === 'all_tenants');
  const hidden = isWhole && !isPlain && minor >= 69 ? mine.filter((server) => !isSeen(server)) : [];
  const most = world.state.rowsPerPage;
  return page(
    call,
    {
      key: 'servers',
      rows: hidden.length === 0 ? rows : [...rows, ...hidden.slice(0, Math.max(0, most - rows.length))],
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
    (status === null || statusOf(server) === status.toUpperCase())
  );
}

/** The server, for whoever may see it. */
export function needServer(world: World, { token }: Call, id: string): Server {
  const server = world.server(id);
  const isTheirs = token.user.role === 'admin' || server?.projectId === token.project.id;
  if (server === undefined || !isTheirs) throw refused(404, `Instance ${id} could not be found.`);
  return server;
}

async function show(world: World, call: Call, id: string): Promise<Reply> {
  const server = needServer(world, call, id);
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
  const server = needServer(world, call, id);
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

async function setTags(world: World, call: Call, id: string): Promise<Reply> {
  const server = await reachServer(world, call, id);
  const { tags } = call.body;
  if (!Array.isArray(tags))
    throw refused(400, "Invalid input for field/attribute tags. 'tags' is a required property");
  server.tags = tags.map(String);
  world.changed();
  return { status: 200, body: { tags: server.tags } };
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
  return /^(1|true|t|on|yes|y)?$/i.test(value ?? 'no');
}
