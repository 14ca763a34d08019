/** How many hypervisors may be rebooted in one window, in all and in each zone, aggregate or rack? */
import type { Gate } from './admission.ts';
import { type Domain, type DomainKind, isOfKind } from './domains.ts';

export interface Budget {
  readonly per: 'window' | DomainKind;
  /** What was tried counts, also where it failed. */
  readonly atMost: number;
}

interface Candidate {
  readonly domains: readonly Domain[];
}

/** `spent`: those that were tried in this window already. */
export function budgetGate(budgets: readonly Budget[], spent: readonly Candidate[]): Gate<Candidate> {
  const before = tally(spent);
  const planned = new Map<string, number>();
  return {
    whyNot(candidate) {
      for (const { per, atMost } of budgets) {
        for (const where of wheresOf(candidate, per)) {
          const [tried, more] = [before.get(where) ?? 0, planned.get(where) ?? 0];
          if (tried + more >= atMost) return say({ where, atMost, tried, planned: more });
        }
      }
      return undefined;
    },
    take(candidate) {
      for (const where of ['', ...candidate.domains]) planned.set(where, (planned.get(where) ?? 0) + 1);
    },
  };
}

function tally(candidates: readonly Candidate[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { domains } of candidates)
    for (const where of ['', ...domains]) counts.set(where, (counts.get(where) ?? 0) + 1);
  return counts;
}

function wheresOf({ domains }: Candidate, per: Budget['per']): readonly string[] {
  return per === 'window' ? [''] : domains.filter((domain) => isOfKind(domain, per));
}

function say(budget: { where: string; atMost: number; tried: number; planned: number }): string {
  const { where, atMost, tried, planned } = budget;
  const parts = [
    tried > 0 ? `${tried} tried already` : '',
    planned > 0 ? `${planned} planned before it` : '',
  ];
  const known = parts.filter((part) => part !== '').join(', ');
  return `the budget of ${atMost} a window${where === '' ? '' : ` in ${where}`} is spent${known === '' ? '' : `: ${known}`}`;
}
