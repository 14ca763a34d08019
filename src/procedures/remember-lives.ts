/** Writes down how long servers live that cannot be moved, so that it can be told when a hypervisor will be free. */
import type { Context } from '../context.ts';
import { type Life, type Lives, noteLives } from '../domain/lifetimes.ts';

/** Server id → `Life`. */
export const LIVES = 'lives';

const KEPT_MS = 400 * 86_400_000;

/** Once a run; only what has changed is written, and what ended long ago is forgotten. */
export async function rememberLives(ctx: Context<unknown>): Promise<void> {
  await ctx.step('remember lives', { effect: 'idempotent' }, async ({ table, now }) => {
    const rows = table(LIVES);
    const before: Lives = Object.fromEntries(await rows.all<Life>());
    const { servers } = await ctx.cloud.fleet();
    // A cell that is down hides servers, and none has ended by that.
    if (servers.some(({ status }) => status === 'UNKNOWN')) return;
    const pinned = servers.filter((server) => server.pinned !== undefined);
    const after = noteLives(before, pinned, now());
    for (const [id, life] of Object.entries(after)) {
      const old = now().getTime() - Date.parse(life.seenAt) > KEPT_MS;
      if (old) rows.delete(id);
      else if (
        before[id] === undefined ||
        before[id].seenAt !== life.seenAt ||
        before[id].ended !== life.ended
      )
        rows.set(id, life);
    }
  });
}
