/** What does the fleet look like to a run that empties hypervisors, with what people and past nights have laid down? */
import type { StepScope } from '../context.ts';
import { whyNotArmed } from '../domain/acting.ts';
import { whyClaimed } from '../domain/claims.ts';
import { PermanentError } from '../domain/failure.ts';
import type { Fleet, Hypervisor } from '../domain/fleet.ts';
import type { FleetFile } from '../domain/fleet-file.ts';
import { snapshotOf } from '../domain/fleet-snapshot.ts';
import type { Holds } from '../domain/holds.ts';
import { isReserved, withoutReservations } from '../domain/reserved.ts';
import { sayCount } from '../domain/say.ts';
import { type Defragmenting, snapshotRules } from './defragment-settings.ts';
import { readHolds } from './read-holds.ts';
import { readReservations } from './reserve.ts';

/** Where servers were put by this job: id → `LastMove`. What is older than the cool-down is forgotten. */
const LAST_MOVES = 'last-moves';

type LastMove = { readonly at: string };

export interface Seen {
  /** What this run has closed counts as enabled. */
  readonly fleet: Fleet;
  readonly file: FleetFile;
  readonly holds: Holds;
  /** Hypervisors that other runs keep empty for the campaign. */
  readonly keptByOthers: number;
}

/**
 * To be called inside a step. `stay`: why servers stay, by id, beside what the site and their owners say.
 * Permanent error while Nova cannot say where some servers are.
 */
export async function seeFleet(
  ctx: Defragmenting,
  scope: Pick<StepScope, 'now' | 'table'>,
  stay: Readonly<Record<string, string>> = {},
): Promise<Seen> {
  const holds = await readHolds(ctx, scope);
  const read = await ctx.cloud.fleet();
  const unseen = read.servers.filter(({ status }) => status === 'UNKNOWN').length;
  if (unseen > 0) throw new PermanentError(`Nova cannot see ${sayCount(unseen, 'server')}: a cell is down`);
  const reservations = await readReservations(scope);
  const isOurs = ({ name }: Hypervisor): boolean => reservations[name]?.run === ctx.runId;
  const kept = read.hypervisors.filter((one) => isReserved(reservations, one) && !isOurs(one));
  const ours = Object.fromEntries(Object.entries(reservations).filter(([, { run }]) => run === ctx.runId));
  const fleet = withoutReservations(read, ours);
  // A job that is not armed at all still shows what it would do.
  const armed = ctx.acting || ctx.armed !== false ? ctx.armed : true;
  const rows = [...(await scope.table(LAST_MOVES).all<LastMove>())];
  // The clock is the one by which moves are noted.
  const now = { ...fleet, takenAt: scope.now().toISOString() };
  const { fleet: file } = snapshotOf(now, 'fleet', {
    ...snapshotRules(ctx.options),
    whyLeft: ({ name, aggregates }) =>
      whyNotArmed(armed, aggregates) ?? whyClaimed(holds.claims, name, holds),
    lastMoved: Object.fromEntries(rows.map(([id, { at }]) => [id, at])),
    stay,
  });
  return { fleet, file, holds, keptByOthers: kept.length };
}

/** To be called inside a step: servers that have arrived, and stay for a while where they are. */
export async function noteMoves(
  ctx: Defragmenting,
  { now, table }: Pick<StepScope, 'now' | 'table'>,
  servers: readonly string[],
): Promise<void> {
  const coolDownMs = ctx.options.coolDownHours * 3_600_000;
  const rows = table(LAST_MOVES);
  for (const [id, { at }] of await rows.all<LastMove>())
    if (Date.parse(at) + coolDownMs <= now().getTime()) rows.delete(id);
  if (coolDownMs === 0) return;
  for (const id of servers) rows.set(id, { at: now().toISOString() });
}
