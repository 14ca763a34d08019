/** Which breakers are open: what stops all reboots, or those into one kernel, until a person resets it? */
import { byName } from './names.ts';
import type { RebootRecord, RebootRecords } from './reboot-record.ts';
import { sayCount, sayDuration, sayInstant, sayList } from './say.ts';

/** The table of breakers: name → `Breaker`. */
export const BREAKERS = 'breakers';

/** The breaker that stops every campaign of reboots. */
export const ALL_REBOOTS = 'reboot-hypervisors';

export type Breaker = {
  readonly state: 'open' | 'closed';
  /** Since when, ISO 8601 in UTC. What failed before a breaker was closed opens it no more. */
  readonly since: string;
  readonly why: string;
  /** Who closed it. */
  readonly by?: string;
};

export type Breakers = Readonly<Record<string, Breaker>>;

export interface BreakerRule {
  /** So many hypervisors left disabled within `days` open the breaker of all reboots. */
  readonly failures: number;
  readonly days: number;
  /** One hypervisor that failed with a kernel opens the breaker of that kernel. */
  readonly perKernel: boolean;
}

const DAY_MS = 86_400_000;
const NAMED = 5;

export function kernelBreaker(kernel: string): string {
  return `kernel ${kernel}`;
}

/** Those that are open: by the word in the table, or because of what has failed since they were closed. */
export function openBreakers(
  table: Breakers,
  records: RebootRecords,
  { rule, now }: { readonly rule: BreakerRule; readonly now: Date },
): Breakers {
  const failed = Object.entries(records).filter(([, { verdict }]) => verdict === 'failed');
  const late = (name: string, at: string): boolean => {
    const row = table[name];
    return row?.state !== 'closed' || Date.parse(at) > Date.parse(row.since);
  };
  const open = new Map(Object.entries(table).filter(([, { state }]) => state === 'open'));
  const begun = now.getTime() - rule.days * DAY_MS;
  const recent = failed.filter(([, { at }]) => Date.parse(at) > begun && late(ALL_REBOOTS, at));
  if (recent.length >= rule.failures && !open.has(ALL_REBOOTS)) open.set(ALL_REBOOTS, tooMany(recent, rule));
  for (const [name, { kernel, why, at }] of rule.perKernel ? failed : []) {
    const breaker = kernelBreaker(kernel);
    if (open.has(breaker) || !late(breaker, at)) continue;
    open.set(breaker, { state: 'open', since: at, why: `${name} failed with it: ${why}` });
  }
  return Object.fromEntries(open);
}

function tooMany(failed: readonly (readonly [string, RebootRecord])[], { days }: BreakerRule): Breaker {
  const names = failed.map(([name]) => name).toSorted(byName);
  const since = failed
    .map(([, { at }]) => at)
    .toSorted()
    .at(-1)!;
  const what = `${sayCount(names.length, 'hypervisor')} left disabled within ${sayDuration(days * DAY_MS)}`;
  return { state: 'open', since, why: `${what}: ${sayList(names, NAMED)}` };
}

/** Why nothing is done that this breaker stops, and how it is reset; undefined while it is closed. */
export function whyBroken(breakers: Breakers, name: string, zone: string): string | undefined {
  const breaker = breakers[name];
  if (breaker?.state !== 'open') return undefined;
  const since = sayInstant(new Date(breaker.since), zone);
  return `the breaker "${name}" is open since ${since} (${breaker.why}); when all is well: ${resetCommand(name)}`;
}

function resetCommand(name: string): string {
  return `nightshift reset-breaker ${/\s/.test(name) ? `'${name}'` : name} --reason '…'`;
}
