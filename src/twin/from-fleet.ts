/**
 * A cloud out of a file of a real fleet: what the file tells is as there, what it does not tell comes from the
 * seed. NUMA cells and amounts of extra resources are not simulated.
 */
import type { FleetFile, FleetHypervisor, FleetServer } from '../domain/fleet-file.ts';
import { noFaults } from './faults.ts';
import { drawLifeMs, letLive, lifetimesOf } from './lifetimes.ts';
import { PACE, type Pace } from './pace.ts';
import { hasDevice, sizesOf } from './placing.ts';
import { type Dice, drawHex, drawInt, drawUuid } from './random.ts';
import type { Aggregate, Flavor, Group, Hypervisor, Project, Server, State, User } from './state.ts';
import { type Handlers, World } from './world.ts';

export interface FleetSeed {
  readonly seed: number;
  /** ms since 1970: when the cloud is looked at first. */
  readonly at: number;
  readonly pace?: Partial<Pace>;
}

const DAY_MS = 86_400_000;
/** Where the file does not tell. */
const RUNNING = '6.1.0-18-amd64';
const NEXT = '6.1.0-28-amd64';
const NOBODY = 'unknown';
const GIGABIT_MB = 125;
/** In the words of whoever wrote the file: nothing of the server itself, its owner wants it so. */
const WISHED = /\bwish/;

/** The same file and seed give the same cloud, ids included. */
export function worldOf(fleet: FleetFile, { seed, at, pace }: FleetSeed, handlers: Handlers): World {
  const dice: Dice = { chance: seed };
  const { projects, users } = peopleOf(dice, fleet);
  const flavors = new Map<string, Flavor>();
  const homes = new Map<string, Hypervisor>();
  const devices = devicesOf(fleet);
  const cloudPace = { ...PACE, mbPerSecond: fleet.migrationGbps * GIGABIT_MB, ...pace };
  for (const [index, each] of fleet.hypervisors.entries())
    homes.set(
      each.name,
      hypervisorOf(dice, each, { index, at, pace: cloudPace, gpus: devices.get(each.name) ?? 0 }),
    );

  const groupOf = new Map(fleet.groups.flatMap(({ id, members }) => members.map((member) => [member, id])));
  const userOf = new Map(users.map((user) => [user.projectId, user.id]));
  const projectOf = new Map(projects.map(({ id, name }) => [name, id]));
  const zones = new Set(fleet.hypervisors.flatMap(({ az }) => az ?? []));
  const lifetimes = lifetimesOf(agesOf(fleet, at));
  const ageOf = (each: FleetServer): number =>
    isPinned(each) ? drawLifeMs(dice, lifetimes) : drawInt(dice, 400 * DAY_MS);
  const servers = fleet.servers.map((each, index): Server => {
    const projectId = projectOf.get(each.project ?? NOBODY) ?? '';
    const group = groupOf.get(each.id);
    const createdAt =
      each.createdAt === undefined ? at - ageOf(each) : Math.min(at, Date.parse(each.createdAt));
    return {
      id: each.id,
      number: index + 1,
      name: each.id,
      projectId,
      userId: userOf.get(projectId) ?? '',
      flavor: flavorOf(flavors, each).name,
      metadata: isWished(each) ? { 'nightshift:drain': 'never' } : {},
      createdAt,
      updatedAt: createdAt,
      launchedAt: createdAt,
      ...(each.az !== undefined && zones.has(each.az) && { zone: each.az }),
      ...(group !== undefined && { group }),
      ...(each.dirtyRatio > 0 && { dirtyRatio: each.dirtyRatio }),
      ...(each.localDisk && { localDisk: true }),
      host: each.hypervisor,
      ...stateOf(each),
      task: null,
      locked: each.locked,
    };
  });
  const byName = new Map([...flavors.values()].map((flavor) => [flavor.name, flavor]));
  const state: State = {
    at,
    chance: dice.chance,
    pace: cloudPace,
    faults: noFaults(),
    lifetimes,
    hypervisors: Object.fromEntries(homes),
    servers: Object.fromEntries(servers.map((server) => [server.id, server])),
    migrations: [],
    actions: [],
    allocations: Object.fromEntries(
      servers.map(({ id, host, flavor }) => [id, { host: host ?? '', ...sizesOf(byName.get(flavor)!) }]),
    ),
    aggregates: aggregatesOf(dice, fleet, at),
    groups: fleet.groups.map((group): Group => ({ ...group, name: group.id, ...ownerOf(users) })),
    flavors: [...flavors.values()],
    projects,
    users,
    rowsPerPage: 1000,
    image: drawUuid(dice),
    events: [],
    serial: servers.length,
  };
  state.chance = dice.chance;
  const world = new World(state, handlers);
  for (const server of servers)
    if (server.vmState === 'active' && hasDevice(world.flavorOf(server))) letLive(world, server, lifetimes);
  return world;
}

function hypervisorOf(
  dice: Dice,
  each: FleetHypervisor,
  { index, at, pace, gpus }: { index: number; at: number; pace: Pace; gpus: number },
): Hypervisor {
  const { running, next } = each.kernel ?? { running: RUNNING, next: NEXT };
  const bootedAt = at - 30 * DAY_MS - drawInt(dice, 60 * DAY_MS);
  const { vcpus, ramMb, diskGb, cpuRatio, ramRatio, diskRatio } = each;
  const { reservedVcpus, reservedRamMb, reservedDiskGb } = each;
  const since = each.up ? at - 3 * pace.heartbeatMs - drawInt(dice, pace.heartbeatMs) : null;
  return {
    name: each.name,
    host: each.name,
    id: drawUuid(dice),
    serviceId: drawUuid(dice),
    number: index + 1,
    cell: each.cell ?? 'cell1',
    stock: {
      vcpus,
      ramMb,
      diskGb,
      cpuRatio,
      ramRatio,
      diskRatio,
      reservedVcpus,
      reservedRamMb,
      reservedDiskGb,
      gpus,
    },
    traits: [...new Set(['COMPUTE_NODE', ...each.traits, ...each.cpu])],
    disabled: !each.enabled,
    disabledReason: each.enabled ? null : (each.disabledReason ?? ''),
    forcedDown: false,
    changedAt: bootedAt,
    agent: { since, heardAt: bootedAt },
    power: each.up ? 'on' : 'off',
    boot: { id: drawUuid(dice), at: bootedAt, kernel: running },
    boots: 0,
    kernels: running === next ? [running] : [running, next],
  };
}

