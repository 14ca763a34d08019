/** Which servers on a hypervisor hold a device, and what is to be done about each? */
import type { Context } from '../context.ts';
import { type DrainDecision, decideDrain } from '../domain/drain-policy.ts';
import type { Server } from '../domain/fleet.ts';
import { coldPlacesOf } from './cold-places.ts';
import type { TargetSettings } from './migration-target.ts';

export interface Pinned {
  readonly server: Server;
  readonly decision: DrainDecision;
  /** Why it cannot be moved, where only its end or its owner's word would free the hypervisor. */
  readonly because?: string;
}

/** Read fresh; undefined while a cell is down, which hides what is aboard: nothing has ended by that. */
export async function pinnedAboard(
  ctx: Context<TargetSettings>,
  name: string,
): Promise<readonly Pinned[] | undefined> {
  const servers: Server[] = [];
  for (const { id, status } of (await ctx.cloud.occupancy(name)).servers) {
    if (status === 'UNKNOWN') return undefined;
    const server = await ctx.cloud.server(id);
    if (server?.pinned !== undefined) servers.push(server);
  }
  const policy = { ...ctx.options, coldPlaces: await coldPlacesOf(ctx, name, servers) };
  return servers.map((server) => {
    const decision = decideDrain(server, policy);
    const because = becauseOf(server, decision);
    return { server, decision, ...(because !== undefined && { because }) };
  });
}

/** One that may be stopped by its owner's wish is told first as well. */
function becauseOf({ pinned = '' }: Server, decision: DrainDecision): string | undefined {
  if (decision.does === 'pinned') return decision.because;
  return decision.does === 'stop' ? pinned : undefined;
}
