/** The look at moves before they begin: which of them still hold, and what must be known of their servers? */
import type { StepScope } from '../context.ts';
import { type Measured, usualSpeed } from '../domain/bandwidth.ts';
import type { PlannedMove } from '../domain/defragment-plan.ts';
import type { Server } from '../domain/fleet.ts';
import { type FreshWave, freshWave, type WaveQuestion, whyDone } from '../domain/fresh-wave.ts';
import { clusterOf } from '../domain/guest-class.ts';
import { type Holds, whyAllStopped } from '../domain/holds.ts';
import { serverName } from '../domain/names.ts';
import { sayInstant } from '../domain/say.ts';
import type { Defragmenting } from './defragment-settings.ts';
import type { Emptied } from './emptied.ts';
import type { Guest } from './guest.ts';
import { BANDWIDTH } from './migrate.ts';
import { readHolds } from './read-holds.ts';
import { seeFleet } from './see-fleet.ts';

type Left = { readonly id: string; readonly name: string; readonly why: string };

export type Checked = {
  readonly guests: readonly Guest[];
  /** Nothing is left to do for these. */
  readonly dropped: readonly Left[];
  /** These may not begin. */
  readonly misfits: readonly Left[];
  /** Why nothing at all is begun, or null. */
  readonly stopped: string | null;
  /** ISO 8601 in UTC. */
  readonly at: string;
};

export interface Beginning {
  readonly label: string;
  /** Those that the order lets begin now. */
  readonly moves: readonly PlannedMove[];
  /** All that is left up to their waves, where the whole fleet is to be looked at; else each server alone. */
  readonly whole?: Pick<WaveQuestion, 'waves' | 'underWay' | 'next'>;
  /** When all is handed back. */
  readonly until: string;
}

const LOOK_MS = 15 * 60_000;

/** What the cloud says now. */
export async function checkNow(
  ctx: Defragmenting,
  { label, moves, whole, until }: Beginning,
  night: Pick<Emptied, 'stay'>,
): Promise<Checked> {
  return ctx.step<Checked>(`check ${label}`, { effect: 'read', timeoutMs: LOOK_MS }, async (scope) => {
    const { servers, holds, dropped, misfits } =
      whole === undefined
        ? await lookAtEach(ctx, scope, moves)
        : await lookAtAll(ctx, scope, { whole, night });
    const isOut = new Set([...dropped, ...misfits].map(({ id }) => id));
    const speeds = new Map(await scope.table(BANDWIDTH).all<Measured>());
    const guests = [];
    for (const { server, from, to } of moves.filter(({ server }) => !isOut.has(server))) {
      const speed = usualSpeed(speeds.get(from) ?? [], ctx.options.mbPerSecond);
      guests.push(await asGuest(ctx, servers.get(server)!, { to, speed }));
    }
    const end = `it is ${sayInstant(new Date(until), 'UTC')}, when all is handed back`;
    const stopped = scope.now() < new Date(until) ? (whyAllStopped(holds) ?? null) : end;
    return { guests, dropped, misfits, stopped, at: scope.now().toISOString() };
  });
}

interface Look extends Pick<Checked, 'dropped' | 'misfits'> {
  readonly servers: ReadonlyMap<string, Server>;
  readonly holds: Holds;
}

async function lookAtAll(
  ctx: Defragmenting,
  scope: StepScope,
  {
    whole,
    night,
  }: { readonly whole: NonNullable<Beginning['whole']>; readonly night: Pick<Emptied, 'stay'> },
): Promise<Look> {
  const { fleet, file, holds } = await seeFleet(ctx, scope, night.stay());
  const { parallel, outPerHypervisor, inPerHypervisor, coolDownHours } = ctx.options;
  const limits = { parallel, outPerHypervisor, inPerHypervisor, coolDownHours };
  const { dropped, misfits } = freshWave(file, { ...whole, limits });
  const servers = new Map(fleet.servers.map((server) => [server.id, server]));
  return { servers, holds, dropped: named(dropped, servers), misfits: named(misfits, servers) };
}

/** Whether there is room is known of them; whether they are still there and run is not. */
async function lookAtEach(
  ctx: Defragmenting,
  scope: StepScope,
  moves: readonly PlannedMove[],
): Promise<Look> {
  const holds = await readHolds(ctx, scope);
  const servers = new Map<string, Server>();
  const dropped: FreshWave['dropped'][number][] = [];
  for (const move of moves) {
    const server = await ctx.cloud.server(move.server);
    if (server !== undefined) servers.set(server.id, server);
    const why = whyDone(server, move);
    if (why !== undefined) dropped.push({ server: move.server, why });
  }
  return { servers, holds, dropped: named(dropped, servers), misfits: [] };
}

function named(left: FreshWave['dropped'], servers: ReadonlyMap<string, Server>): Left[] {
  return left.map(({ server, why }) => {
    const known = servers.get(server);
    return { id: server, name: known === undefined ? server : serverName(known), why };
  });
}

async function asGuest(
  { cloud, options }: Defragmenting,
  server: Server,
  { to, speed }: { readonly to: string; readonly speed: number },
): Promise<Guest> {
  const { id, name, size } = server;
  const [latest] = await cloud.migrations(id);
  return {
    id,
    name,
    ramMb: size.ramMb,
    diskGb: size.diskGb,
    newest: latest?.id ?? null,
    by: 'live',
    action: null,
    cluster: clusterOf(server, options.classes) ?? null,
    target: to,
    mbPerSecond: speed,
  };
}
