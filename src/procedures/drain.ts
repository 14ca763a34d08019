/** Moves every running guest off a hypervisor, until two looks in a row find none. */
import type { Context } from '../context.ts';
import { decideDrain } from '../domain/drain-policy.ts';
import type { Cloud, Server } from '../domain/fleet.ts';
import { serverName } from '../domain/names.ts';
import { sayCount, sayList } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import type { Moved } from './cordon.ts';
import { type Guest, type MigrateSettings, migrate } from './migrate.ts';
import { poll } from './pause.ts';

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
      touched.set(guest.id, { id: guest.id, name: guest.name });
      const key = `migrate ${guest.id} off ${name}${look === 1 ? '' : `, look ${look}`}`;
      const migrated = await attempt(() => migrate(ctx, { guest, from: name, key }));
      if (!migrated.ok) return migrated.error.message;
    }
    quiet = aboard.value.running.length === 0 ? quiet + 1 : 0;
    if (quiet === 2) return undefined;
  }
  return `guests kept coming through ${MOST_LOOKS} looks`;
}

/** What runs on it now; waits for guests that something is being done to. */
async function lookAboard(ctx: Context<MigrateSettings>, name: string, look: number): Promise<Aboard> {
  const { pollMs, migrateAtLeastSeconds } = ctx.options;
  const withinMs = migrateAtLeastSeconds * 1000;
  const options = { effect: 'read', timeoutMs: withinMs + SLOW_ANSWERS_MS } as const;
  return ctx.step(`guests of ${name}, look ${look}`, options, async ({ signal, timers }) => {
    // Looks in a row are apart, or the second would see no more than the first.
    if (look > 1) await timers.pause(pollMs, signal);
    let blocked: readonly string[] = [];
    const settled = await poll(
      async () => {
        const { running, held, waits } = await readAboard(ctx, name);
        blocked = held.length > 0 ? held : waits;
        return held.length > 0 || waits.length === 0 ? running : undefined;
      },
      { everyMs: pollMs, withinMs, signal, timers },
    );
    const stuck = `${sayCount(blocked.length, 'server')} cannot leave: ${sayList(blocked, 3)}`;
    return { running: settled ?? [], stuck: blocked.length === 0 ? null : stuck };
  });
}

async function readAboard({ cloud }: Context<unknown>, name: string) {
  const running: Guest[] = [];
  const held: string[] = [];
  const waits: string[] = [];
  for (const row of (await cloud.occupancy(name)).servers) {
    let decision = decideDrain({ ...row, locked: false });
    if (decision.does === 'live') {
      // The list tells neither of locks nor of devices.
      const server = await cloud.server(row.id);
      if (server === undefined) continue;
      decision = decideDrain(server);
      if (decision.does === 'live') running.push(await asGuest(cloud, server));
    }
    if (decision.does === 'held' || decision.does === 'pinned')
      held.push(`${serverName(row)} ${decision.why}`);
    if (decision.does === 'waits') waits.push(`${serverName(row)} ${decision.why}`);
  }
  return { running, held, waits };
}

async function asGuest(cloud: Cloud, { id, name, size }: Server): Promise<Guest> {
  const [latest] = await cloud.migrations(id);
  return { id, name, ramMb: size.ramMb, diskGb: size.diskGb, newest: latest?.id ?? null };
}
