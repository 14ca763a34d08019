/** Neutron's agents: which there are on a host, and which of them are heard. */
import { z } from 'zod';
import type { NetworkAgent } from '../../domain/fleet.ts';
import { OpenStackError } from './error.ts';
import { needService } from './hypervisors.ts';
import { readPages } from './pages.ts';
import type { Call, Session } from './session.ts';
import { utc } from './time.ts';

interface Agent extends NetworkAgent {
  /** As Nova's compute service calls it too, or no port could be bound there. */
  readonly host: string;
  /** Its admin state is up. */
  readonly enabled: boolean;
}

const Row = z
  .object({
    binary: z.string(),
    host: z.string(),
    alive: z.boolean(),
    admin_state_up: z.boolean(),
    heartbeat_timestamp: z.string().nullish(),
  })
  .transform(
    ({ binary, host, alive, admin_state_up, heartbeat_timestamp: heard }): Agent => ({
      binary,
      host,
      alive,
      enabled: admin_state_up,
      // One that was never heard from is older than any other.
      heardAt: heard ? utc(heard) : new Date(0).toISOString(),
    }),
  );

/**
 * The agents on one hypervisor; none where there is no Neutron. Of OVN's agents Neutron tells less than of others:
 * a metadata agent has the heartbeats of its controller, and older Neutrons call the time of asking a heartbeat.
 */
export async function readAgents(session: Session, hypervisor: string): Promise<NetworkAgent[]> {
  if (!(await session.hasNetwork())) return [];
  const { host } = await needService(session, hypervisor);
  const agents = await listAgents(session, { host });
  return agents.map(({ binary, alive, heardAt }) => ({ binary, alive, heardAt }));
}

/**
 * Every agent of the cloud, or those that the query finds; none where there is no Neutron. From a user without its
 * admin role Neutron hides them all, and says nothing of it.
 */
export async function listAgents(
  session: Session,
  query?: Readonly<Record<string, string>>,
): Promise<Agent[]> {
  if (!(await session.hasNetwork())) return [];
  const call: Call = { service: 'network', method: 'GET', path: '/agents', ...(query && { query }) };
  const rows = await readPages(session, call, { key: 'agents', row: Row }).catch(explain);
  // A host that was set up anew has left a record behind, which nobody will ever hear of again.
  const byAge = rows.toSorted(
    (a, b) => Number(a.alive) - Number(b.alive) || a.heardAt.localeCompare(b.heardAt),
  );
  const last = new Map(byAge.map((agent) => [sayOnHost(agent), agent]));
  return [...last.values()].toSorted((a, b) => sayOnHost(a).localeCompare(sayOnHost(b)));
}

/** `neutron-dhcp-agent on cmp3` */
export function sayOnHost({ binary, host }: { readonly binary: string; readonly host: string }): string {
  return `${binary} on ${host}`;
}

const ADVICE: Readonly<Record<number, string>> = {
  403: "the cloud's user needs Neutron's admin role to see its agents",
  404: 'a Neutron without agents is not asked for them with `has_network: false` in clouds.yaml (OS_HAS_NETWORK)',
};

function explain(error: unknown): never {
  if (!(error instanceof OpenStackError) || error.status === undefined) throw error;
  const { status, message } = error;
  const advice = ADVICE[status];
  if (advice === undefined) throw error;
  throw new OpenStackError(`${message}; ${advice}`, { retryable: false, status, cause: error });
}
