/** A cloud out of a seed: hypervisors, projects with owners, and servers as one finds them. */
import { noFaults } from './faults.ts';
import { agentsOf } from './network-agents.ts';
import { PACE, type Pace } from './pace.ts';
import { chooseHost, hasDevice } from './placing.ts';
import { type Dice, draw, drawHex, drawInt, drawUuid, pick } from './random.ts';
import { newServer, settleOn } from './servers.ts';
import type { Aggregate, Flavor, Group, Hypervisor, Project, Server, State, Stock, User } from './state.ts';
import type { Handlers } from './world.ts';
import { World } from './world.ts';

export interface Seed {
  readonly seed: number;
  readonly hypervisors: number;
  readonly servers: number;
  /** ms since 1970: when the cloud is looked at first. */
  readonly at: number;
  /** Hypervisors are called `hv01.DOMAIN`, and just `hv01` without one. */
  readonly domain?: string;
  readonly pace?: Partial<Pace>;
  /** Rows of a page of Nova; 1000, as Nova itself, if left out. */
  readonly rowsPerPage?: number;
  /** How many cells the hypervisors are divided among; one if left out. */
  readonly cells?: number;
}

const OLD_KERNEL = '6.1.0-18-amd64';
const NEW_KERNEL = '6.1.0-28-amd64';
const DAY_MS = 86_400_000;

const STOCK: Stock = {
  vcpus: 32,
  ramMb: 131_072,
  diskGb: 2000,
  cpuRatio: 4,
  reservedRamMb: 4096,
  gpus: 0,
};

const TRAITS = ['COMPUTE_NODE', 'COMPUTE_DEVICE_TAGGING', 'COMPUTE_IMAGE_TYPE_RAW', 'HW_CPU_X86_AVX2'];

const FLAVORS: readonly Flavor[] = [
  { name: 'm1.tiny', vcpus: 1, ramMb: 512, diskGb: 1, extraSpecs: {} },
  { name: 'm1.small', vcpus: 1, ramMb: 2048, diskGb: 10, extraSpecs: {} },
  { name: 'm1.medium', vcpus: 2, ramMb: 4096, diskGb: 20, extraSpecs: {} },
  { name: 'm1.large', vcpus: 8, ramMb: 16_384, diskGb: 80, extraSpecs: {} },
  { name: 'g1.gpu', vcpus: 8, ramMb: 16_384, diskGb: 80, extraSpecs: { 'pci_passthrough:alias': 'gpu:1' } },
];

/** Servers of each anti-affinity group. */
const GROUP_SIZE = 3;
/** What most servers are, the small ones twice. */
const USUAL = ['m1.small', 'm1.small', 'm1.medium', 'm1.medium', 'm1.large'] as const;
/** Where many share a hypervisor they are smaller, or it would have no room. */
const DENSE = [
  ...(['m1.tiny', 'm1.tiny', 'm1.tiny', 'm1.small', 'm1.small', 'm1.small'] as const),
  ...(['m1.small', 'm1.small', 'm1.medium', 'm1.medium', 'm1.medium', 'm1.large'] as const),
] as const;
const DENSE_FROM = 14;
const KINDS = ['web', 'batch', 'db', 'build', 'notebook', 'cache'] as const;
const OWNERS = {
  alpha: 'alice',
  beta: 'bob',
  gamma: 'carol',
  delta: 'dave',
  epsilon: 'erin',
  zeta: 'frank',
  eta: 'grace',
  theta: 'heidi',
} as const;

/** The same seed gives the same cloud, ids included. */
export function seedWorld(seed: Seed, handlers: Handlers): World {
  const dice: Dice = { chance: seed.seed };
  const pace = { ...PACE, ...seed.pace };
  const hypervisors = Array.from({ length: seed.hypervisors }, (_, index) =>
    hypervisor(dice, seed, index, pace),
  );
  const { projects, users } = people(dice);
  const state: State = {
    at: seed.at,
    chance: 0,
    pace,
    faults: noFaults(),
    hypervisors: Object.fromEntries(hypervisors.map((each) => [each.host, each])),
    servers: {},
    migrations: [],
    actions: [],
    allocations: {},
    aggregates: aggregates(dice, hypervisors, seed.at),
    groups: [],
    flavors: FLAVORS,
    projects,
    users,
    rowsPerPage: seed.rowsPerPage ?? 1000,
    image: drawUuid(dice),
    events: [],
    serial: 0,
  };
  state.chance = dice.chance;
  const world = new World(state, handlers);
  populate(world, seed.servers);
  return world;
}

function hypervisor(
  dice: Dice,
  { domain, hypervisors, at, cells = 1 }: Seed,
  index: number,
  pace: Pace,
): Hypervisor {
  const host = `hv${String(index + 1).padStart(Math.max(2, String(hypervisors).length), '0')}`;
  const isGpu = index >= hypervisors - gpuHosts(hypervisors);
  const bootedAt = at - 30 * DAY_MS - drawInt(dice, 60 * DAY_MS);
  return {
    name: domain === undefined ? host : `${host}.${domain}`,
    host,
    id: drawUuid(dice),
    serviceId: drawUuid(dice),
    number: index + 1,
    cell: `cell${(index % cells) + 1}`,
    stock: { ...STOCK, gpus: isGpu ? 2 : 0 },
    traits: [...TRAITS, isGpu ? 'CUSTOM_GPU_A100' : 'CUSTOM_GENERAL'],
    disabled: false,
    disabledReason: null,
    forcedDown: false,
    changedAt: bootedAt,
    // Each has a rhythm of its own.
    agent: { since: at - 3 * pace.heartbeatMs - drawInt(dice, pace.heartbeatMs), heardAt: bootedAt },
    networkAgents: agentsOf(index + 1, { at, reportMs: pace.reportMs }),
    power: 'on',
    boot: { id: drawUuid(dice), at: bootedAt, kernel: OLD_KERNEL },
    boots: 0,
    kernels: index % 5 < 3 ? [OLD_KERNEL, NEW_KERNEL] : [OLD_KERNEL],
  };
}

