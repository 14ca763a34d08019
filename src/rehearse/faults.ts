/** What goes wrong in a rehearsal, and how often? */
import type { FaultRule } from '../twin/failures.ts';

export const FAULT_LEVELS = ['none', 'usual', 'harsh'] as const;
export type FaultLevel = (typeof FAULT_LEVELS)[number];

/** Shares of all migrations and of all reboots, on a site where most goes well. */
const USUAL: readonly FaultRule[] = [
  { what: 'fail', when: { probability: 0.005 } },
  { what: 'never converges', when: { probability: 0.003 } },
  { what: 'slow', seconds: 1200, when: { probability: 0.01 } },
  { what: 'never back', when: { probability: 0.003 } },
  { what: 'failed unit', when: { probability: 0.003 } },
];

const TIMES_HARSHER = 5;

/** Chance comes from the cloud's seed. */
export function faultRules(level: FaultLevel): readonly FaultRule[] {
  switch (level) {
    case 'none':
      return [];
    case 'usual':
      return USUAL;
    case 'harsh':
      return USUAL.map(({ when, ...rule }) => ({
        ...rule,
        when: { ...when, probability: TIMES_HARSHER * (when?.probability ?? 1) },
      }));
  }
}
