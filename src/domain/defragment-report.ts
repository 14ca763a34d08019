/** What people read about a night that empties hypervisors: the plan before it, the outcome and the mail after it. */
import type { DefragmentPlan } from './defragment-plan.ts';
import type { FleetFile } from './fleet-file.ts';
import { byName } from './names.ts';
import { headlineOf } from './plan-report.ts';
import { sayAbout, sayCount, sayDay, sayInstant, sayList } from './say.ts';

type Why = { readonly name: string; readonly why: string };

/** How much one hypervisor has to give away. */
export type Emptying = { readonly name: string; readonly servers: number; readonly gib: number };

/** Tonight's plan as people read it. */
export type PlannedNight = {
  readonly plan: Pick<
    DefragmentPlan,
    'waves' | 'emptyBefore' | 'emptyAfter' | 'bound' | 'moves' | 'ramMovedMb' | 'makespanSeconds' | 'warnings'
  >;
  readonly emptying: readonly Emptying[];
  /** Those that are worth emptying and are not emptied. */
  readonly held: readonly Why[];
  /** Why nothing of it is done; null while something may be. */
  readonly stopped: string | null;
};

export interface EmptiedNight {
  /** Migrations of the first plan. */
  readonly planned: number;
  readonly moved: number;
  readonly movedMb: number;
  /** Empty now by this run, and which of them, with those that were empty before, are kept for the campaign. */
  readonly emptied: readonly string[];
  readonly kept: readonly string[];
  readonly until: string;
  /** Servers that did not move, and those for which nothing was left to do. */
  readonly failed: readonly Why[];
  readonly dropped: readonly Why[];
  /** Hypervisors that were closed, and serve again. */
  readonly back: readonly Why[];
  /** Those that stay disabled for a person. */
  readonly needYou: readonly Why[];
  /** Why the rest was not begun. */
  readonly stopped?: string | undefined;
  readonly red?: true;
  readonly cancelled?: true;
  readonly at: Date;
}

const MB_PER_GIB = 1024;
/** Names shown of a long list, and lines of one kind. */
const SHOWN = 12;
const LINES = 20;

/** Servers and GiB that leave each hypervisor which `plan` empties, in the order of the plan. */
export function emptyingOf(fleet: FleetFile, plan: DefragmentPlan): Emptying[] {
  const aboard = Map.groupBy(fleet.servers, ({ hypervisor }) => hypervisor);
  return plan.emptied.map((name) => {
    const servers = aboard.get(name) ?? [];
    const mb = servers.reduce((sum, { ramMb }) => sum + ramMb, 0);
    return { name, servers: servers.length, gib: Math.round(mb / MB_PER_GIB) };
  });
}

export function describeMoves({ plan, emptying, held, stopped }: PlannedNight) {
  const lines = [
    ...(plan.moves === 0 ? [] : [sayEffort(plan)]),
    ...plan.warnings.slice(0, LINES).map((warning) => `warning  ${warning}`),
    ...few(held.map(({ name, why }) => `held  ${name}  ${why}`)),
    ...(stopped === null ? [] : [`stopped  ${stopped}`]),
  ];
  const rows = emptying.map(({ name, servers, gib }, index) => [index + 1, name, servers, gib]);
  const headline = headlineOf(plan, emptying.length);
  return rows.length === 0
    ? { headline, lines }
    : { headline, sheet: { columns: ['#', 'hypervisor', 'servers', 'GiB'], rows }, lines };
}

function sayEffort({ waves, ramMovedMb, makespanSeconds }: PlannedNight['plan']): string {
  return `in ${sayCount(waves.length, 'wave')}, ${Math.round(ramMovedMb / MB_PER_GIB)} GiB, ${sayAbout(makespanSeconds * 1000)}`;
}

export function describeEmptied(night: EmptiedNight) {
  const { emptied, kept, until, failed, dropped, back, needYou, stopped } = night;
  const end = sayInstant(new Date(until), 'UTC');
  const lines = [
    ...(needYou.length === 0 ? [] : ['Needs you']),
    ...needYou.map(({ name, why }) => `  ${name}  ${why}. It is disabled (by nightshift).`),
    ...(emptied.length === 0 ? [] : [`emptied  ${emptied.length}: ${sayList(sorted(emptied), SHOWN)}`]),
    ...(kept.length === 0
      ? []
      : [`kept empty for reboot-hypervisors until ${end}  ${kept.length}: ${sayList(sorted(kept), SHOWN)}`]),
    ...few(back.map(({ name, why }) => `enabled again  ${name}  ${why}`)),
    ...few(failed.map(({ why }) => `stays  ${why}`)),
    ...few(dropped.map(({ name, why }) => `not moved  ${name}  ${why}`)),
    ...(stopped === undefined ? [] : [`stopped  ${stopped}`]),
  ];
  return { headline: `${countsOf(night).join(', ')}.`, lines };
}

/** The mail to operators; undefined when the night changed nothing, was not stopped, and asks nothing of anybody. */
export function emptiedMail(
  night: EmptiedNight,
): { readonly subject: string; readonly text: string } | undefined {
  const { moved, failed, needYou, red, cancelled } = night;
  if (moved === 0 && failed.length === 0 && needYou.length === 0 && !red && !cancelled) return undefined;
  const { headline, lines } = describeEmptied(night);
  const parts = [cancelled ? 'cancelled' : '', red ? 'stopped by its gate' : '', ...countsOf(night)];
  return {
    subject: `[nightshift] ${sayDay(night.at, 'UTC')}: ${parts.filter((part) => part !== '').join(', ')}`,
    text: `${[headline, ...lines].join('\n')}\n`,
  };
}

function countsOf({ emptied, moved, movedMb, failed, needYou }: EmptiedNight): string[] {
  return [
    `${sayCount(emptied.length, 'hypervisor')} emptied`,
    `${sayCount(moved, 'server')} moved (${Math.round(movedMb / MB_PER_GIB)} GiB)`,
    ...(failed.length === 0 ? [] : [`${failed.length} did not move`]),
    ...(needYou.length === 0 ? [] : [`${needYou.length} ${needYou.length === 1 ? 'needs' : 'need'} you`]),
  ];
}

function sorted(names: readonly string[]): string[] {
  return names.toSorted(byName);
}

function few(lines: readonly string[]): string[] {
  if (lines.length <= LINES) return [...lines];
  return [...lines.slice(0, LINES), `… and ${lines.length - LINES} more like these: nightshift show`];
}
