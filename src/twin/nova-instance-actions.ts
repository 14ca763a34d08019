/** What Nova notes of the migrations that were asked for of a server, and of what went wrong with them. */
import type { Reply, Route } from './http.ts';
import { type Call, novaTime, refused, type SignedIn } from './nova-call.ts';
import { reachServer } from './nova-servers.ts';
import { drawUuid } from './random.ts';
import type { Action, Migration, Server } from './state.ts';
import type { World } from './world.ts';

export function instanceActionRoutes(world: World, as: SignedIn): Route[] {
  return [
    ['GET', /^\/servers\/([^/]+)\/os-instance-actions$/, as((call, id) => listActions(world, call, id))],
    [
      'GET',
      /^\/servers\/([^/]+)\/os-instance-actions\/([^/]+)$/,
      as((call, ...ids) => showAction(world, call, ids)),
    ],
  ];
}

/** Notes that something was asked of a server which is no migration: those have records of their own. */
export function noteAction(world: World, { token }: Call, { id }: Server, action: string): void {
  const { state } = world;
  const [user, project] = [token.user.id, token.project.id];
  const request = `req-${drawUuid(state)}`;
  state.actions?.push({ server: id, action, request, user, project, at: world.now });
}

/** Newest first. */
async function listActions(world: World, call: Call, id: string): Promise<Reply> {
  await reachServer(world, call, id);
  const rows = [
    ...migrationsOf(world, id).map((migration) => ({
      at: migration.createdAt,
      row: actionRow(call, migration),
    })),
    ...actionsOf(world, id).map((action) => ({ at: action.at, row: plainRow(action) })),
  ];
  const newestFirst = rows.toSorted((a, b) => b.at - a.at).map(({ row }) => row);
  return { status: 200, body: { instanceActions: newestFirst } };
}

async function showAction(world: World, call: Call, [id = '', request = '']: string[]): Promise<Reply> {
  await reachServer(world, call, id);
  const plain = actionsOf(world, id).find((each) => each.request === request);
  if (plain !== undefined)
    return { status: 200, body: { instanceAction: { ...plainRow(plain), events: [] } } };
  const migration = migrationsOf(world, id).find((each) => requestOf(each) === request);
  if (migration === undefined)
    throw refused(404, `Action for request_id ${request} on instance ${id} not found`);
  const events = migration.failures.map((failure) => ({
    event: failure.event,
    start_time: novaTime(migration.createdAt),
    finish_time: novaTime(migration.updatedAt),
    result: 'Error',
    traceback: `  File "/usr/lib/python3/dist-packages/nova/${failure.event}"\n    raise result\n`,
    host: failure.host,
    hostId: '',
    ...(call.minor >= 84 ? { details: failure.details } : {}),
  }));
  return { status: 200, body: { instanceAction: { ...actionRow(call, migration), events } } };
}

function actionRow({ token }: Call, migration: Migration): object {
  return {
    action: migration.kind === 'migration' ? 'migrate' : migration.kind,
    instance_uuid: migration.server,
    request_id: requestOf(migration),
    user_id: token.user.id,
    project_id: token.project.id,
    start_time: novaTime(migration.createdAt),
    message: migration.failures.length === 0 ? null : 'Error',
    updated_at: novaTime(migration.updatedAt),
  };
}

function plainRow({ action, server, request, user, project, at }: Action): object {
  return {
    action,
    instance_uuid: server,
    request_id: request,
    user_id: user,
    project_id: project,
    start_time: novaTime(at),
    message: null,
    updated_at: novaTime(at),
  };
}

function actionsOf({ state }: World, id: string): Action[] {
  return (state.actions ?? []).filter(({ server }) => server === id).toReversed();
}

function requestOf({ uuid }: Migration): string {
  return `req-${uuid}`;
}

function migrationsOf(world: World, id: string): Migration[] {
  return world.migrationsOf(id).toReversed();
}
