/** Nova's hypervisors, compute services, aggregates, zones, server groups and flavors. */
import { type Fields, isFields, type Reply, type Route } from './http.ts';
import {
  allCells,
  askCells,
  type Call,
  crashed,
  needAdmin,
  needCells,
  novaTime,
  page,
  refused,
} from './nova-call.ts';
import { domainName } from './nova-rows.ts';
import type { NovaAnswer } from './nova-servers.ts';
import { answers, heardAt, isUp } from './power.ts';
import { drawUuid } from './random.ts';
import type { Aggregate, Group, Hypervisor } from './state.ts';
import type { World } from './world.ts';

export function hostRoutes(world: World, as: (answer: NovaAnswer) => Route[2]): Route[] {
  return [
    ['GET', /^\/os-hypervisors(?:\/detail)?$/, as((call) => listHypervisors(world, call))],
    ['GET', /^\/os-hypervisors\/([^/]+)$/, as((call, id) => showHypervisor(world, call, id))],
    ['GET', /^\/os-services$/, as((call) => listServices(world, call))],
    ['PUT', /^\/os-services\/([^/]+)$/, as((call, id) => changeService(world, call, id))],
    ['GET', /^\/os-aggregates$/, as((call) => listAggregates(world, call))],
    ['GET', /^\/os-availability-zone\/detail$/, as((call) => listZones(world, call))],
    ['GET', /^\/os-server-groups$/, as((call) => listGroups(world, call))],
    ['POST', /^\/os-server-groups$/, as((call) => createGroup(world, call))],
    ['GET', /^\/flavors\/detail$/, as(() => listFlavors(world))],
  ];
}

async function listHypervisors(world: World, call: Call): Promise<Reply> {
  needAdmin(call, 'os-hypervisors:list-detail');
  await needCells(world, allCells(world));
  const isDetail = call.path.endsWith('/detail');
  const pattern = call.query.get('hypervisor_hostname_pattern');
  const rows = Object.values(world.state.hypervisors).filter(({ name }) => name.includes(pattern ?? ''));
  if (pattern !== null && rows.length === 0)
    throw refused(404, `No hypervisor matching '${pattern}' could be found.`);
  if (isDetail) await askUptimes(world, call, rows);
  return page(
    call,
    {
      key: 'hypervisors',
      rows,
      markerOf: ({ id }) => id,
      unknownMarker: (marker) => `marker [${marker}] not found`,
    },
    {
      most: pattern === null ? world.state.rowsPerPage : Infinity,
      show: (row) => hypervisorRow(world, call, row, isDetail),
    },
  );
}

async function showHypervisor(world: World, call: Call, id: string): Promise<Reply> {
  needAdmin(call, 'os-hypervisors:show');
  await needCells(world, allCells(world));
  const hypervisor =
    call.minor >= 53
      ? world.findProvider(id)
      : Object.values(world.state.hypervisors).find(({ number }) => number === Number(id));
  if (hypervisor === undefined) throw refused(404, `Hypervisor with ID '${id}' could not be found.`);
  await askUptimes(world, call, [hypervisor]);
  return { status: 200, body: { hypervisor: hypervisorRow(world, call, hypervisor, true) } };
}

/** From 2.88 on Nova asks each compute service that it calls up for its uptime: one that just died spoils all. */
async function askUptimes(world: World, { minor }: Call, rows: readonly Hypervisor[]): Promise<void> {
  if (minor < 88 || rows.every((row) => answers(row) || !isUp(world, row))) return;
  await world.sleep(world.state.pace.rpcMs);
  throw crashed('oslo_messaging.exceptions.MessagingTimeout');
}

function hypervisorRow(
  world: World,
  { minor, query }: Call,
  hypervisor: Hypervisor,
  isDetail: boolean,
): object {
  const { host, name, id, number, disabled, disabledReason, serviceId, boot } = hypervisor;
  const up = isUp(world, hypervisor);
  const row = {
    id: minor >= 53 ? id : number,
    hypervisor_hostname: name,
    state: up ? 'up' : 'down',
    status: disabled ? 'disabled' : 'enabled',
  };
  if (!isDetail) return row;
  const servers = Object.values(world.state.servers).filter((server) => server.host === host);
  const listed = query.get('with_servers') === 'true' && (servers.length > 0 || minor >= 75);
  return {
    ...row,
    hypervisor_type: 'QEMU',
    hypervisor_version: 7_002_000,
    host_ip: '127.0.0.1',
    service: { id: minor >= 53 ? serviceId : number, host, disabled_reason: disabledReason },
    ...(minor >= 88
      ? { uptime: up ? uptime(world.now - boot.at, world.now) : null }
      : sizesRow(world, hypervisor)),
    ...(listed && { servers: servers.map((server) => ({ name: domainName(server), uuid: server.id })) }),
  };
}

