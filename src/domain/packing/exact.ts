/** What is the very best that can be done in a tiny pool? Every state that moves can lead to is looked at. */
import { cellChoices } from './cell-choices.ts';
import { membersOf } from './classes.ts';
import type { Leg } from './legs.ts';
import type { Model } from './model.ts';
import { Placement } from './placement.ts';
import { hasRoomForAll } from './progress.ts';
import { type State, StateQueue } from './state-queue.ts';

/** How to leave so many hypervisors empty with the fewest moves, then at the least cost. */
export interface Way {
  readonly emptied: number;
  /** Detours included. */
  readonly moves: number;
  readonly cost: number;
  /** In a legal order. */
  readonly legs: readonly Leg[];
}

export interface ExactLimits {
  readonly maxMoves: number;
  /** Hypervisors to be emptied at most. */
  readonly most: number;
  /** States that are looked at before it gives up. */
  readonly states: number;
}

/** Where a unit may be: on which hypervisor, and in which cells each of its members. */
interface Spot {
  readonly hypervisor: number;
  readonly cells: readonly number[];
}

/** What there is to be moved; a state is a number of which each digit says the spot of one unit. */
interface Ground {
  readonly placement: Placement;
  readonly hypervisors: readonly number[];
  /** Servers of each unit that can move. */
  readonly units: readonly (readonly number[])[];
  /** Where each unit may be; the first is where it is at the start. */
  readonly spots: readonly (readonly Spot[])[];
  /** The spot that each unit is in now. */
  readonly now: Int32Array;
}

/**
 * For each number of hypervisors that can be emptied, from 0 on, the best way; undefined where that takes too many
 * states. In each state both ends of a migration are held, and hypervisors that were empty are so again at the end.
 */
export function exactWays(model: Model, pool: number, limits: ExactLimits): readonly Way[] | undefined {
  const ground = groundOf(model, pool);
  if (sizesOf(ground).reduce((product, size) => product * size, 1) > Number.MAX_SAFE_INTEGER)
    return undefined;
  const ways = new Map<number, Way>();
  const queue = new StateQueue({ key: 0, moves: 0, cost: 0 });
  let states = 0;
  for (let state = queue.next(); state !== undefined; state = queue.next()) {
    if (states++ >= limits.states) return undefined;
    goTo(ground, state);
    const emptied = emptiedIn(ground);
    if (emptied !== undefined && emptied <= limits.most && !ways.has(emptied))
      ways.set(emptied, wayTo(ground, state, emptied));
    if (ways.has(limits.most)) break;
    for (const next of nextOf(ground, state, queue)) if (next.moves <= limits.maxMoves) queue.add(next);
  }
  return [...ways.values()].toSorted((a, b) => a.emptied - b.emptied);
}

function groundOf(model: Model, pool: number): Ground {
  const { poolOf, canMove, canTake, home, unitOf, cellsAtHome, kindOf } = model;
  const hypervisors = [...poolOf.keys()].filter((h) => poolOf[h] === pool);
  const movers = [...home.keys()].filter((s) => canMove[s] === 1 && poolOf[home[s]!] === pool);
  const units = [...new Set(movers.map((s) => unitOf[s]!))].map((unit) => [...membersOf(model, unit)]);
  const targets = hypervisors.filter((h) => canTake[h] === 1);
  const spots = units.map((servers) => {
    const kinds = servers.map((s) => kindOf[s]!);
    return [
      { hypervisor: home[servers[0]!]!, cells: servers.map((s) => cellsAtHome[s]!) },
      ...targets.flatMap((hypervisor) =>
        cellChoices(model, kinds, hypervisor).choices.map((cells) => ({ hypervisor, cells })),
      ),
    ];
  });
  return { placement: new Placement(model), hypervisors, units, spots, now: new Int32Array(units.length) };
}

function sizesOf({ spots }: Ground): number[] {
  return spots.map(({ length }) => length);
}

/** The spot of each unit in a state. */
function spotsIn({ spots }: Ground, { key }: State): number[] {
  let rest = key;
  return spots.map(({ length }) => {
    const spot = rest % length;
    rest = (rest - spot) / length;
    return spot;
  });
}

/** Puts every unit where the state has it. */
function goTo(ground: Ground, state: State): void {
  const { placement, units, spots, now } = ground;
  const then = spotsIn(ground, state);
  const moved = [...units.keys()].filter((u) => now[u] !== then[u]);
  for (const u of moved) for (const server of units[u]!) placement.take(server);
  for (const u of moved) {
    const { hypervisor, cells } = spots[u]![then[u]!]!;
    for (const [i, server] of units[u]!.entries()) placement.put(server, hypervisor, cells[i]);
    now[u] = then[u]!;
  }
}

/** undefined in a state in which nobody may end, because one that was empty is in use. */
function emptiedIn({ placement, hypervisors }: Ground): number | undefined {
  const { isCandidate, wasEmpty } = placement.model;
  if (hypervisors.some((h) => wasEmpty[h] === 1 && placement.count[h]! > 0)) return undefined;
  return hypervisors.filter((h) => isCandidate[h] === 1 && placement.count[h] === 0).length;
}

/** States that one leg leads to from the one that the ground is in, and that nothing better is known of. */
function* nextOf(ground: Ground, state: State, queue: StateQueue): Generator<State> {
  const { placement, units, spots, now } = ground;
  let digit = 1;
  for (const [u, servers] of units.entries()) {
    const from = placement.at[servers[0]!]!;
    const moves = state.moves + servers.length;
    const cost = servers.reduce((sum, s) => sum + placement.model.cost[s]!, state.cost);
    for (const [spot, { hypervisor, cells }] of spots[u]!.entries()) {
      const key = state.key + (spot - now[u]!) * digit;
      if (hypervisor === from || queue.knowsBetter(key, moves, cost)) continue;
      const hasRoom =
        servers.length === 1
          ? placement.fits(servers[0]!, hypervisor, cells[0])
          : hasRoomForAll(placement, [{ servers, from, to: hypervisor, cells }]);
      if (hasRoom) yield { key, moves, cost, before: state };
    }
    digit *= spots[u]!.length;
  }
}

function wayTo(ground: Ground, end: State, emptied: number): Way {
  const states: State[] = [];
  for (let state: State | undefined = end; state !== undefined; state = state.before) states.unshift(state);
  const at = states.map((state) => spotsIn(ground, state));
  const ways = at.slice(1).map((spots, i) => ({ u: spots.findIndex((spot, u) => spot !== at[i]![u]), i }));
  const legs = ways.map(({ u, i }) => {
    const { hypervisor: to, cells } = ground.spots[u]![at[i + 1]![u]!]!;
    const from = ground.spots[u]![at[i]![u]!]!.hypervisor;
    const isDetour = ways.some((later) => later.u === u && later.i > i);
    return { servers: ground.units[u]!, from, to, cells, isDetour };
  });
  return { emptied, moves: end.moves, cost: end.cost, legs };
}
