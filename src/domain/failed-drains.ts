/** Have so many drains failed in a row that the fault is hardly the hypervisors'? */
import type { RebootOutcome } from './reboot-report.ts';
import { sayCount } from './say.ts';

interface Worked {
  /** In the order in which they ended. */
  readonly outcomes: readonly Pick<RebootOutcome, 'name' | 'verdict' | 'cancelled'>[];
  readonly order: readonly { readonly name: string; readonly givenBackAt?: string }[];
}

/**
 * Why no other is begun, or null. One that failed in a night before and fails again says nothing new of the
 * site, nor does one that a person has cancelled; any that is done says that hypervisors can be emptied.
 */
export function whyNoMoreDrains({ outcomes, order }: Worked, maxGivenBack: number): string | null {
  const known = new Set(order.filter(({ givenBackAt }) => givenBackAt !== undefined).map(({ name }) => name));
  let row = 0;
  for (const { name, verdict, cancelled } of outcomes) {
    if (verdict === 'done') row = 0;
    else if (verdict === 'given back' && !cancelled && !known.has(name)) row += 1;
  }
  if (row <= maxGivenBack) return null;
  return `${sayCount(row, 'drain')} failed in a row, more than maxGivenBack=${maxGivenBack}`;
}
