/** Reads what people and past nights have laid down about hypervisors. */
import type { Context, StepScope } from '../context.ts';
import { CLAIMS, type Claim } from '../domain/claims.ts';
import type { Holds } from '../domain/holds.ts';

/** To be called inside a step, whose result may depend on it. */
export async function readHolds(
  { window }: Pick<Context<unknown>, 'window'>,
  { now, table }: Pick<StepScope, 'now' | 'table'>,
): Promise<Holds> {
  const claims = Object.fromEntries(await table(CLAIMS).all<Claim>());
  return { now: now(), zone: window?.zone ?? 'UTC', claims };
}
