/** Writes down how a hypervisor's reboot ended, for the nights to come. */
import type { Context } from '../context.ts';
import { REBOOTS, type RebootRecord, recordOf, type Took } from '../domain/reboot-record.ts';

export interface Memorable {
  readonly verdict: RebootRecord['verdict'];
  readonly why: string;
  readonly kernel: string;
  readonly errors: number;
  readonly took?: Took;
  /** The boot in which it was given back for a reason of its own. */
  readonly givenBackIn?: string;
}

/** What is worth remembering of an end; `before` is what was known when it was begun. */
export function memorable(
  ended: {
    readonly verdict: string;
    readonly why: string;
    readonly drainMs?: number;
    readonly bootMs?: number;
    readonly error?: Error;
  },
  before: {
    readonly next: string;
    readonly errors: number;
    readonly drainSeconds: number;
    readonly bootId: string;
  },
): Memorable {
  const { verdict, why, drainMs, bootMs, error } = ended;
  const { next, errors, drainSeconds, bootId } = before;
  const took =
    drainMs === undefined || bootMs === undefined
      ? {}
      : { took: { drainSeconds: drainMs / 1000, plannedSeconds: drainSeconds, bootSeconds: bootMs / 1000 } };
  const known = verdict === 'done' || verdict === 'given back' ? verdict : 'failed';
  const isItsOwn = known === 'given back' && error === undefined;
  return { verdict: known, why, kernel: next, errors, ...took, ...(isItsOwn && { givenBackIn: bootId }) };
}

/** Once a run; a run that is resumed writes over what it wrote. */
export async function remember(ctx: Context<unknown>, name: string, ended: Memorable): Promise<void> {
  await ctx.step(`remember ${name}`, { effect: 'idempotent' }, async ({ table, now }) => {
    const records = table(REBOOTS);
    const before = await records.get<RebootRecord>(name);
    records.set(name, recordOf(before, { ...ended, at: now().toISOString(), run: ctx.runId }));
  });
}
