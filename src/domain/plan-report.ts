/** What do people read about a plan that empties hypervisors? What it gains, what it takes, and why not more. */
import type { DefragmentPlan } from './defragment-plan.ts';
import type { FleetFile } from './fleet-file.ts';
import type { Limits } from './move-order.ts';
import { boundServers, endsOf } from './plan-clock.ts';
import { sayAbout, sayCount, sayDuration, sayList } from './say.ts';

/** Rows shown of a long list; the file and the JSON have all. */
const SHOWN = 12;
/** Names shown of a long list. */
const NAMED = 3;

const MB_PER_GIB = 1024;

export interface PlanReport {
  readonly headline: string;
  readonly facts: readonly (readonly [label: string, text: string])[];
  /** The first that are emptied, in the order in which that happens. */
  readonly emptied: {
    readonly columns: string[];
    readonly rows: (string | number)[][];
    readonly more: number;
  };
  /** Hypervisors by the kind of reason, most frequent first. */
  readonly held: { readonly columns: string[]; readonly rows: (string | number)[][] };
}

/** The plan as people read it, carried out within `limits`; its warnings are its own words. */
export function describeDefragmentation(fleet: FleetFile, plan: DefragmentPlan, limits: Limits): PlanReport {
  const { moves, emptied, emptyBefore, emptyAfter, waves, makespanSeconds, makespanBound } = plan;
  const rows = emptyings(fleet, plan, limits);
  return {
    headline: headlineOf(plan, emptied.length),
    facts: [
      [
        'empty',
        `${emptyBefore} before, ${emptyAfter} after, of ${sayCount(fleet.hypervisors.length, 'hypervisor')}`,
      ],
      ...(moves === 0
        ? []
        : [
            ['moves', `${gib(plan.ramMovedMb)} GiB of memory, in ${sayCount(waves.length, 'wave')}`] as const,
            [
              'takes',
              `${sayAbout(makespanSeconds * 1000)}; no order of these moves takes less than ${sayDuration(makespanBound * 1000)}`,
            ] as const,
          ]),
    ],
    emptied: {
      columns: ['#', 'hypervisor', 'servers', 'GiB', 'empty after'],
      rows: rows.slice(0, SHOWN),
      more: Math.max(0, emptied.length - SHOWN),
    },
    held: { columns: ['held', 'hypervisors', 'why'], rows: reasons(plan) },
  };
}

/** `61 moves to empty 9 hypervisors (9 is the most possible).` */
export function headlineOf(
  { moves, emptyBefore, bound }: Pick<DefragmentPlan, 'moves' | 'emptyBefore' | 'bound'>,
  emptied: number,
): string {
  const stand = emptyBefore === 1 ? 'stands' : 'stand';
  const already = emptyBefore === 0 ? '' : ` ${sayCount(emptyBefore, 'hypervisor')} ${stand} empty already.`;
  const most = bound - emptyBefore;
  if (emptied === 0)
    return most <= 0
      ? `No hypervisor is to be emptied.${already}`
      : `No hypervisor can be emptied (at most ${most} could be).${already}`;
  const possible = emptied >= most ? `${emptied} is the most possible` : `at most ${most} are possible`;
  return `${sayCount(moves, 'move')} to empty ${sayCount(emptied, 'hypervisor')} (${possible}).${already}`;
}

function emptyings(
  fleet: FleetFile,
  { waves, emptied }: DefragmentPlan,
  limits: Limits,
): (string | number)[][] {
  const ramMb = new Map(fleet.servers.map((server) => [server.id, server.ramMb]));
  const together = boundServers(fleet);
  const timed = waves.map((wave) => wave.map((move) => ({ ...move, seconds: move.seconds ?? 0 })));
  const left = new Map(emptied.map((name) => [name, { servers: 0, ramMb: 0, seconds: 0 }]));
  for (const [{ server, from }, end] of endsOf(timed, {
    limits,
    isBound: (move) => together.has(move.server),
  })) {
    const one = left.get(from);
    if (one === undefined) continue;
    one.servers += 1;
    one.ramMb += ramMb.get(server) ?? 0;
    one.seconds = Math.max(one.seconds, end);
  }
  return [...left]
    .toSorted(([, a], [, b]) => a.seconds - b.seconds)
    .map(([name, one], i) => [i + 1, name, one.servers, gib(one.ramMb), sayAbout(one.seconds * 1000)]);
}

/** Reasons that differ in numbers and names only are of one kind, and the first stands for it. */
function reasons({ held }: DefragmentPlan): (string | number)[][] {
  const ours = held.flatMap((each) => ('hypervisor' in each ? [each] : []));
  const kinds = Map.groupBy(ours, ({ why }) => why.replaceAll(/\d+|\(.*\)/g, '#'));
  return [...kinds.values()]
    .toSorted((a, b) => b.length - a.length)
    .map((all) => {
      const [first] = all as [(typeof all)[number]];
      const alike = all.every(({ why }) => why === first.why);
      const names = all.map(({ hypervisor }) => hypervisor);
      return [all.length, sayList(names, NAMED), alike ? first.why : `${first.hypervisor}: ${first.why}`];
    });
}

function gib(mb: number): number {
  return Math.round(mb / MB_PER_GIB);
}
