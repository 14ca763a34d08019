/** Nova's compute services: who was heard from, who is disabled and why, and which zones they make. */
import { cordon, uncordon } from './cordon.ts';
import type { Fields, Reply, Route } from './http.ts';
import {
  allCells,
  askCells,
  type Call,
  needAdmin,
  needCells,
  novaTime,
  refused,
  type SignedIn,
} from './nova-call.ts';
import { heardAt, isUp } from './power.ts';
import type { Hypervisor } from './state.ts';
import type { World } from './world.ts';

export function serviceRoutes(world: World, as: SignedIn): Route[] {
  return [
    ['GET', /^\/os-services$/, as((call) => listServices(world, call))],
    ['GET', /^\/os-availability-zone\/detail$/, as((call) => listZones(world, call))],
    ['PUT', /^\/os-services\/([^/]+)$/, as((call, id) => changeService(world, call, id))],
  ];
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
  const { host, serviceId, number, disabled, disabledReason, forcedDown } = hypervisor;
  return {
    binary: 'nova-compute',
    host,
    id: minor >= 53 ? serviceId : number,
    zone: world.zoneOf(host),
    status: disabled ? 'disabled' : 'enabled',
    state: isUp(world, hypervisor) ? 'up' : 'down',
    updated_at: changedOrHeard(world, hypervisor),
    disabled_reason: disabledReason,
    forced_down: forcedDown,
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
            updated_at: changedOrHeard(world, each),
          },
        },
      ]),
    ),
  }));
  return { status: 200, body: { availabilityZoneInfo: rows } };
}

/** Nova dates a change of the record as it dates a heartbeat. */
function changedOrHeard(world: World, hypervisor: Hypervisor): string {
  return novaTime(Math.max(heardAt(world, hypervisor), hypervisor.changedAt));
}

async function changeService(world: World, call: Call, id: string): Promise<Reply> {
  needAdmin(call, 'os-services:update');
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) throw refused(400, `Invalid uuid ${id}`);
  const { status, disabled_reason: reason, forced_down: forced } = checked(call.body);
  const hypervisor = Object.values(world.state.hypervisors).find(({ serviceId }) => serviceId === id);
  // Nova does not know which cell a service is in before it has asked them all.
  await needCells(world, allCells(world));
  if (hypervisor === undefined) throw refused(404, `Service ${id} could not be found.`);
  if (status === 'enabled') uncordon(world, hypervisor);
  if (status === 'disabled') cordon(world, hypervisor, typeof reason === 'string' ? reason : null);
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
