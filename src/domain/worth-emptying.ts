/** Which hypervisors could the next campaign reboot, if only they were empty? */
import { domainsOf } from './domains.ts';
import type { Fleet } from './fleet.ts';
import { type Holds, whyLaidDown } from './holds.ts';
import { type Admission, gatesOf } from './reboot-gates.ts';
import type { RebootNeed } from './reboot-need.ts';

export interface WorthQuestion {
  readonly fleet: Fleet;
  readonly needs: Readonly<Record<string, RebootNeed>>;
  readonly holds: Holds;
  /** Of the campaign. */
  readonly admission: Admission;
}

/** Each by itself: of those that a budget or a ring lets go, the campaign takes the ones that are empty. */
export function worthEmptying({ fleet, needs, holds, admission }: WorthQuestion): string[] {
  const ready = fleet.hypervisors.filter(({ name, up, disabled }) => {
    const need = needs[name];
    if (!up || disabled !== undefined || need?.need !== 'yes') return false;
    return whyLaidDown(holds, { name, kernel: need.next }) === undefined;
  });
  const gates = gatesOf(
    { fleet, needs, holds, admission },
    ready.map(({ name }) => name),
  ).all;
  return ready.flatMap((one) => {
    const candidate = { name: one.name, domains: domainsOf(one, admission.rackPrefixes), needSeconds: 0 };
    return gates.every((gate) => gate.whyNot(candidate) === undefined) ? [one.name] : [];
  });
}
