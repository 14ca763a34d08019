/** What decides, of the hypervisors that could be rebooted, which ones go tonight: rings, window and budgets. */
import type { Gate } from './admission.ts';
import { type Budget, budgetGate } from './budgets.ts';
import { type Domain, domainsOf } from './domains.ts';
import type { Fleet } from './fleet.ts';
import { type Holds, NO_HOLDS } from './holds.ts';
import type { RebootNeed } from './reboot-need.ts';
import { type RingRule, ringGate } from './rings.ts';
import { type SiteWindow, whyNotNow, windowAt } from './window.ts';

/** What a site wants; left out, everything that can goes. */
export interface Admission extends RingRule {
  readonly budgets: readonly Budget[];
  readonly rackPrefixes: readonly string[];
  /** The most that a reboot may take. */
  readonly backSeconds: number;
  /** Where the run has to keep to one. */
  readonly window?: SiteWindow | undefined;
}

export const ADMIT_ALL: Admission = { rings: [], ringDays: 1, budgets: [], rackPrefixes: [], backSeconds: 0 };

interface Asked {
  readonly fleet: Fleet;
  readonly needs: Readonly<Record<string, RebootNeed>>;
  readonly holds?: Holds;
  readonly admission?: Admission;
}

interface Candidate {
  readonly name: string;
  readonly domains: readonly Domain[];
  /** What it takes until it is back, at the worst of ten. */
  readonly needSeconds: number;
}

const DAY_MS = 86_400_000;

/** `rings` also decides which hypervisors are waited for; `ready` names all that could go but for these. */
export function gatesOf(
  { fleet, needs, holds = NO_HOLDS, admission = ADMIT_ALL }: Asked,
  ready: readonly string[],
): { readonly rings: Gate<{ readonly name: string }>; readonly all: readonly Gate<Candidate>[] } {
  const { now, zone, records } = holds;
  const rings = ringGate(admission, { fleet, needs, records, ready, now, zone });
  const since = beginOf(admission.window, now);
  const spent = fleet.hypervisors.flatMap((hypervisor) => {
    const record = records[hypervisor.name];
    const counts = record !== undefined && Date.parse(record.at) >= since.getTime();
    return counts ? [{ domains: domainsOf(hypervisor, admission.rackPrefixes) }] : [];
  });
  return { rings, all: [rings, windowGate(admission.window, now), budgetGate(admission.budgets, spent)] };
}

/** Since when a budget counts: since the window opened, or for a day where there is none. */
function beginOf(window: SiteWindow | undefined, now: Date): Date {
  const current = window && windowAt(window.times, window.zone, now).current;
  return current?.opensAt ?? new Date(now.getTime() - DAY_MS);
}

/** While the window is open: what would not be back in time tonight, however early it began. */
function windowGate(window: SiteWindow | undefined, now: Date): Gate<Candidate> {
  const isOpen = window !== undefined && windowAt(window.times, window.zone, now).mayStart;
  return {
    whyNot: ({ needSeconds }) => (isOpen ? whyNotNow(window, now, needSeconds * 1000) : undefined),
    take: () => {},
  };
}
