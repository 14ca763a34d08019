/** Everything that speaks against a hypervisor being empty. */
import type { Occupancy, Server } from '../../domain/fleet.ts';
import { isFinal } from '../../domain/migration.ts';
import { OpenStackError } from './error.ts';
import {
  listServerIdsOn,
  listServices,
  type Node,
  needNode,
  silentCell,
  silentHosts,
} from './hypervisors.ts';
import { listMigrations } from './migrations.ts';
import { findProvider, listAllocations } from './placement.ts';
import { listServersOn, listUnknownServers } from './servers.ts';
import type { Session } from './session.ts';

type Found = Pick<Occupancy, 'servers' | 'allocations' | 'migrations'>;

/**
 * While a cell is silent Nova's lists leave out what is in it and answer 200, so that is asked first.
 * The occupancy then has the rows of status UNKNOWN; when Nova hides even those, this throws a
 * retryable OpenStackError.
 */
export async function readOccupancy(session: Session, hypervisor: string): Promise<Occupancy> {
  const from = new Date().toISOString();
  const silent = silentHosts(await listServices(session));
  const found =
    silent.length > 0
      ? await readThroughSilence(session, hypervisor, silent)
      : await readAnswering(session, await needNode(session, hypervisor));
  return { hypervisor, from, to: new Date().toISOString(), ...found };
}

async function readAnswering(session: Session, node: Node): Promise<Found> {
  const [ids, listed, migrations, allocations] = await Promise.all([
    listServerIdsOn(session, node),
    listServersOn(session, node.serviceHost),
    listMigrations(session, { host: node.serviceHost }),
    readAllocations(session, node.name),
  ]);
  return {
    servers: withUnlisted(listed, ids, node.name),
    allocations,
    migrations: migrations.filter((migration) => !isFinal(migration)),
  };
}

/** Of a silent cell only what lies outside of it can be told: the servers' ids and Placement's books. */
async function readThroughSilence(
  session: Session,
  hypervisor: string,
  silent: readonly string[],
): Promise<Found> {
  const [servers, allocations] = await Promise.all([
    listUnknownServers(session),
    readAllocations(session, hypervisor),
  ]);
  // Nova drops these rows when others fill its first page.
  if (servers.length === 0) throw silentCell(silent);
  return { servers: servers.map(brief), allocations, migrations: [] };
}

/** What the cell itself says is there counts, also when the list of all cells (which may skip one) lacks it. */
function withUnlisted(
  listed: readonly Server[],
  ids: readonly string[],
  hypervisor: string,
): Found['servers'] {
  const known = new Set(listed.map((server) => server.id));
  const unlisted = ids.filter((id) => !known.has(id));
  return [...listed.map(brief), ...unlisted.map((id) => ({ id, name: '', status: 'UNKNOWN', hypervisor }))];
}

function brief({ id, name, status, task, hypervisor }: Server): Found['servers'][number] {
  return { id, name, status, ...(task !== undefined && { task }), hypervisor };
}

async function readAllocations(session: Session, hypervisor: string): Promise<Occupancy['allocations']> {
  const root = await findProvider(session, hypervisor);
  // No books are not the same as empty ones.
  if (root === undefined)
    throw new OpenStackError(
      `Placement has no resource provider ${hypervisor}, so its books cannot be read`,
      {
        retryable: false,
      },
    );
  return listAllocations(session, root);
}
