/** How soon could anybody reboot these hypervisors, whatever the tool? Three lower bounds; the largest counts. */
import type { State } from '../../src/twin/state.ts';
import type { Visit } from './campaign-night.ts';

/** Live migrations that a network of this kind carries at once. */
const PARALLEL = 50;

export interface Bound {
  readonly seconds: number;
  /** What makes it so long. */
  readonly by: string;
}

/**
 * Slack: a hypervisor that boots ties up what it has for as long, and a guest that moves is booked at both
 * ends, in no more than what nobody uses. Network: so many migrations at once. Machine: the guests of one
 * leave one after the other, then it boots.
 */
export function fleetBound(before: State, visits: readonly Visit[]): Bound {
  const bounds: Bound[] = [
    ...(['vcpus', 'ramMb', 'diskGb'] as const).map((what) => ({ seconds: slack(what), by: `room: ${what}` })),
    { seconds: sum(visits.flatMap(msOfMoves)) / PARALLEL / 1000, by: 'network' },
    {
      seconds: Math.max(...visits.map((visit) => sum(msOfMoves(visit)) + visit.bootMs)) / 1000,
      by: 'the longest drain and boot',
    },
  ];
  return bounds.toSorted((a, b) => b.seconds - a.seconds)[0] as Bound;

  function slack(what: 'vcpus' | 'ramMb' | 'diskGb'): number {
    const enabled = Object.values(before.hypervisors).filter(({ disabled }) => !disabled);
    const capacityOf = ({ stock }: (typeof enabled)[number]) =>
      ({
        vcpus: stock.vcpus * stock.cpuRatio,
        ramMb: stock.ramMb - stock.reservedRamMb,
        diskGb: stock.diskGb,
      })[what];
    const hosts = new Set(enabled.map(({ host }) => host));
    const booked = Object.values(before.allocations).filter(({ host }) => hosts.has(host));
    const free = sum(enabled.map(capacityOf)) - sum(booked.map((allocation) => allocation[what]));
    const byName = new Map(enabled.map((each) => [each.name, each]));
    const tiedMs = visits.map(({ hypervisor, bootMs, migrations }) => {
      const host = byName.get(hypervisor);
      const moved = migrations.map(({ server, ms }) => ms * sizeOf(server, what));
      return (host === undefined ? 0 : bootMs * capacityOf(host)) + sum(moved);
    });
    return free <= 0 ? Number.POSITIVE_INFINITY : sum(tiedMs) / free / 1000;
  }

  function sizeOf(server: string, what: 'vcpus' | 'ramMb' | 'diskGb'): number {
    const flavor = before.flavors.find(({ name }) => name === before.servers[server]?.flavor);
    return flavor?.[what] ?? 0;
  }
}

function msOfMoves({ migrations }: Visit): number[] {
  return migrations.map(({ ms }) => ms);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
