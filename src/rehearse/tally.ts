/** What became of a simulated cloud since its rehearsal began, counted in the cloud itself. */
import type { Headroom } from '../domain/forecast.ts';
import type { Happening } from '../twin/log.ts';
import { capacityOf } from '../twin/placing.ts';
import type { Hypervisor } from '../twin/state.ts';
import type { World } from '../twin/world.ts';

export interface Tally {
  readonly moves: number;
  readonly movedMb: number;
  readonly rebooted: number;
  /** Servers that ran and stopped because their hypervisor went down. */
  readonly died: number;
  readonly headroom: Headroom | undefined;
  /** When the last hypervisor that had booted was given back, in ms since 1970. */
  readonly lastBackAt: number | undefined;
  /** Grows with everything that brings a campaign further: reboots, moves, first tries, ends of servers that are waited for. */
  readonly changes: number;
}

/** Counts from now on; the answer is as of the moment at which it is asked for. */
export function tallyOf(world: World): () => Tally {
  const tally = { moves: 0, movedMb: 0, rebooted: 0, died: 0, changes: 0 };
  const booted = new Set<string>();
  const tried = new Set<string>();
  let headroom: Headroom | undefined;
  let lastBackAt: number | undefined;
  let seen = world.log.length;

  function count(happening: Happening): void {
    const { what, at } = happening;
    if (what === 'moved') {
      tally.moves += 1;
      tally.movedMb += ramMbOf(world, happening.server);
    }
    if (what === 'booted') {
      tally.rebooted += 1;
      booted.add(happening.hypervisor);
    }
    if (what === 'uncordoned' && booted.has(happening.hypervisor)) lastBackAt = at;
    if (what === 'guest died') tally.died += 1;
    // Where nobody waits for it, another one takes its place.
    const isAwaited = what === 'server went' && world.named(happening.hypervisor).disabled;
    const isFirstTry = what === 'cordoned' && !tried.has(happening.hypervisor);
    if (isFirstTry) tried.add(happening.hypervisor);
    if (what === 'moved' || what === 'booted' || isAwaited || isFirstTry) tally.changes += 1;
    if (what === 'cordoned' || what === 'reboot asked') look(at);
  }

  /** When the least room is left: before a hypervisor goes down its guests are elsewhere. */
  function look(at: number): void {
    const now = headroomOf(world, at);
    if (headroom === undefined || now.share < headroom.share) headroom = now;
  }

  look(world.now);
  world.watch(() => {
    for (; seen < world.log.length; seen += 1) count(world.log[seen] as Happening);
  });
  return () => ({ ...tally, headroom, lastBackAt });
}

/** Memory that is free on hypervisors which take servers now. */
function headroomOf(world: World, at: number): Headroom {
  let [freeMb, wholeMb] = [0, 0];
  for (const hypervisor of Object.values(world.state.hypervisors)) {
    const { ramMb } = capacityOf(hypervisor);
    wholeMb += ramMb;
    if (takesServers(hypervisor)) freeMb += Math.max(0, ramMb - world.used(hypervisor.host).ramMb);
  }
  return {
    freeGib: Math.round(freeMb / 1024),
    share: wholeMb === 0 ? 0 : freeMb / wholeMb,
    at: new Date(at).toISOString(),
  };
}

function takesServers({ disabled, power }: Hypervisor): boolean {
  return !disabled && power === 'on';
}

function ramMbOf(world: World, id: string): number {
  const server = world.server(id);
  return server === undefined ? 0 : world.flavorOf(server).ramMb;
}
