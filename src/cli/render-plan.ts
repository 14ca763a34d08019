/** How do a plan that empties hypervisors, and what is wrong with one, look on a terminal? */
import type { DefragmentPlan } from '../domain/defragment-plan.ts';
import type { FleetFile } from '../domain/fleet-file.ts';
import type { Limits } from '../domain/move-order.ts';
import type { PlanCheck, Violation } from '../domain/plan-check.ts';
import { describeDefragmentation } from '../domain/plan-report.ts';
import { sayCount } from '../domain/say.ts';
import { renderFacts } from './render.ts';
import { plain, renderRows, renderTable } from './table.ts';

/** Violations shown; a plan for another fleet has as many as it has moves. */
const SHOWN = 20;

/** What it gains and takes, what it empties first, what it holds and why, and its warnings. */
export function renderPlan(
  fleet: FleetFile,
  plan: DefragmentPlan,
  { limits, width }: { readonly limits: Limits; readonly width: number },
): string[] {
  const { headline, facts, emptied, held } = describeDefragmentation(fleet, plan, limits);
  const more = emptied.more === 0 ? [] : [`and ${emptied.more} more`];
  return [
    plain(`${fleet.name}: ${headline}`),
    ...renderFacts(facts),
    ...(emptied.rows.length === 0 ? [] : ['', ...renderTable(emptied, width), ...more]),
    ...(held.rows.length === 0 ? [] : ['', ...renderRows(held, width)]),
    ...(plan.warnings.length === 0 ? [] : ['', ...plan.warnings.map((line) => `warning  ${plain(line)}`)]),
  ];
}

/** One line where all is well, else one for each violation; then what the fleet itself breaks before any move. */
export function renderCheck(
  { fleet }: DefragmentPlan,
  { ok, violations, outcome }: PlanCheck,
  warnings: readonly string[],
): string[] {
  const { moves, emptied, emptyAfter } = outcome;
  const more = violations.length - SHOWN;
  const counts = `${sayCount(moves, 'move')}, ${sayCount(emptied.length, 'hypervisor')} emptied, ${emptyAfter} empty in the end`;
  return [
    plain(
      ok
        ? `The plan for ${fleet} keeps every rule: ${counts}.`
        : `The plan for ${fleet} must not be carried out: ${sayCount(violations.length, 'violation')}.`,
    ),
    ...violations.slice(0, SHOWN).map((violation) => `  ${plain(sayViolation(violation))}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...warnings.map((line) => `already so  ${plain(line)}`),
  ];
}

function sayViolation({ wave, move, why }: Violation): string {
  const where = wave === undefined ? [] : [`wave ${wave}`];
  const what = move === undefined ? [] : [`${move.server} from ${move.from} to ${move.to}`];
  const place = [...where, ...what].join(', ');
  return place === '' ? why : `${place}: ${why}`;
}
