/** Moves every running guest off a hypervisor, until two looks in a row find none. */
import type { Context } from '../context.ts';
import { type Measured, usualSpeed } from '../domain/bandwidth.ts';
import { decideDrain } from '../domain/drain-policy.ts';
import type { Cloud, Server } from '../domain/fleet.ts';
import { clusterOf } from '../domain/guest-class.ts';
import { serverName } from '../domain/names.ts';
import { sayCount, sayList } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import { migrateCold } from './cold-migrate.ts';
import { coldPlacesOf } from './cold-places.ts';
import type { Moved } from './cordon.ts';
import type { Guest } from './guest.ts';
import { BANDWIDTH, type MigrateSettings, migrate } from './migrate.ts';
import { chooseTargets } from './migration-target.ts';
import { poll } from './pause.ts';
import { stopGuest } from './stop-guest.ts';

type Aboard = { readonly running: readonly Guest[]; readonly stuck: string | null };

/** Owners start stopped guests, and what was on its way when the cordon came still lands. */
const MOST_LOOKS = 10;
const SLOW_ANSWERS_MS = 5 * 60_000;

/**
 * Stops at the first guest that cannot leave, and says why; undefined when no running guest remains.
 * Stopped guests stay where they are. Each guest is added to `touched` before it is asked to move, so
 * that whoever puts things back knows it also when this throws.
 */
export async function drain(
  ctx: Context<MigrateSettings>,
  name: string,
  touched: Map<string, Moved>,
): Promise<string | undefined> {
  let quiet = 0;
  for (let look = 1; look <= MOST_LOOKS; look += 1) {
    const aboard = await attempt(() => lookAboard(ctx, name, look));
    if (!aboard.ok) return `its guests cannot be listed: ${aboard.error.message}`;
    if (aboard.value.stuck !== null) return aboard.value.stuck;
    for (const guest of aboard.value.running) {
      touched.set(guest.id, asMoved(guest));
      const key = `${KEYS[guest.by]} ${guest.id} off ${name}${look === 1 ? '' : `, look ${look}`}`;
      const migrated = await attempt(() => WAYS[guest.by](ctx, { guest, from: name, key }));
      if (!migrated.ok) return migrated.error.message;
    }
    quiet = aboard.value.running.length === 0 ? quiet + 1 : 0;
    if (quiet === 2) return undefined;
  }
  return `guests kept coming through ${MOST_LOOKS} looks`;
}

const WAYS = { live: migrate, cold: migrateCold, stop: stopGuest } as const;
const KEYS = { live: 'migrate', cold: 'migrate cold', stop: 'stop' } as const;

function asMoved({ id, name, by, action }: Guest): Moved {
  return { id, name, by, action };
}

/** What runs on it now; waits for guests that something is being done to. */
async function lookAboard(ctx: Context<MigrateSettings>, name: string, look: number): Promise<Aboard> {
  const { pollMs, migrateAtLeastSeconds } = ctx.options;
  const withinMs = migrateAtLeastSeconds * 1000;
  const options = { effect: 'read', timeoutMs: withinMs + SLOW_ANSWERS_MS } as const;
  return ctx.step(`guests of ${name}, look ${look}`, options, async ({ signal, timers, table }) => {
    // Looks in a row are apart, or the second would see no more than the first.
    if (look > 1) await timers.pause(pollMs, signal);
    const measured = (await table(BANDWIDTH).get<Measured>(name)) ?? [];
    const mbPerSecond = usualSpeed(measured, ctx.options.mbPerSecond);
    let blocked: readonly string[] = [];
    const settled = await poll(
      async () => {
        const { running, held, waits } = await readAboard(ctx, name, mbPerSecond);
        blocked = held.length > 0 ? held : waits;
        return held.length > 0 || waits.length === 0 ? running : undefined;
      },
      { everyMs: pollMs, withinMs, signal, timers },
    );
    const stuck = `${sayCount(blocked.length, 'server')} cannot leave: ${sayList(blocked, 3)}`;
    const running = await withTargets(ctx, settled ?? [], name);
    return { running, stuck: blocked.length === 0 ? null : stuck };
  });
}

async function withTargets(
  ctx: Context<MigrateSettings>,
  guests: readonly Guest[],
  from: string,
): Promise<Guest[]> {
  const live = guests.filter(({ by }) => by === 'live').map(({ id }) => id);
  const targets = await chooseTargets(ctx, live, from);
  return guests.map((guest) => ({ ...guest, target: guest.target ?? targets.get(guest.id) ?? null }));
}

async function readAboard(ctx: Context<MigrateSettings>, name: string, mbPerSecond: number) {
  const running: Guest[] = [];
  const held: string[] = [];
  const waits: string[] = [];
  const rows = await readRows(ctx.cloud, name);
  const servers = rows.flatMap(({ server }) => server ?? []);
  const coldPlaces = await coldPlacesOf(ctx, name, servers);
  const policy = { ...ctx.options, coldPlaces };
  for (const { row, server } of rows) {
    const decision = server === undefined ? decideRow(row) : decideDrain(server, policy);
    if (
      server !== undefined &&
      (decision.does === 'live' || decision.does === 'cold' || decision.does === 'stop')
    ) {
      const place = decision.does === 'cold' ? coldPlaces?.[server.id] : undefined;
      const target = place !== undefined && 'to' in place ? place.to : null;
      running.push({ ...(await asGuest(ctx, server, decision.does)), mbPerSecond, target });
    }
    if (decision.does === 'held' || decision.does === 'pinned')
      held.push(`${serverName(row)} ${decision.why}`);
    if (decision.does === 'waits') waits.push(`${serverName(row)} ${decision.why}`);
  }
  return { running, held, waits };
}

type Row = Awaited<ReturnType<Cloud['occupancy']>>['servers'][number];

/** Nova's rows; whoever runs is read whole, because the list tells neither of locks nor of devices nor of wishes. */
async function readRows(
  cloud: Cloud,
  name: string,
): Promise<{ readonly row: Row; readonly server?: Server }[]> {
  const rows: { readonly row: Row; readonly server?: Server }[] = [];
  for (const row of (await cloud.occupancy(name)).servers) {
    if (decideRow(row).does !== 'live') rows.push({ row });
    else {
      const server = await cloud.server(row.id);
      if (server !== undefined) rows.push({ row, server });
    }
  }
  return rows;
}

function decideRow({ status, task }: Row) {
  return decideDrain({ status, ...(task !== undefined && { task }), locked: false });
}

async function asGuest(
  { cloud, options }: Context<MigrateSettings>,
  server: Server,
  by: Guest['by'],
): Promise<Omit<Guest, 'mbPerSecond' | 'target'>> {
  const { id, name, size } = server;
  const [latest] = await cloud.migrations(id);
  const [action] = by === 'stop' ? await cloud.actions(id) : [];
  return {
    id,
    name,
    ramMb: size.ramMb,
    diskGb: size.diskGb,
    newest: latest?.id ?? null,
    by,
    action: action?.id ?? null,
    cluster: clusterOf(server, options.classes) ?? null,
  };
}