function gpuHosts(hypervisors: number): number {
  return hypervisors < 4 ? 0 : Math.max(2, Math.floor(hypervisors / 12));
}

function people(dice: Dice): { projects: Project[]; users: User[] } {
  const admin = { id: drawHex(dice), name: 'admin' };
  const root: User = {
    id: drawHex(dice),
    name: 'admin',
    password: 'twin',
    email: null,
    projectId: admin.id,
    role: 'admin',
  };
  const pairs = Object.entries(OWNERS).map(([name, owner]) => {
    const project: Project = { id: drawHex(dice), name };
    const email = `${owner}@${name}.example`;
    const user: User = {
      id: drawHex(dice),
      name: owner,
      password: 'twin',
      email,
      projectId: project.id,
      role: 'member',
    };
    return { project, user };
  });
  return {
    projects: [admin, ...pairs.map(({ project }) => project)],
    users: [root, ...pairs.map(({ user }) => user)],
  };
}

function aggregates(dice: Dice, hypervisors: readonly Hypervisor[], at: number): Aggregate[] {
  const half = Math.ceil(hypervisors.length / 2);
  const hosts = hypervisors.map(({ host }) => host);
  const gpus = hypervisors.filter(({ stock }) => stock.gpus > 0).map(({ host }) => host);
  const made: [name: string, zone: string | null, hosts: string[]][] = [
    ['rack-a', 'az1', hosts.slice(0, half)],
    ['rack-b', 'az2', hosts.slice(half)],
    ['gpu', null, gpus],
    ['canary', null, hosts.slice(0, hosts.length < 8 ? 0 : 2)],
  ];
  return made
    .filter(([, , members]) => members.length > 0)
    .map(([name, zone, members], index) => ({
      number: index + 1,
      uuid: drawUuid(dice),
      name,
      zone,
      hosts: members,
      createdAt: at - 365 * DAY_MS,
    }));
}

/** Every seventh hypervisor is left empty as far as that goes, and one is out for a repair. */
function populate(world: World, count: number): void {
  const { state } = world;
  const owners = state.users.filter(({ role }) => role === 'member') as [User, ...User[]];
  const hosts = Object.values(state.hypervisors);
  const used = hosts.filter((_, index) => index % 7 !== 2);
  const devices = hosts.reduce((sum, { stock }) => sum + stock.gpus, 0);
  const isSmall = count < 20;
  const isDense = count > DENSE_FROM * hosts.length;
  const usual = isDense ? DENSE : USUAL;
  // Whoever is placed last finds the devices, but on crowded hypervisors no memory beside them.
  const gpus = isSmall ? 0 : Math.max(0, isDense ? Math.floor(devices * 0.6) : devices - 1);
  const groups = isSmall ? [] : ['db-quorum', 'front'].map((name) => group(world, pick(state, owners), name));

  for (let index = 0; index < count; index += 1) {
    const member = groups[Math.floor(index / GROUP_SIZE)];
    const owner = owners.find(({ id }) => id === member?.userId) ?? pick(state, owners);
    const kind = member?.name ?? (index < count - gpus ? pick(state, KINDS) : 'gpu');
    const flavor = kind === 'gpu' ? 'g1.gpu' : member === undefined ? pick(state, usual) : 'm1.medium';
    const server = newServer(world, {
      name: `${kind}-${index + 1}`,
      projectId: owner.projectId,
      userId: owner.id,
      flavor,
      metadata: { owner: owner.email ?? owner.name },
      ...(member !== undefined && { group: member.id }),
    });
    place(world, server, used);
  }
  const out = hosts[Math.min(10, hosts.length - 1)];
  if (out !== undefined && count > 0) {
    out.disabled = true;
    out.disabledReason = 'disk swap, ask Kim';
  }
}

function group(world: World, owner: User, name: string): Group {
  const made: Group = {
    id: drawUuid(world.state),
    name,
    policy: 'anti-affinity',
    projectId: owner.projectId,
    userId: owner.id,
  };
  world.state.groups.push(made);
  return made;
}

/** On a hypervisor by chance that has room, else where the scheduler finds some; one in ten is stopped. */
function place(world: World, server: Server, hosts: readonly Hypervisor[]): void {
  const wants = hasDevice(world.flavorOf(server)) ? hosts.filter(({ stock }) => stock.gpus > 0) : hosts;
  const first = wants[drawInt(world.state, wants.length)];
  const host =
    chooseHost(world, server, { wanted: first?.host ?? null }) ?? chooseHost(world, server, { wanted: null });
  if (host === undefined) {
    const { hypervisors } = world.state;
    throw new Error(
      `${Object.keys(hypervisors).length} hypervisors have no room for ${server.name}; ask for fewer servers`,
    );
  }
  settleOn(world, server, host);
  Object.assign(server, {
    createdAt: world.now - drawInt(world.state, 400 * DAY_MS),
    zone: world.zoneOf(host),
    addresses: [`172.16.${server.number >> 8}.${server.number & 255}`],
  });
  if (draw(world.state) < 0.1) {
    server.vmState = 'stopped';
    server.power = 4;
    if (server.domain !== null) server.domain.running = false;
  }
}
