/** Nova's servers: all, those on one host, one; and the request to live-migrate one. */
import { z } from 'zod';
import type { NewServer, Server } from '../../domain/fleet.ts';
import { unlessGone } from './error.ts';
import { readPages } from './pages.ts';
import { Flavor, pinnedBy, sizeOf } from './server-size.ts';
import type { Call, Session } from './session.ts';

const HYPERVISOR = 'OS-EXT-SRV-ATTR:hypervisor_hostname';

/** Of a server whose cell is silent, Nova knows little more than the id. */
const Row = z
  .object({
    id: z.string(),
    name: z.string().default(''),
    tenant_id: z.string().default(''),
    user_id: z.string().default(''),
    status: z.string(),
    'OS-EXT-STS:task_state': z.string().nullish(),
    [HYPERVISOR]: z.string().nullish(),
    flavor: Flavor.optional(),
    /** Null: none. Nova tells it from 2.96 on. */
    pinned_availability_zone: z.string().nullish(),
    /** `""`: it boots from a volume. */
    image: z.union([z.literal(''), z.object({ id: z.string() })]).optional(),
    locked: z.boolean().default(false),
    metadata: z.record(z.string(), z.string()).default({}),
    tags: z.array(z.string()).default([]),
    /** By network. */
    addresses: z.record(z.string(), z.array(z.object({ addr: z.string() }))).default({}),
    created: z.string().default(''),
    /** Of a server in ERROR. */
    fault: z.object({ message: z.string().default('') }).optional(),
  })
  // Without this attribute every hypervisor would look empty.
  .refine((row) => row[HYPERVISOR] !== undefined || row.status === 'UNKNOWN', {
    path: [HYPERVISOR],
    message: 'is missing; these credentials may not see where servers are (that takes the admin role)',
  });

function toServer(row: z.infer<typeof Row>): Server {
  const pinned = row.flavor && pinnedBy(row.flavor);
  const task = row['OS-EXT-STS:task_state'];
  const addresses = Object.values(row.addresses).flatMap((ports) => ports.map(({ addr }) => addr));
  return {
    id: row.id,
    name: row.name,
    projectId: row.tenant_id,
    userId: row.user_id,
    hypervisor: row[HYPERVISOR] ?? '',
    status: row.status,
    ...(task && { task }),
    size: row.flavor ? sizeOf(row.flavor, row.image === '') : { vcpus: 0, ramMb: 0, diskGb: 0 },
    ...(pinned !== undefined && { pinned }),
    ...(row.pinned_availability_zone !== undefined && { zone: row.pinned_availability_zone }),
    locked: row.locked,
    metadata: row.metadata,
    ...(row.tags.length > 0 && { tags: row.tags }),
    ...(addresses.length > 0 && { addresses }),
    ...(row.image && { image: row.image.id }),
    createdAt: row.created,
    ...(row.fault?.message && { fault: row.fault.message.trim() }),
  };
}

const everyServer: Call = {
  service: 'compute',
  method: 'GET',
  path: '/servers/detail',
  query: { all_tenants: '1' },
  everyCell: true,
  aboutServers: true,
};

/**
 * Every server of the cloud. Those of a silent cell are rows of status UNKNOWN, as far as they fit
 * on Nova's first page beside the others: ask `silentHosts` before concluding from their absence.
 */
export async function listServers(session: Session): Promise<Server[]> {
  const rows = await readPages(session, everyServer, { key: 'servers', row: Row });
  // A server that was created while the pages were read shifts them, so that a row may come twice.
  return [...new Map(rows.map((row) => [row.id, toServer(row)])).values()];
}

/** The servers on a compute service's host, as Nova lists them: none, too, when its cell is silent. */
export async function listServersOn(session: Session, serviceHost: string): Promise<Server[]> {
  const call = { ...everyServer, query: { ...everyServer.query, host: serviceHost } };
  return (await readPages(session, call, { key: 'servers', row: Row })).map(toServer);
}

/** The servers in ERROR; none of a silent cell is among them. */
export async function listErrorServers(session: Session): Promise<Server[]> {
  const call = { ...everyServer, query: { ...everyServer.query, status: 'ERROR' } };
  return (await readPages(session, call, { key: 'servers', row: Row })).map(toServer);
}

/** Rows of status UNKNOWN: the servers of silent cells. */
export async function listUnknownServers(session: Session): Promise<Server[]> {
  const { servers } = await session(everyServer, z.object({ servers: z.array(Row) }));
  return servers.filter((row) => row.status === 'UNKNOWN').map(toServer);
}

/** Undefined when Nova has no such server (any more). */
export async function readServer(session: Session, id: string): Promise<Server | undefined> {
  const call: Call = { ...everyServer, path: `/servers/${id}`, query: {} };
  const answer = await unlessGone(session(call, z.object({ server: Row })));
  return answer && toServer(answer.server);
}

/** In every project, of just this name. */
export async function listServersNamed(session: Session, name: string): Promise<Server[]> {
  // Nova takes the name for a regular expression of the database's, which knows less than ours.
  const query = { ...everyServer.query, name: `^${name.replaceAll(/[^\w ~-]/g, '.')}$` };
  const rows = await readPages(session, { ...everyServer, query }, { key: 'servers', row: Row });
  return rows.map(toServer).filter((server) => server.name === name);
}

/** On the node of that service host, which Nova takes from 2.74 on. Answers the server's id. */
export async function requestServer(
  session: Session,
  { name, hypervisor, flavor, image, network }: NewServer,
  serviceHost: string,
): Promise<string> {
  const server = {
    name,
    flavorRef: flavor,
    imageRef: image,
    networks: network === undefined ? 'none' : [{ uuid: network }],
    host: serviceHost,
    hypervisor_hostname: hypervisor,
  };
  const call: Call = { service: 'compute', method: 'POST', path: '/servers', body: { server } };
  return (await session(call, z.object({ server: z.object({ id: z.string() }) }))).server.id;
}

export async function requestDeletion(session: Session, id: string): Promise<void> {
  await unlessGone(session({ service: 'compute', method: 'DELETE', path: `/servers/${id}` }, z.unknown()));
}

/** `serviceHost` null: the scheduler chooses. Whether disks are copied is for Nova to find out. */
export async function requestLiveMigration(
  session: Session,
  id: string,
  serviceHost: string | null,
): Promise<void> {
  const body = { 'os-migrateLive': { host: serviceHost, block_migration: 'auto' } };
  await session({ service: 'compute', method: 'POST', path: `/servers/${id}/action`, body }, z.unknown());
}
