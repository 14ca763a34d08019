/** Nova's migrations: all of them, those of one server that are under way, and their end before its time. */
import type { Reply, Route } from './http.ts';
import { abortLiveMigration, forceCompletion } from './live-migration.ts';
import { askCells, type Call, crashed, needAdmin, page, refused, type SignedIn } from './nova-call.ts';
import { migrationRow, progressRow } from './nova-rows.ts';
import { reachServer } from './nova-servers.ts';
import type { Migration, MigrationStatus, Server } from './state.ts';
import type { World } from './world.ts';

const UNDER_WAY: readonly MigrationStatus[] = ['queued', 'preparing', 'running', 'post-migrating'];

export function migrationRoutes(world: World, as: SignedIn): Route[] {
  return [
    ['GET', /^\/os-migrations$/, as((call) => listMigrations(world, call))],
    ['GET', /^\/servers\/([^/]+)\/migrations$/, as((call, id) => listUnderWay(world, call, id))],
    ['GET', /^\/servers\/([^/]+)\/migrations\/(\d+)$/, as((call, ...ids) => showUnderWay(world, call, ids))],
    ['DELETE', /^\/servers\/([^/]+)\/migrations\/(\d+)$/, as((call, ...ids) => abort(world, call, ids))],
    [
      'POST',
      /^\/servers\/([^/]+)\/migrations\/(\d+)\/action$/,
      as((call, ...ids) => force(world, call, ids)),
    ],
  ];
}

/** Newest first. Those of deleted servers are gone with them. */
async function listMigrations(world: World, call: Call): Promise<Reply> {
  needAdmin(call, 'os-migrations:index');
  const { query } = call;
  const { down, refused: isRefused } = await askCells(world);
  if (isRefused) throw crashed('TypeError');
  const asked = (key: string, value: string | null) => query.get(key) === null || query.get(key) === value;
  const instance = query.get('instance_uuid');
  const all = instance === null ? world.state.migrations : world.migrationsOf(instance);
  const rows = all.filter(
    (migration) =>
      world.server(migration.server) !== undefined &&
      !down.has(world.hypervisor(migration.from).cell) &&
      asked('status', migration.status) &&
      asked('migration_type', migration.kind) &&
      (asked('host', migration.from) || asked('host', migration.to)) &&
      asked('source_compute', migration.from),
  );
  return page(
    call,
    {
      key: 'migrations',
      rows: rows.toSorted((a, b) => b.createdAt - a.createdAt || b.number - a.number),
      markerOf: ({ uuid }) => uuid,
      unknownMarker: (marker) => `Marker ${marker} could not be found.`,
    },
    { most: world.state.rowsPerPage, show: (migration) => migrationRow(world, migration) },
  );
}

async function listUnderWay(world: World, call: Call, id: string): Promise<Reply> {
  needAdmin(call, 'servers:migrations:index');
  await reachServer(world, call, id);
  const rows = ofServer(world, id).filter(isUnderWay);
  return { status: 200, body: { migrations: rows.map((migration) => progressRow(world, migration)) } };
}

async function showUnderWay(world: World, call: Call, [id = '', number = '']: string[]): Promise<Reply> {
  needAdmin(call, 'servers:migrations:show');
  await reachServer(world, call, id);
  const migration = find(world, id, number);
  if (migration === undefined)
    throw refused(404, `In-progress live migration ${number} is not found for server ${id}.`);
  if (!isUnderWay(migration))
    throw refused(404, `Live migration ${number} for server ${id} is not in progress.`);
  return { status: 200, body: { migration: progressRow(world, migration) } };
}

async function abort(world: World, call: Call, [id = '', number = '']: string[]): Promise<Reply> {
  needAdmin(call, 'servers:migrations:delete');
  const server = await reachServer(world, call, id);
  needMigrating(server, 'abort live migration');
  const migration = need(world, id, number);
  needStatus(migration, 'abort live migration', ['queued', 'preparing', 'running']);
  if (!migration.aborting) abortLiveMigration(world, migration);
  return { status: 202 };
}

async function force(world: World, call: Call, [id = '', number = '']: string[]): Promise<Reply> {
  needAdmin(call, 'servers:migrations:force_complete');
  const server = await reachServer(world, call, id);
  needMigrating(server, 'force_complete');
  const migration = need(world, id, number);
  needStatus(migration, 'force complete', ['running']);
  forceCompletion(world, migration);
  return { status: 202 };
}

function needMigrating({ id, task }: Server, action: string): void {
  if (task !== 'migrating') throw refused(409, `Instance ${id} is in an invalid state for '${action}'`);
}

function need(world: World, id: string, number: string): Migration {
  const migration = find(world, id, number);
  if (migration !== undefined) return migration;
  throw refused(404, `Migration ${number} not found for instance ${id}`);
}

function needStatus(
  { number, server, status }: Migration,
  action: string,
  may: readonly MigrationStatus[],
): void {
  if (may.includes(status)) return;
  const state = `Migration ${number} state of instance ${server} is ${status}.`;
  throw refused(400, `${state} Cannot ${action} while the migration is in this state.`);
}

function ofServer(world: World, id: string): Migration[] {
  return world.migrationsOf(id).filter(({ kind }) => kind === 'live-migration');
}

function find(world: World, id: string, number: string): Migration | undefined {
  return ofServer(world, id).find((migration) => migration.number === Number(number));
}

function isUnderWay({ status }: Migration): boolean {
  return UNDER_WAY.includes(status);
}
