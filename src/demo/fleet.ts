/** The simulated cloud as the night finds it, and what the night did to it, counted in the cloud itself. */
import { seedWorld } from '../twin/seed.ts';
import { HANDLERS } from '../twin/simulate.ts';
import type { Hypervisor, Server, State } from '../twin/state.ts';
import type { World } from '../twin/world.ts';

export interface FleetWish {
  readonly seed: number;
  readonly hypervisors: number;
  readonly servers: number;
  /** ms since 1970: when the night begins. */
  readonly at: number;
}

/** Machines with a lot to check before they boot, and a network that is busy with other things. */
const PACE = { awayMs: 75_000, agentMs: 10_000, mbPerSecond: 600 };

/** Seven of twelve hypervisors have a new kernel that they do not run yet. */
const SHARE_IN_NEED = 7 / 12;

/**
 * A cloud that has a bit of everything a night meets: hypervisors that stand empty, some to drain, one
 * whose servers cannot move, one that somebody else has disabled. The same wish gives the same cloud.
 */
export function seedFleet(wish: FleetWish): State {
  const { state } = seedWorld({ ...wish, pace: PACE }, HANDLERS);
  const hosts = Object.values(state.hypervisors);
  const newest =
    hosts
      .flatMap(({ kernels }) => kernels)
      .toSorted()
      .at(-1) ?? '';
  const inNeed = mostTelling(state, hosts).slice(0, Math.round(hosts.length * SHARE_IN_NEED));
  for (const each of hosts)
    each.kernels = inNeed.includes(each) ? [each.boot.kernel, newest] : [each.boot.kernel];
  return state;
}

function mostTelling(state: State, hosts: readonly Hypervisor[]): Hypervisor[] {
  const disabled = hosts.filter((each) => each.disabled);
  const pinned = hosts.filter((each) => each.stock.gpus > 0 && running(state, each.host).length > 1);
  const others = hosts
    .filter(({ disabled, stock }) => !disabled && stock.gpus === 0)
    .toSorted((a, b) => running(state, a.host).length - running(state, b.host).length || a.number - b.number);
  return [...new Set([...disabled, ...pinned.slice(0, 1), ...others])];
}

/** What became of the cloud since its night began. */
export interface Deeds {
  /** Hypervisors that have booted. */
  readonly rebooted: number;
  /** Of those, so many were away at one time. */
  readonly awayAtOnce: number;
  /** Servers that were moved while they ran. */
  readonly migrated: number;
  /** Servers that ran and run no more. */
  readonly stopped: number;
}

export function deedsIn(before: State, after: State): Deeds {
  const booted = Object.values(after.hypervisors).filter(({ boots }) => boots > 0);
  const moved = after.migrations.filter(
    ({ kind, status }) => kind === 'live-migration' && status === 'completed',
  );
  return {
    rebooted: booted.length,
    awayAtOnce: mostAtOnce(booted.map(({ boot }) => [boot.at - after.pace.awayMs, boot.at])),
    migrated: new Set(moved.map(({ server }) => server)).size,
    stopped: Object.values(before.servers).filter(
      (server) => isRunning(server) && !isRunning(after.servers[server.id]),
    ).length,
  };
}

function mostAtOnce(spans: readonly (readonly [from: number, to: number])[]): number {
  return Math.max(0, ...spans.map(([from]) => spans.filter(([a, b]) => a <= from && from < b).length));
}

function running({ servers }: State, host: string): Server[] {
  return Object.values(servers).filter((server) => server.host === host && isRunning(server));
}

function isRunning(server: Server | undefined): boolean {
  return server?.domain?.running === true;
}

/** How many of each the cloud has. */
export function sizeOf({ state }: World): { hypervisors: number; servers: number } {
  return {
    hypervisors: Object.keys(state.hypervisors).length,
    servers: Object.keys(state.servers).length,
  };
}
