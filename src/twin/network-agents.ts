/** Neutron's agents on the hypervisors: which there are, when they report, and which of them are heard. */
import type { Hypervisor, NetworkAgent } from './state.ts';
import type { World } from './world.ts';

const OVN = [
  ['OVN Controller agent', 'ovn-controller'],
  ['OVN Metadata agent', 'neutron-ovn-metadata-agent'],
] as const;
const OVS = [
  ['Open vSwitch agent', 'neutron-openvswitch-agent'],
  ['L3 agent', 'neutron-l3-agent'],
  ['DHCP agent', 'neutron-dhcp-agent'],
] as const;
/** One in so many has not gone over to OVN yet. */
const OVS_EVERY = 4;

/** Those of the hypervisor with this number, from 1, each of which has a rhythm of its own. */
export function agentsOf(number: number, { at, reportMs }: { at: number; reportMs: number }): NetworkAgent[] {
  const kinds = number % OVS_EVERY === 0 ? OVS : OVN;
  return kinds.map(([kind, binary], place) => {
    const since = at - 3 * reportMs - Math.round((((number * 7 + place * 3) % 10) / 10) * reportMs);
    return { kind, binary, since, heardAt: since };
  });
}

/** None in a file of an older twin. */
export function networkAgents({ networkAgents: agents = [] }: Hypervisor): readonly NetworkAgent[] {
  return agents;
}

/** When Neutron last heard of it: it reports when it starts, and then again and again. */
export function reportedAt({ now, state }: World, { since, heardAt }: NetworkAgent): number {
  if (since === null) return heardAt;
  const { reportMs } = state.pace;
  return since + Math.floor((now - since) / reportMs) * reportMs;
}

/** What Neutron believes, which lags behind the truth. */
export function isAlive(world: World, agent: NetworkAgent): boolean {
  return world.now - reportedAt(world, agent) < world.state.pace.silentMs;
}

/** As a crash, or `systemctl stop`. */
export function stopNetworkAgent(world: World, agent: NetworkAgent): void {
  agent.heardAt = reportedAt(world, agent);
  agent.since = null;
  world.changed();
}

export function startNetworkAgent(world: World, agent: NetworkAgent): void {
  if (agent.since !== null) return;
  agent.since = world.now;
  world.changed();
}
