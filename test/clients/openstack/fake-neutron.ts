/** The part of Neutron that Nightshift uses: its agents, filtered by host, in pages where it is told so. */
import type { Asked, Reply } from './fake-openstack.ts';

export interface SampleAgent {
  id: string;
  agent_type: string;
  binary: string;
  host: string;
  alive: boolean;
  admin_state_up: boolean;
  heartbeat_timestamp: string | null;
  availability_zone: string | null;
}

export interface Neutron {
  readonly agents: SampleAgent[];
  /** `pagination_max_limit` */
  maxLimit: number;
  answer(asked: Asked): Reply;
}

export function fakeNeutron(): Neutron {
  const neutron: Neutron = { agents: [], maxLimit: Infinity, answer };
  return neutron;

  function answer({ method, path, query }: Asked): Reply {
    if (`${method} ${path}` !== 'GET /agents') return notFound;
    const host = query.get('host');
    const rows = neutron.agents.filter((agent) => host === null || agent.host === host);
    const start = rows.findIndex(({ id }) => id === query.get('marker')) + 1;
    const agents = rows.slice(start, start + neutron.maxLimit);
    const last = agents.at(-1);
    if (last === undefined || start + agents.length >= rows.length) return { status: 200, body: { agents } };
    const href = `http://neutron.internal:9696/v2.0/agents?marker=${last.id}`;
    return { status: 200, body: { agents, agents_links: [{ rel: 'next', href }] } };
  }
}

const notFound: Reply = {
  status: 404,
  body: { NeutronError: { type: 'HTTPNotFound', message: 'The resource could not be found.', detail: '' } },
};
