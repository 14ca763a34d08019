/** Neutron, as far as it is about agents. */
import { createHash } from 'node:crypto';
import { type Answer, type Ask, follow, type Reply, type Route } from './http.ts';
import type { Keystone } from './keystone.ts';
import { isAlive, networkAgents, reportedAt } from './network-agents.ts';
import type { Hypervisor, NetworkAgent } from './state.ts';
import type { World } from './world.ts';

export function openNeutron(world: World, keystone: Keystone): Answer {
  const routes: readonly Route[] = [
    ['GET', /^\/?$/, ({ url }) => ({ status: 200, body: { versions: [version(url)] } })],
    ['GET', /^\/v2\.0\/agents(\.json)?$/, listAgents],
  ];

  function listAgents(ask: Ask): Reply {
    const { user } = keystone.check(ask);
    const host = ask.query.get('host');
    const agents = Object.values(world.state.hypervisors)
      .filter((hypervisor) => host === null || hypervisor.host === host)
      .flatMap((each) => networkAgents(each).map((agent) => agentRow(world, each, agent)));
    // Neutron hides what one may not see, and does not say so.
    return { status: 200, body: { agents: user.role === 'admin' ? agents : [] } };
  }

  return async (ask) => (await follow(routes, ask)) ?? notHere(keystone, ask);
}

function agentRow(world: World, hypervisor: Hypervisor, agent: NetworkAgent) {
  const { binary, kind } = agent;
  const { host } = hypervisor;
  return {
    id: idOf(`${hypervisor.id} ${binary}`),
    agent_type: kind,
    binary,
    host,
    alive: isAlive(world, agent),
    admin_state_up: true,
    heartbeat_timestamp: neutronTime(reportedAt(world, agent)),
    availability_zone: world.zoneOf(host),
    topic: 'N/A',
    description: null,
    configurations: {},
  };
}

/** Not of the cloud's dice: what has an agent more must not have other ids for all the rest. */
function idOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** `2026-11-21 10:11:17`, in UTC without saying so. */
function neutronTime(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

function version(url: string): object {
  return { id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${url}/v2.0/` }] };
}

function notHere(keystone: Keystone, ask: Ask): Reply {
  keystone.check(ask);
  const message = 'The resource could not be found.';
  return { status: 404, body: { NeutronError: { type: 'HTTPNotFound', message, detail: '' } } };
}
