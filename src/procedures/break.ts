/** Opens the breakers that a night's failures call for. */
import type { Context } from '../context.ts';
import {
  ALL_REBOOTS,
  BREAKERS,
  type Breaker,
  type BreakerRule,
  openBreakers,
  whyBroken,
} from '../domain/breakers.ts';
import { REBOOTS, type RebootRecord } from '../domain/reboot-record.ts';

/**
 * Writes down which breakers are open, by the table, by the records, and by `tonight`, which is why all
 * reboots stop. Returns why nothing more is begun; null when something may be. `key` is the step's.
 */
export async function breakCircuit(
  ctx: Context<unknown>,
  key: string,
  { rule, tonight }: { readonly rule: BreakerRule; readonly tonight?: string | undefined },
): Promise<string | null> {
  return ctx.step(key, { effect: 'idempotent' }, async ({ table, now }) => {
    const rows = Object.fromEntries(await table(BREAKERS).all<Breaker>());
    const records = Object.fromEntries(await table(REBOOTS).all<RebootRecord>());
    const open = { ...openBreakers(rows, records, { rule, now: now() }) };
    if (tonight !== undefined)
      open[ALL_REBOOTS] ??= { state: 'open', since: now().toISOString(), why: tonight };
    for (const [name, breaker] of Object.entries(open)) {
      if (rows[name]?.state !== 'open') table(BREAKERS).set(name, breaker);
    }
    return whyBroken(open, ALL_REBOOTS, ctx.window?.zone ?? 'UTC') ?? null;
  });
}
