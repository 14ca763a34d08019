/** The look at a wave before it begins: which of its moves still hold, and what must be known of their servers? */
import { type Measured, usualSpeed } from '../domain/bandwidth.ts';
import type { PlannedMove } from '../domain/defragment-plan.ts';
import type { Server } from '../domain/fleet.ts';
import { type FreshWave, freshWave } from '../domain/fresh-wave.ts';
import { clusterOf } from '../domain/guest-class.ts';
import { whyAllStopped } from '../domain/holds.ts';
import { serverName } from '../domain/names.ts';
import { sayInstant } from '../domain/say.ts';
import type { Defragmenting } from './defragment-settings.ts';
import type { Emptied } from './emptied.ts';
import type { Guest } from './guest.ts';
import { BANDWIDTH } from './migrate.ts';
import { seeFleet } from './see-fleet.ts';

type Left = { readonly name: string; readonly why: string };

export type Checked = {
  readonly moves: readonly { readonly guest: Guest; readonly from: string; readonly to: string }[];
  /** Nothing is left to do for these. */
  readonly dropped: readonly Left[];
  /** These may not begin. */
  readonly misfits: readonly Left[];
  /** Why nothing at all is begun, or null. */
  readonly stopped: string | null;
};

export interface WaveInPlan {
  readonly label: string;
  readonly wave: readonly PlannedMove[];
  /** The wave after it. */
  readonly next: readonly PlannedMove[];
  /** When all is handed back. */
  readonly until: string;
}

const LOOK_MS = 15 * 60_000;

/** Of a fleet that is read now. */
export async function checkWaveNow(
  ctx: Defragmenting,
  { label, wave, next, until }: WaveInPlan,
  night: Pick<Emptied, 'stay'>,
): Promise<Checked> {
  return ctx.step<Checked>(`check ${label}`, { effect: 'read', timeoutMs: LOOK_MS }, async (scope) => {
    const end = sayInstant(new Date(until), 'UTC');
    const { fleet, file, holds } = await seeFleet(ctx, scope, night.stay());
    const { parallel, outPerHypervisor, inPerHypervisor, coolDownHours } = ctx.options;
    const limits = { parallel, outPerHypervisor, inPerHypervisor, coolDownHours };
    const fresh = freshWave(file, { wave, next, limits });
    const servers = new Map(fleet.servers.map((server) => [server.id, server]));
    const speeds = new Map(await scope.table(BANDWIDTH).all<Measured>());
    const moves = [];
    for (const { server, from, to } of fresh.moves) {
      const speed = usualSpeed(speeds.get(from) ?? [], ctx.options.mbPerSecond);
      moves.push({ guest: await asGuest(ctx, servers.get(server)!, { to, speed }), from, to });
    }
    return {
      moves,
      dropped: named(fresh.dropped, servers),
      misfits: named(fresh.misfits, servers),
      stopped:
        scope.now() < new Date(until)
          ? (whyAllStopped(holds) ?? null)
          : `it is ${end}, when all is handed back`,
    };
  });
}

function named(left: FreshWave['dropped'], servers: ReadonlyMap<string, Server>): Left[] {
  return left.map(({ server, why }) => {
    const known = servers.get(server);
    return { name: known === undefined ? server : serverName(known), why };
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
