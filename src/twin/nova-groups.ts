/** Nova's aggregates of hosts, its groups of servers, and its flavors. */
import { isFields, type Reply, type Route } from './http.ts';
import { allCells, type Call, needAdmin, needCells, novaTime, refused, type SignedIn } from './nova-call.ts';
import { drawUuid } from './random.ts';
import type { Aggregate, Group } from './state.ts';
import type { World } from './world.ts';

export function groupRoutes(world: World, as: SignedIn): Route[] {
  return [
    ['GET', /^\/os-aggregates$/, as((call) => listAggregates(world, call))],
    ['GET', /^\/os-server-groups$/, as((call) => listGroups(world, call))],
    ['POST', /^\/os-server-groups$/, as((call) => createGroup(world, call))],
    ['DELETE', /^\/os-server-groups\/([^/]+)$/, as((call, id = '') => deleteGroup(world, call, id))],
    ['GET', /^\/flavors\/detail$/, as(() => listFlavors(world))],
  ];
}

function listAggregates(world: World, call: Call): Reply {
  needAdmin(call, 'os-aggregates:index');
  return { status: 200, body: { aggregates: world.state.aggregates.map(aggregateRow) } };
}

function aggregateRow({ number, uuid, name, zone, hosts, createdAt }: Aggregate): object {
  return {
    id: number,
    uuid,
    name,
    hosts,
    metadata: zone === null ? {} : { availability_zone: zone },
    created_at: novaTime(createdAt),
    updated_at: null,
    deleted_at: null,
    deleted: false,
    availability_zone: zone,
  };
}

/** Paged by offset, and nothing is said of a next page. */
async function listGroups(world: World, call: Call): Promise<Reply> {
  await needCells(world, allCells(world));
  const { query, token } = call;
  const all = query.has('all_projects') && token.user.role === 'admin';
  const offset = Number(query.get('offset') ?? 0);
  const limit = Math.min(Number(query.get('limit') ?? Infinity), world.state.rowsPerPage);
  const seen = world.state.groups.filter(({ projectId }) => all || projectId === token.project.id);
  const rows = seen.slice(offset, offset + limit).map((group) => groupRow(world, group));
  return { status: 200, body: { server_groups: rows } };
}

function createGroup(world: World, { body, token }: Call): Reply {
  const wish = isFields(body['server_group']) ? body['server_group'] : {};
  const { name, policy } = wish;
  const policies = ['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity'] as const;
  const chosen = policies.find((each) => each === policy);
  if (typeof name !== 'string' || chosen === undefined)
    throw refused(400, 'Invalid input for field/attribute server_group.');
  const group: Group = {
    id: drawUuid(world.state),
    name,
    policy: chosen,
    projectId: token.project.id,
    userId: token.user.id,
  };
  world.state.groups.push(group);
  world.changed();
  return { status: 200, body: { server_group: groupRow(world, group) } };
}

function deleteGroup(world: World, { token }: Call, id: string): Reply {
  const { groups } = world.state;
  const place = groups.findIndex((group) => group.id === id);
  const isTheirs = token.user.role === 'admin' || groups[place]?.projectId === token.project.id;
  if (place === -1 || !isTheirs) throw refused(404, `Instance group ${id} could not be found.`);
  groups.splice(place, 1);
  world.changed();
  return { status: 204 };
}

function groupRow(world: World, { id, name, policy, maxPerHost, projectId, userId }: Group): object {
  return {
    id,
    name,
    policy,
    rules: maxPerHost === undefined ? {} : { max_server_per_host: maxPerHost },
    members: world.membersOf(id).map((server) => server.id),
    project_id: projectId,
    user_id: userId,
  };
}

function listFlavors({ state }: World): Reply {
  const flavors = state.flavors.map(({ name, vcpus, ramMb, diskGb, extraSpecs }) => ({
    id: name,
    name,
    vcpus,
    ram: ramMb,
    disk: diskGb,
    swap: 0,
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    'os-flavor-access:is_public': true,
    rxtx_factor: 1,
    description: null,
    extra_specs: extraSpecs,
  }));
  return { status: 200, body: { flavors } };
}
