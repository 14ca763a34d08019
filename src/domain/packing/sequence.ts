/** How does a fleet get from one placement to another: which servers move in which wave, and which cannot? */
import { type Dropped, legsOf, placementAt } from './legs.ts';
import { type Limits, migrationSeconds } from './makespan.ts';
import type { Model } from './model.ts';
import { type Order, orderOf, type Preference } from './order.ts';
import { randomFrom } from './random.ts';
import type { Move } from './timetable.ts';
import { waitsOf } from './waits.ts';
import { wavesOf } from './waves.ts';

export interface Sequence {
  /** The moves of a wave run together; each wave waits for the one before. Every state on the way is legal. */
  readonly waves: readonly (readonly Move[])[];
  /** Moves to a hypervisor that the server soon leaves again. */
  readonly detours: number;
  /** Servers that stay where they are although the target has them elsewhere. */
  readonly dropped: readonly Dropped[];
}

/**
 * Every server whose place differs is moved there, perhaps with a detour, or is dropped with a reason; a server
 * that is dropped keeps the room that it has, which may drop others. Limits below 1 count as 1. Deterministic.
 */
export function sequence(model: Model, start: Int32Array, target: Int32Array, limits: Limits): Sequence {
  const placement = placementAt(model, start);
  const { legs, dropped } = legsOf(placement, target);
  const order = leastLoss(PREFERENCES.values().map((prefer) => orderOf(placement, legs, prefer)));
  const { fleet } = model;
  return {
    waves: wavesOf({
      legs: order.legs,
      waits: waitsOf(placement, order.legs),
      limits: atLeastOne(limits),
      seconds: (server) => migrationSeconds(fleet, fleet.servers[server]!),
      random: randomFrom(legs.length),
    }),
    detours: order.detours,
    dropped: [...dropped, ...order.dropped],
  };
}

/** Each may find a way where another one is stuck. */
const PREFERENCES: readonly Preference[] = [
  ({ from }, { leaving }) => leaving[from]!,
  (leg, { placement }) => -ramMbOf(leg.servers, placement.model),
  (leg, { placement }) => ramMbOf(leg.servers, placement.model),
  ({ to }, { leaving }) => leaving[to]!,
];

function ramMbOf(servers: readonly number[], { fleet }: Model): number {
  return servers.reduce((sum, s) => sum + fleet.servers[s]!.ramMb, 0);
}

/** The first without detours and drops, else the one with the fewest drops, then detours. */
function leastLoss(orders: Iterable<Order>): Order {
  const seen: Order[] = [];
  for (const order of orders) {
    seen.push(order);
    if (order.dropped.length === 0 && order.detours === 0) return order;
  }
  return seen.reduce((best, one) =>
    one.dropped.length < best.dropped.length ||
    (one.dropped.length === best.dropped.length && one.detours < best.detours)
      ? one
      : best,
  );
}

function atLeastOne({ parallel, outPerHypervisor, inPerHypervisor }: Limits): Limits {
  return {
    parallel: Math.max(1, parallel),
    outPerHypervisor: Math.max(1, outPerHypervisor),
    inPerHypervisor: Math.max(1, inPerHypervisor),
  };
}
