/** When do servers end that nobody can move, and what comes after them? */
import { isUp } from './power.ts';
import { type Dice, draw } from './random.ts';
import { newServer, settleOn, vanish } from './servers.ts';
import type { Lifetimes, Server } from './state.ts';
import type { Handlers, World } from './world.ts';

const DAY_MS = 86_400_000;
/** A half of them ends within three days, one in ten lives for more than 26. */
const USUAL: Lifetimes = { medianDays: 3, spread: 1.685 };
/** Fewer ages say nothing. */
const FEWEST_AGES = 5;
const SHORTEST_DAYS = 1 / 24;

/**
 * By the ages of those that run: where as many begin as end, what is left to them is distributed as their ages
 * are (a renewal process seen at any time). Undefined ages say nothing.
 */
export function lifetimesOf(agesDays: readonly number[]): Lifetimes {
  if (agesDays.length < FEWEST_AGES) return USUAL;
  const logs = agesDays.map((days) => Math.log(Math.max(days, SHORTEST_DAYS)));
  const mean = sum(logs) / logs.length;
  const variance = sum(logs.map((log) => (log - mean) ** 2)) / (logs.length - 1);
  return { medianDays: Math.exp(mean), spread: Math.sqrt(variance) };
}

/** Its end comes by itself. */
export function letLive(world: World, { id }: Server, lifetimes: Lifetimes): void {
  world.plan(drawLifeMs(world.state, lifetimes), 'server ends', id);
}

export function drawLifeMs(dice: Dice, { medianDays, spread }: Lifetimes): number {
  return Math.max(medianDays * Math.exp(spread * drawNormal(dice)), SHORTEST_DAYS) * DAY_MS;
}

export const lifeHandlers = {
  'server ends': (world, { of }) => {
    const server = world.server(of);
    const { lifetimes } = world.state;
    vanish(world, of);
    if (server?.host == null || lifetimes === undefined) return;
    const hypervisor = world.hypervisor(server.host);
    if (hypervisor.disabled || !isUp(world, hypervisor)) return;
    // Whoever waits for a device takes the one that came free.
    const { name, projectId, userId, flavor, metadata, zone } = server;
    const wish = { name, projectId, userId, flavor, metadata, ...(zone !== undefined && { zone }) };
    const next = newServer(world, wish);
    settleOn(world, next, server.host);
    world.tell({ what: 'server came', server: next.id, hypervisor: hypervisor.name });
    letLive(world, next, lifetimes);
  },
} satisfies Partial<Handlers>;

/** Box and Muller: mean 0, standard deviation 1. */
function drawNormal(dice: Dice): number {
  const [first, second] = [1 - draw(dice), draw(dice)];
  return Math.sqrt(-2 * Math.log(first)) * Math.cos(2 * Math.PI * second);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
