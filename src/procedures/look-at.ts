/** The last look at a hypervisor before anything is done to it: does the plan still hold for it? */

import type { Context, StepScope } from '../context.ts';
import type { Measured } from '../domain/bandwidth.ts';
import { rebootReason } from '../domain/cordon.ts';
import type { DrainPolicy } from '../domain/drain-policy.ts';
import { type Holds, whyAllStopped } from '../domain/holds.ts';
import { planReboots } from '../domain/reboot-order.ts';
import type { Reservations } from '../domain/reserved.ts';
import { askNeed } from './ask-host.ts';
import { devicesFor } from './cold-places.ts';
import { BANDWIDTH } from './migrate.ts';
import type { NeedSettings } from './need-settings.ts';
import type { OwnerSettings } from './owner-settings.ts';
import { readHolds } from './read-holds.ts';
import { readReservations } from './reserve.ts';
import { type RoomSettings, roomRules } from './room-settings.ts';
import { noticesOf } from './tell-owners.ts';

export interface LookSettings extends Omit<DrainPolicy, 'owners'>, NeedSettings, RoomSettings, OwnerSettings {
  readonly mbPerSecond: number;
}

/** What must be known of a hypervisor before it is rebooted, so that the reboot can be proved. */
export type Before = {
  readonly bootId: string;
  readonly next: string;
  readonly serviceId: string;
  /** Binaries of the network agents that are alive on it; left out in a journal of an older Nightshift. */
  readonly agents?: readonly string[];
  readonly why: string;
  /** Servers aboard in ERROR. */
  readonly errors: number;
  /** What its drain is estimated to take. */
  readonly drainSeconds: number;
  /** Running guests that must move first. */
  readonly guests: number;
};

export type LastLook =
  | { readonly go: true; readonly before: Before }
  | { readonly go: false; readonly verdict: 'held' | 'skipped'; readonly why: string }
  /** Servers must end first; `need` is why it is to be rebooted. */
  | { readonly go: 'waits'; readonly why: string; readonly need: string };

const LOOK_MS = 5 * 60_000;

/**
 * Proves need, room and all else anew on fresh data, because the plan is as old as the drains before.
 * `key` is the step's. Disabled by this very run is no hold.
 */
export async function lookAt(ctx: Context<LookSettings>, name: string, key: string): Promise<LastLook> {
  return ctx.step<LastLook>(key, { effect: 'read', timeoutMs: LOOK_MS }, async (scope) => {
    const need = await askNeed(ctx, name, scope.signal);
    if (need.need === 'no') return { go: false, verdict: 'skipped', why: need.why };
    const { mbPerSecond } = ctx.options;
    const measured = Object.fromEntries(await scope.table(BANDWIDTH).all<Measured>());
    const fleet = await ctx.cloud.fleet();
    const aboard = fleet.servers.filter(({ hypervisor }) => hypervisor === name);
    const holds = await heeded(ctx, scope);
    const stopped = whyAllStopped(holds);
    if (stopped !== undefined) return { go: false, verdict: 'held', why: stopped };
    const { order, waits, held } = planReboots({
      fleet,
      needs: { [name]: need },
      armed: ctx.armed,
      limit: 1,
      mbPerSecond,
      measured,
      waiting: {},
      maxWaiting: 1,
      mine: rebootReason(ctx.runId),
      // The others that are reserved take no guest yet.
      reserved: onlyOf(await readReservations(scope), name),
      holds,
      room: roomRules(ctx.options),
      policy: ctx.options,
      notice: await noticesOf(ctx.options, scope),
      devices: await devicesFor(ctx.cloud, aboard, ctx.options),
    });
    if (waits[0] !== undefined) return { go: 'waits', why: waits[0].why, need: need.why };
    const why = held[0]?.why ?? 'it is no hypervisor of this cloud any more';
    const [planned] = order;
    if (planned === undefined || need.need === 'unclear') return { go: false, verdict: 'held', why };
    const service = await ctx.cloud.service(name);
    const { bootId, next } = need;
    const errors = aboard.filter(({ status }) => status === 'ERROR').length;
    const { drainSeconds, guests } = planned;
    const alive = (await ctx.cloud.agents(name)).filter((agent) => agent.alive);
    const agents = alive.map(({ binary }) => binary);
    const known = { serviceId: service.id, agents, why: need.why, errors, drainSeconds, guests };
    return { go: true, before: { bootId, next, ...known } };
  });
}

function onlyOf(reservations: Reservations, name: string): Reservations {
  const own = reservations[name];
  return own === undefined ? {} : { [name]: own };
}

/** A person who names this one hypervisor knows of the breakers; its campaign has to heed them. */
async function heeded(ctx: Context<LookSettings>, scope: StepScope): Promise<Holds> {
  const holds = await readHolds(ctx, scope);
  return ctx.trigger.kind === 'run' ? holds : { ...holds, breakers: {} };
}