/** Nova counts what the hypervisor keeps for itself as used memory. */
function sizesRow(world: World, { host, stock }: Hypervisor): object {
  const servers = Object.values(world.state.servers).filter((server) => server.host === host);
  const used = { vcpus: 0, ramMb: stock.reservedRamMb, diskGb: 0 };
  for (const server of servers) {
    const { vcpus, ramMb, diskGb } = world.flavorOf(server);
    used.vcpus += vcpus;
    used.ramMb += ramMb;
    used.diskGb += diskGb;
  }
  return {
    vcpus: stock.vcpus,
    memory_mb: stock.ramMb,
    local_gb: stock.diskGb,
    vcpus_used: used.vcpus,
    memory_mb_used: used.ramMb,
    local_gb_used: used.diskGb,
    free_ram_mb: stock.ramMb - used.ramMb,
    free_disk_gb: stock.diskGb - used.diskGb,
    current_workload: servers.filter(({ task }) => task !== null).length,
    running_vms: servers.length,
  };
}

function uptime(ms: number, now: number): string {
  const minutes = Math.floor(ms / 60_000);
  const clock = new Date(now).toISOString().slice(11, 19);
  return ` ${clock} up ${minutes} min,  0 users,  load average: 0.00, 0.00, 0.00`;
}

async function listServices(world: World, call: Call): Promise<Reply> {
  needAdmin(call, 'os-services:list');
  const { down } = await askCells(world);
  const host = call.query.get('host');
  const binary = call.query.get('binary') ?? 'nova-compute';
  const rows = Object.values(world.state.hypervisors).filter(
    (each) => binary === 'nova-compute' && (host === null || each.host === host),
  );
  const seen = call.minor >= 69 ? rows : rows.filter(({ cell }) => !down.has(cell));
  const services = seen.map((each) =>
    down.has(each.cell)
      ? { binary: 'nova-compute', host: each.host, status: 'UNKNOWN' }
      : serviceRow(world, call, each),
  );
  return { status: 200, body: { services } };
}

function serviceRow(world: World, { minor }: Call, hypervisor: Hypervisor): object {
  const { host, serviceId, number, disabled, disabledReason, forcedDown, changedAt } = hypervisor;
  return {
    binary: 'nova-compute',
    host,
    id: minor >= 53 ? serviceId : number,
    zone: world.zoneOf(host),
    status: disabled ? 'disabled' : 'enabled',
    state: isUp(world, hypervisor) ? 'up' : 'down',
    updated_at: novaTime(Math.max(heardAt(world, hypervisor), changedAt)),
    disabled_reason: disabledReason,
    forced_down: forcedDown,
  };
}

async function changeService(world: World, call: Call, id: string): Promise<Reply> {
  needAdmin(call, 'os-services:update');
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) throw refused(400, `Invalid uuid ${id}`);
  const { status, disabled_reason: reason, forced_down: forced } = checked(call.body);
  const hypervisor = Object.values(world.state.hypervisors).find(({ serviceId }) => serviceId === id);
  // Nova does not know which cell a service is in before it has asked them all.
  await needCells(world, allCells(world));
  if (hypervisor === undefined) throw refused(404, `Service ${id} could not be found.`);
  if (status !== undefined) hypervisor.disabled = status === 'disabled';
  if (status === 'enabled') hypervisor.disabledReason = null;
  if (typeof reason === 'string') hypervisor.disabledReason = reason;
  if (typeof forced === 'boolean') hypervisor.forcedDown = forced;
  hypervisor.changedAt = world.now;
  world.changed();
  return { status: 200, body: { service: serviceRow(world, call, hypervisor) } };
}

function checked(body: Fields): Fields {
  const { status, disabled_reason: reason, forced_down: forced } = body;
  const invalid = (field: string, value: unknown, why: string) =>
    refused(
      400,
      `Invalid input for field/attribute ${field}. Value: ${String(value)}. '${String(value)}' ${why}`,
    );
  if (status !== undefined && status !== 'enabled' && status !== 'disabled') {
    throw invalid('status', status, "is not one of ['enabled', 'disabled']");
  }
  if (typeof reason === 'string' && reason.length > 255)
    throw invalid('disabled_reason', reason, 'is too long');
  if (reason === '') throw invalid('disabled_reason', reason, 'is too short');
  if (status === undefined && forced === undefined) {
    throw refused(400, "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
  }
  if (status === 'enabled' && reason !== undefined) {
    throw refused(400, "Specifying 'disabled_reason' with status 'enabled' is invalid.");
  }
  return body;
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

async function listZones(world: World, call: Call): Promise<Reply> {
  needAdmin(call, 'os-availability-zone:detail');
  const { down } = await askCells(world);
  const seen = Object.values(world.state.hypervisors).filter(({ cell }) => !down.has(cell));
  const zones = Map.groupBy(seen, ({ host }) => world.zoneOf(host));
  const rows = [...zones].map(([zoneName, members]) => ({
    zoneName,
    zoneState: { available: members.some(({ disabled }) => !disabled) },
    hosts: Object.fromEntries(
      members.map((each) => [
        each.host,
        {
          'nova-compute': {
            available: !each.disabled,
            active: isUp(world, each),
            updated_at: novaTime(heardAt(world, each)),
          },
        },
      ]),
    ),
  }));
  return { status: 200, body: { availabilityZoneInfo: rows } };
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

function groupRow(world: World, { id, name, policy, projectId, userId }: Group): object {
  const members = Object.values(world.state.servers).filter((server) => server.group === id);
  return {
    id,
    name,
    policy,
    rules: {},
    members: members.map((server) => server.id),
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
