/** How does a fleet get from one placement to another: which servers move in which wave, and which cannot? */
import type { Limits } from '../move-order.ts';
import { type Dropped, type Leg, legsOf, placementAt } from './legs.ts';
import { migrationSeconds } from './makespan.ts';
import type { Model } from './model.ts';
import { type Order, orderOf, type Preference } from './order.ts';
import { randomFrom } from './random.ts';
import type { Move } from './timetable.ts';
import { waitsOf } from './waits.ts';
import { wavesOf } from './waves.ts';

export interface Sequence {
  /** Legal one wave after the other, and move by move in the order of `MoveOrder`. */
  readonly waves: readonly (readonly Move[])[];
  /** Moves to a hypervisor that the server soon leaves again. */
  readonly detours: number;
  /** Servers that stay where they are although the target has them elsewhere. */
  readonly dropped: readonly Dropped[];
}

export interface SequenceLimits extends Limits {
  /** Legs whose order is known: legal one after the other from the start, in pools where nothing else moves. */
  readonly ordered?: readonly Leg[];
}

/**
 * Every server whose place differs is moved there, perhaps with a detour, or is dropped with a reason; a server
 * that is dropped keeps the room that it has, which may drop others. Limits below 1 count as 1. Deterministic.
 */
export function sequence(
  model: Model,
  start: Int32Array,
  target: Int32Array,
  { ordered = [], ...limits }: SequenceLimits,
): Sequence {
  const placement = placementAt(model, start);
  const isOrdered = new Set(ordered.flatMap(({ servers }) => servers));
  const { legs: all, dropped } = legsOf(placement, target);
  const open = all.filter(({ servers }) => !isOrdered.has(servers[0]!));
  const order = leastLoss(PREFERENCES.values().map((prefer) => orderOf(placement, open, prefer)));
  const legs = [...ordered, ...order.legs];
  const { fleet } = model;
  return {
    waves: wavesOf({
      legs,
      waits: waitsOf(placement, legs),
      limits: atLeastOne(limits),
      seconds: (server) => migrationSeconds(fleet, fleet.servers[server]!),
      random: randomFrom(legs.length),
    }),
    detours: legs.filter(({ isDetour }) => isDetour).length,
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
