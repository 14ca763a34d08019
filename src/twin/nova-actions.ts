/** What Nova can be asked to do to a server: move it, stop it, start it, lock it. */
import { beginColdMigration, confirm, revert, unconfirmed } from './cold-migration.ts';
import { type Fields, isFields, type Reply, type Route } from './http.ts';
import { beginLiveMigration } from './live-migration.ts';
import { type Call, needAdmin, needCells, refused, type SignedIn } from './nova-call.ts';
import { noteAction } from './nova-instance-actions.ts';
import { needServer, reachServer } from './nova-servers.ts';
import { startServer, stopServer } from './servers.ts';
import type { Migration, Server } from './state.ts';
import type { World } from './world.ts';

export function actionRoutes(world: World, as: SignedIn): Route[] {
  return [['POST', /^\/servers\/([^/]+)\/action$/, as((call, id) => act(world, call, id))]];
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
  'os-resetState': resetState,
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
      : needServer(world, call, id);
  await needCells(world, [world.cellOf(server) ?? '']);
  const reply = action({ world, call, server, details: isFields(details) ? details : {} });
  const noted = NOTED[name];
  if (noted !== undefined) noteAction(world, call, server, noted);
  return reply;
}

/** What Nova notes under a name of its own, migrations aside. */
const NOTED: Readonly<Record<string, string>> = {
  'os-stop': 'stop',
  'os-start': 'start',
  confirmResize: 'confirmResize',
  revertResize: 'revertResize',
  lock: 'lock',
  unlock: 'unlock',
};

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
  needState(server, 'os-migrateLive', ['active', 'paused']);
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

/** The record alone is changed, whatever the guest does. */
function resetState({ world, call, server, details }: Asked): Reply {
  needAdmin(call, 'os-admin-actions:reset_state');
  const { state } = details;
  if (state !== 'active' && state !== 'error') {
    throw refused(
      400,
      `Invalid input for field/attribute state. Value: ${String(state)}. '${String(state)}' is not one of ['active', 'error']`,
    );
  }
  server.vmState = state;
  server.task = null;
  world.changed();
  return { status: 202 };
}

function needHost(world: World, host: unknown): void {
  if (typeof host === 'string' && world.state.hypervisors[host] === undefined) {
    throw refused(400, `Compute host ${host} could not be found.`);
  }
}

function needResized(world: World, server: Server, action: string): Migration {
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
