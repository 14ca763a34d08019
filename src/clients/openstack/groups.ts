/** Nova's groups: aggregates of hosts, and server groups with their policies. */
import { z } from 'zod';
import type { ServerGroup } from '../../domain/fleet.ts';
import type { Session } from './session.ts';

/** Names of the aggregates that each compute service's host is in. */
export async function listAggregates(session: Session): Promise<ReadonlyMap<string, readonly string[]>> {
  const { aggregates } = await session(
    { service: 'compute', method: 'GET', path: '/os-aggregates' },
    z.object({ aggregates: z.array(z.object({ name: z.string(), hosts: z.array(z.string()) })) }),
  );
  const pairs = aggregates.flatMap(({ name, hosts }) => hosts.map((host) => ({ name, host })));
  const byHost = Map.groupBy(pairs, ({ host }) => host);
  return new Map([...byHost].map(([host, found]) => [host, found.map(({ name }) => name)]));
}

const Group = z
  .object({
    id: z.string(),
    name: z.string(),
    policy: z.enum(['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity']),
    rules: z
      .object({ max_server_per_host: z.coerce.number().default(1) })
      .default({ max_server_per_host: 1 }),
    members: z.array(z.string()),
  })
  .transform(
    ({ id, name, policy, rules, members }): ServerGroup => ({
      id,
      name,
      policy,
      maxPerHost: rules.max_server_per_host,
      members,
    }),
  );

/** Every project's server groups. Nova pages them by offset and says nothing of a next page. */
export async function listServerGroups(session: Session): Promise<ServerGroup[]> {
  const groups: ServerGroup[] = [];
  for (;;) {
    const { server_groups: page } = await session(
      {
        service: 'compute',
        method: 'GET',
        path: '/os-server-groups',
        query: { all_projects: 'true', offset: String(groups.length) },
        everyCell: true,
      },
      z.object({ server_groups: z.array(Group) }),
    );
    if (page.length === 0) return groups;
    groups.push(...page);
  }
}
