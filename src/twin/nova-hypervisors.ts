/** Nova's hypervisors: those it knows, with what is on them. */
import type { Reply, Route } from './http.ts';
import {
  allCells,
  type Call,
  crashed,
  needAdmin,
  needCells,
  page,
  refused,
  type SignedIn,
} from './nova-call.ts';
import { domainName } from './nova-rows.ts';
import { answers, isUp } from './power.ts';
import type { Hypervisor } from './state.ts';
import type { World } from './world.ts';

export function hypervisorRoutes(world: World, as: SignedIn): Route[] {
  return [
    ['GET', /^\/os-hypervisors(?:\/detail)?$/, as((call) => listHypervisors(world, call))],
    ['GET', /^\/os-hypervisors\/([^/]+)$/, as((call, id) => showHypervisor(world, call, id))],
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
      show: (row) => (isDetail ? wholeRow(world, call, row) : briefRow(world, call, row)),
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
  return { status: 200, body: { hypervisor: wholeRow(world, call, hypervisor) } };
}

/** From 2.88 on Nova asks each compute service that it calls up for its uptime: one that just died spoils all. */
async function askUptimes(world: World, { minor }: Call, rows: readonly Hypervisor[]): Promise<void> {
  if (minor < 88 || rows.every((row) => answers(row) || !isUp(world, row))) return;
  await world.sleep(world.state.pace.rpcMs);
  throw crashed('oslo_messaging.exceptions.MessagingTimeout');
}

function briefRow(world: World, { minor }: Call, hypervisor: Hypervisor): object {
  const { name, id, number, disabled } = hypervisor;
  return {
    id: minor >= 53 ? id : number,
    hypervisor_hostname: name,
    state: isUp(world, hypervisor) ? 'up' : 'down',
    status: disabled ? 'disabled' : 'enabled',
  };
}

function wholeRow(world: World, call: Call, hypervisor: Hypervisor): object {
  const { minor, query } = call;
  const { host, number, disabledReason, serviceId, boot } = hypervisor;
  const uptimeRow = { uptime: isUp(world, hypervisor) ? uptime(world.now - boot.at, world.now) : null };
  const servers = world.listedOn(host);
  const listed = query.get('with_servers') === 'true' && (servers.length > 0 || minor >= 75);
  return {
    ...briefRow(world, call, hypervisor),
    hypervisor_type: 'QEMU',
    hypervisor_version: 7_002_000,
    host_ip: '127.0.0.1',
    service: { id: minor >= 53 ? serviceId : number, host, disabled_reason: disabledReason },
    ...(minor >= 88 ? uptimeRow : sizesRow(world, hypervisor)),
    ...(listed && { servers: servers.map((server) => ({ name: domainName(server), uuid: server.id })) }),
  };
}

/** Nova counts what the hypervisor keeps for itself as used memory. */
function sizesRow(world: World, { host, stock }: Hypervisor): object {
  const servers = world.listedOn(host);
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
