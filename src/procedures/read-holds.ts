/** Reads what people and past nights have laid down about hypervisors. */
import type { Context, StepScope } from '../context.ts';
import { BREAKERS, type Breaker, type BreakerRule, openBreakers } from '../domain/breakers.ts';
import { CLAIMS, type Claim } from '../domain/claims.ts';
import type { Holds } from '../domain/holds.ts';
import { REBOOTS, type RebootRecord } from '../domain/reboot-record.ts';

/** To be called inside a step, whose result may depend on it. With `rule`, past failures count as well. */
export async function readHolds(
  { window }: Pick<Context<unknown>, 'window'>,
  { now, table }: Pick<StepScope, 'now' | 'table'>,
  rule?: BreakerRule,
): Promise<Holds> {
  const claims = Object.fromEntries(await table(CLAIMS).all<Claim>());
  const rows = Object.fromEntries(await table(BREAKERS).all<Breaker>());
  const records = Object.fromEntries(await table(REBOOTS).all<RebootRecord>());
  const breakers = rule === undefined ? rows : openBreakers(rows, records, { rule, now: now() });
  return { now: now(), zone: window?.zone ?? 'UTC', claims, breakers, records };
}
