/** Keeps work inside the site's window: what would not be back in time is not begun. */
import type { Context } from '../context.ts';
import { sayInstant } from '../domain/say.ts';
import { whyNotNow, windowAt } from '../domain/window.ts';

export interface WindowSettings {
  readonly outsideWindow: boolean;
}

const LOOK_EVERY_MS = 5 * 60_000;
/** Windows may have holidays between them. */
const WITHIN_MS = 60 * 86_400_000;

/** Why work that takes `needMs` is not begun now; null when it may be. `key` is the step's. */
export async function whyOutside(
  ctx: Context<WindowSettings>,
  key: string,
  needMs: number,
): Promise<string | null> {
  const { window } = ctx;
  if (window === undefined || ctx.options.outsideWindow) return null;
  return ctx.step(key, { effect: 'read' }, async ({ now }) => whyNotNow(window, now(), needMs) ?? null);
}

/** Parks the run until work that takes `needMs` may begin. */
export async function awaitWindow(ctx: Context<WindowSettings>, key: string, needMs: number): Promise<void> {
  const { window } = ctx;
  if (window === undefined || ctx.options.outsideWindow) return;
  const { next } = windowAt(window.times, window.zone, ctx.now());
  const opens = next === undefined ? '' : `, which opens ${sayInstant(next.opensAt, window.zone)}`;
  const wait = { why: `the window ${window.name}${opens}`, withinMs: WITHIN_MS, everyMs: LOOK_EVERY_MS };
  await ctx.waitUntil(key, wait, async ({ now }) =>
    whyNotNow(window, now(), needMs) === undefined ? true : undefined,
  );
}