/** So many as are in use: whether others are free the file does not tell. */
function devicesOf({ servers }: FleetFile): ReadonlyMap<string, number> {
  const pinned = servers.filter(isPinned);
  return new Map(
    [...Map.groupBy(pinned, ({ hypervisor }) => hypervisor)].map(([name, those]) => [name, those.length]),
  );
}

function isWished({ movable, pinned = '', locked, status }: FleetServer): boolean {
  return !movable && !locked && status === 'ACTIVE' && (pinned === '' || WISHED.test(pinned));
}

/** By a device, as far as the simulated cloud is concerned. */
function isPinned(server: FleetServer): boolean {
  const { pinned, status } = server;
  return pinned !== undefined && status === 'ACTIVE' && !isWished(server);
}

/** One of each size and kind of wishes. */
function flavorOf(flavors: Map<string, Flavor>, server: FleetServer): Flavor {
  const { vcpus, ramMb, diskGb, requiredTraits, aggregate } = server;
  const device = isPinned(server) ? { 'pci_passthrough:alias': 'gpu:1' } : {};
  const traits = Object.fromEntries(requiredTraits.map((trait) => [`trait:${trait}`, 'required']));
  const wants = {
    vcpus,
    ramMb,
    diskGb,
    extraSpecs: { ...device, ...traits },
    ...(aggregate && { aggregate }),
  };
  const key = JSON.stringify(wants);
  const known = flavors.get(key);
  if (known !== undefined) return known;
  const made: Flavor = { name: `f${flavors.size + 1}`, ...wants };
  flavors.set(key, made);
  return made;
}

function stateOf({ status, hypervisor }: FleetServer): Pick<Server, 'vmState' | 'power' | 'domain'> {
  const stopped = { power: 4, domain: { host: hypervisor, running: false } } as const;
  switch (status) {
    case 'SHUTOFF':
      return { vmState: 'stopped', ...stopped };
    case 'ERROR':
      return { vmState: 'error', ...stopped };
    case 'SUSPENDED':
      return { vmState: 'suspended', ...stopped };
    case 'RESCUE':
      return { vmState: 'rescued', power: 1, domain: { host: hypervisor, running: true } };
    case 'PAUSED':
      return { vmState: 'paused', power: 1, domain: { host: hypervisor, running: true } };
    default:
      return { vmState: 'active', power: 1, domain: { host: hypervisor, running: true } };
  }
}

/** In days, of those with a device whose beginning the file tells. */
function agesOf({ servers, takenAt }: FleetFile, at: number): number[] {
  const then = takenAt === undefined ? at : Date.parse(takenAt);
  return servers
    .filter(isPinned)
    .flatMap(({ createdAt }) => (createdAt === undefined ? [] : [(then - Date.parse(createdAt)) / DAY_MS]));
}

function aggregatesOf(dice: Dice, { hypervisors, isolatedAggregates }: FleetFile, at: number): Aggregate[] {
  const hostsBy = (labels: (each: FleetHypervisor) => readonly string[]) => {
    const pairs = hypervisors.flatMap((each) => labels(each).map((label) => [label, each.name] as const));
    return [...Map.groupBy(pairs, ([label]) => label)].map(
      ([label, those]) => [label, those.map(([, host]) => host)] as const,
    );
  };
  const zones = hostsBy(({ az }) => (az === undefined ? [] : [az]));
  const others = hostsBy(({ aggregates, rack }) => [...new Set([...aggregates, ...(rack ? [rack] : [])])]);
  const createdAt = at - 365 * DAY_MS;
  return [
    ...zones.map(([name, hosts]) => ({ name: `zone ${name}`, zone: name, hosts })),
    ...others.map(([name, hosts]) => ({
      name,
      zone: null,
      hosts,
      ...(isolatedAggregates.includes(name) && { isolated: true as const }),
    })),
  ].map((each, index) => ({ ...each, number: index + 1, uuid: drawUuid(dice), createdAt }));
}

/** A project has one owner, whose address leads nowhere. */
function peopleOf(dice: Dice, { servers }: FleetFile): { projects: Project[]; users: User[] } {
  const admin: Project = { id: drawHex(dice), name: 'admin' };
  const names = [...new Set(servers.map(({ project = NOBODY }) => project))].toSorted();
  const projects = names.map((name): Project => ({ id: drawHex(dice), name }));
  const user = (name: string, projectId: string, email: string | null): User => ({
    id: drawHex(dice),
    name,
    password: 'twin',
    email,
    projectId,
    role: email === null ? 'admin' : 'member',
  });
  return {
    projects: [admin, ...projects],
    users: [
      user('admin', admin.id, null),
      ...projects.map(({ id }, index) => user(`owner-${index + 1}`, id, `owner-${index + 1}@owners.invalid`)),
    ],
  };
}

function ownerOf([first]: readonly User[]): Pick<Group, 'projectId' | 'userId'> {
  return { projectId: first?.projectId ?? '', userId: first?.id ?? '' };
}
