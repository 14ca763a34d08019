/** Hypervisors as machines: heartbeats of their compute services, network agents, reboots, and what Nova finds afterwards. */

import type { RebootFault } from './faults.ts';
import { networkAgents, startNetworkAgent, stopNetworkAgent } from './network-agents.ts';
import { drawUuid } from './random.ts';
import type { Event, Hypervisor, Migration } from './state.ts';
import { strike } from './strike.ts';
import type { Handlers, World } from './world.ts';

/** When Nova last heard of its compute service. The first heartbeat comes a while after the service's start. */
export function heardAt(world: World, { agent }: Hypervisor): number {
  if (agent.since === null) return agent.heardAt;
  const { heartbeatMs } = world.state.pace;
  const beats = Math.floor((world.now - agent.since) / heartbeatMs);
  return beats === 0 ? agent.heardAt : agent.since + beats * heartbeatMs;
}

/** What Nova believes, which lags behind the truth. */
export function isUp(world: World, hypervisor: Hypervisor): boolean {
  return !hypervisor.forcedDown && world.now - heardAt(world, hypervisor) <= world.state.pace.downAfterMs;
}

/** Whether the compute service would answer Nova. */
export function answers({ agent }: Hypervisor): boolean {
  return agent.since !== null;
}

/** As a crash, or `systemctl stop`; guests go on. */
export function stopAgent(world: World, hypervisor: Hypervisor): void {
  hypervisor.agent = { since: null, heardAt: heardAt(world, hypervisor) };
  world.changed();
}

export function startAgent(world: World, hypervisor: Hypervisor): void {
  if (hypervisor.agent.since !== null || hypervisor.power === 'off') return;
  hypervisor.agent = { since: world.now, heardAt: hypervisor.agent.heardAt };
  world.tell({ what: 'service up', hypervisor: hypervisor.name, id: hypervisor.serviceId });
  world.plan(world.state.pace.lookMs, 'host look', hypervisor.host);
}

/** Asks the machine to reboot. False: it refuses. Asking again while it goes down changes nothing. */
export function reboot(world: World, hypervisor: Hypervisor): boolean {
  if (hypervisor.power !== 'on') return true;
  const { name } = hypervisor;
  hypervisor.rebootFault = strike(world, 'reboot', { hypervisor: name })?.what;
  const fault = faultOf(world, hypervisor);
  world.tell({ what: fault === 'denied' ? 'reboot refused' : 'reboot asked', hypervisor: name });
  if (fault === 'denied') return false;
  if (fault === 'ignored') return true;
  hypervisor.power = 'going down';
  world.plan(world.state.pace.stopMs, 'host stop', hypervisor.host);
  return true;
}

function faultOf(world: World, { name, rebootFault }: Hypervisor): RebootFault | undefined {
  return world.state.faults.reboots[name] ?? rebootFault;
}

export const hostHandlers = {
  'host stop': stop,
  'host boot': boot,
  'host agent': (world, { of }) => startAll(world, world.hypervisor(of)),
  'host look': look,
} satisfies Partial<Handlers>;

function stop(world: World, { of: host }: Event): void {
  const hypervisor = world.hypervisor(host);
  stopAgent(world, hypervisor);
  for (const agent of networkAgents(hypervisor)) stopNetworkAgent(world, agent);
  hypervisor.power = 'off';
  const running = world.aboard(host).filter(({ domain }) => domain?.running === true);
  const { name } = hypervisor;
  world.tell({ what: 'went down', hypervisor: name, guests: running.map(({ id }) => id) });
  for (const { id, domain } of running) {
    if (domain !== null) domain.running = false;
    world.tell({ what: 'guest died', server: id, hypervisor: name });
  }
  for (const migration of liveMigrations(world)) {
    if (migration.from === host || migration.to === host) world.forget(migration.uuid);
    if (migration.to === host && migration.from !== host) world.plan(1000, 'live fail', migration.uuid);
  }
  if (faultOf(world, hypervisor) !== 'never back') {
    world.plan(world.state.pace.awayMs, 'host boot', host);
  }
}

function boot(world: World, { of: host }: Event): void {
  const hypervisor = world.hypervisor(host);
  const fault = faultOf(world, hypervisor);
  const next = hypervisor.kernels.at(-1) ?? hypervisor.boot.kernel;
  const kernel = fault === 'old kernel' ? hypervisor.boot.kernel : next;
  hypervisor.power = 'on';
  const spoilt = fault === 'no devices' || fault === 'failed unit' ? { fault } : {};
  hypervisor.boot = { id: drawUuid(world.state), at: world.now, kernel, ...spoilt };
  hypervisor.boots += 1;
  if (fault === 'second service') hypervisor.serviceId = drawUuid(world.state);
  world.tell({ what: 'booted', hypervisor: hypervisor.name, kernel });
  world.plan(world.state.pace.agentMs, 'host agent', host);
}

function startAll(world: World, hypervisor: Hypervisor): void {
  const fault = faultOf(world, hypervisor);
  if (fault !== 'no service') startAgent(world, hypervisor);
  const agents = networkAgents(hypervisor);
  for (const agent of fault === 'no network agent' ? agents.slice(1) : agents)
    startNetworkAgent(world, agent);
}

/** The compute service compares what Nova has with what runs: guests that do not run are stopped ones. */
function look(world: World, { of: host }: Event): void {
  for (const migration of liveMigrations(world)) {
    if (migration.from === host && migration.status === 'running') world.plan(0, 'live fail', migration.uuid);
  }
  for (const server of world.aboard(host)) {
    const { domain, vmState, task } = server;
    if (domain?.running || vmState !== 'active' || task !== null) continue;
    server.vmState = 'stopped';
    server.power = 4;
    server.updatedAt = world.now;
  }
}

function liveMigrations({ state }: World): Migration[] {
  return state.migrations.filter(
    ({ kind, status }) =>
      kind === 'live-migration' && ['accepted', 'queued', 'preparing', 'running'].includes(status),
  );
}
