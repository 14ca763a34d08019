/** What people read about a night of reboots: the plan before it, the outcome and the mail after it. */
import { byName } from './names.ts';
import type { PlannedWait, RebootPlan } from './reboot-order.ts';
import { sayAbout, sayCount, sayDay, sayDuration, sayInstant, sayList } from './say.ts';

/** How it ended for one hypervisor of the plan's order. */
export interface RebootOutcome {
  readonly name: string;
  /**
   * done: rebooted, proved and back · skipped: needs no reboot any more · held: not begun ·
   * given back: its drain failed, it serves as before · failed: it is disabled and needs a person.
   */
  readonly verdict: 'done' | 'skipped' | 'held' | 'given back' | 'failed';
  readonly why: string;
  /** How long its drain took, where it had one. */
  readonly drainMs?: number;
  /** The run that had it in hand. */
  readonly run: string;
  /** That run was cancelled, so it cannot be resumed. */
  readonly cancelled?: true;
}

export interface Night {
  readonly plan: RebootPlan;
  readonly limit: number;
  /** Of hypervisors of the plan's order; the others were not begun. */
  readonly outcomes: readonly RebootOutcome[];
  /** Why the others were not begun. */
  readonly stopped?: string;
  /** The breaker that tonight's failures have opened, and how it is reset. */
  readonly broken?: string;
  /** They were not begun because a signal of the gate stayed red. */
  readonly red?: true;
  /** Somebody cancelled it. */
  readonly cancelled?: true;
  readonly at: Date;
}

/** Names shown of a long list. */
const SHOWN = 12;

/** The plan as people read it before anything is done. */
export function describePlan({ order, waits, held, later }: RebootPlan, limit: number) {
  const all = order.length + waits.length + held.length + later.length;
  const headline =
    all === 0
      ? 'No hypervisor needs a reboot.'
      : `${sayCount(all, 'hypervisor')} ${all === 1 ? 'needs' : 'need'} a reboot. Tonight ${order.length}, ${waits.length === 0 ? '' : `${sayWaits(waits.length)}, `}held ${held.length}, not tonight ${later.length}.`;
  const rows = order.map(({ name, guests, why, drainSeconds, ramMb, diskGb }, index) => [
    index + 1,
    name,
    guests,
    why,
    guests === 0 ? null : sayAbout(drainSeconds * 1000),
    Math.round(ramMb / 1024 + diskGb),
  ]);
  const sheet = { columns: ['#', 'hypervisor', 'guests', 'why', 'drain', 'GiB'], rows };
  const lines = [
    ...waits.map(sayWait),
    ...held.map(({ name, why }) => `held  ${name}  ${why}`),
    ...notTonight(later, `limit=${limit}`),
  ];
  return rows.length === 0 ? { headline, lines } : { headline, sheet, lines };
}

/** The night as people read it afterwards; every hypervisor of the plan is counted once. */
export function describeNight(night: Night) {
  const { plan, limit, stopped = 'not begun' } = night;
  const failed = outcomesOf(night, 'failed');
  const done = outcomesOf(night, 'done');
  const begun = new Set(night.outcomes.map(({ name }) => name));
  const left = plan.order.map(({ name }) => name).filter((name) => !begun.has(name));
  const held = [...plan.held, ...outcomesOf(night, 'held')].toSorted((a, b) => byName(a.name, b.name));
  const lines = [
    ...(failed.length === 0 ? [] : ['Needs you']),
    ...failed.flatMap(needsYou),
    ...(night.broken === undefined ? [] : [`  ${night.broken}`]),
    ...(done.length === 0
      ? []
      : [`done  ${done.length}: ${sayList(namesOf(done), SHOWN)}${longestDrain(done)}`]),
    ...outcomesOf(night, 'given back').map(
      ({ name, why }) => `given back  ${name}  ${why}. It serves as before.`,
    ),
    ...outcomesOf(night, 'skipped').map(({ name, why }) => `skipped  ${name}  ${why}`),
    ...plan.waits.map(sayWait),
    ...held.map(({ name, why }) => `held  ${name}  ${why}`),
    ...notTonight(left, stopped),
    ...notTonight(plan.later, `limit=${limit}`),
  ];
  return { headline: headlineOf(night), lines };
}

/** The mail to operators; undefined when the night changed nothing, was not stopped, and asks nothing of anybody. */
export function nightMail(night: Night): { readonly subject: string; readonly text: string } | undefined {
  const [done, back, failed] = (['done', 'given back', 'failed'] as const).map(
    (v) => outcomesOf(night, v).length,
  );
  if (!done && !back && !failed && !night.red) return undefined;
  const waits = night.plan.waits.length;
  const parts = [
    night.cancelled ? 'cancelled' : '',
    night.red ? 'stopped by its gate' : '',
    done ? `${done} rebooted` : '',
    back ? `${back} given back` : '',
    waits ? sayWaits(waits) : '',
    failed ? needYou(failed) : '',
  ];
  const { headline, lines } = describeNight(night);
  return {
    subject: `[nightshift] ${sayDay(night.at, 'UTC')}: ${parts.filter((part) => part !== '').join(', ')}`,
    text: `${[headline, ...lines].join('\n')}\n`,
  };
}

/** Enables a hypervisor in words of the plain OpenStack client, whatever its service's host is called. */
export function enableCommand(name: string): string {
  return `openstack compute service set --enable "$(openstack hypervisor show ${name} -f value -c service_host)" nova-compute`;
}

function headlineOf(night: Night): string {
  const { plan, outcomes } = night;
  const counts: [number, string][] = [
    [outcomesOf(night, 'done').length, 'done'],
    [outcomesOf(night, 'given back').length, 'given back'],
    [outcomesOf(night, 'skipped').length, 'need it no more'],
    [plan.waits.length, plan.waits.length === 1 ? 'waits' : 'wait'],
    [plan.held.length + outcomesOf(night, 'held').length, 'held'],
    [plan.later.length + plan.order.length - outcomes.length, 'not tonight'],
  ];
  const failed = outcomesOf(night, 'failed').length;
  const all = counts.reduce((sum, [n]) => sum + n, failed);
  if (all === 0) return 'No hypervisor needed a reboot.';
  if (failed === all)
    return `${sayCount(all, 'hypervisor')} needed a reboot and ${all === 1 ? 'needs' : 'need'} you.`;
  const parts = counts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`);
  return `${all} needed a reboot: ${[...parts, ...(failed > 0 ? [needYou(failed)] : [])].join(', ')}.`;
}

function sayWait({ name, why, since, run }: PlannedWait): string {
  const begun = since === undefined ? '' : `, since ${sayInstant(new Date(since), 'UTC')} (${run})`;
  return `waits  ${name}  ${why}${begun}`;
}

function needsYou({ name, why, run, cancelled }: RebootOutcome): string[] {
  const goOn = cancelled
    ? `enable it, then nightshift run reboot-hypervisor --option hypervisor=${name} --go (a cancelled run is not resumed)`
    : `nightshift resume ${run}`;
  return [
    `  ${name}  ${why}. It is disabled (by nightshift).`,
    `    look:                  nightshift show ${run}`,
    `    go on, when repaired:  ${goOn}`,
    `    or enable it yourself: ${enableCommand(name)}`,
  ];
}

function sayWaits(n: number): string {
  return n === 1 ? '1 waits' : `${n} wait`;
}

function needYou(n: number): string {
  return n === 1 ? '1 needs you' : `${n} need you`;
}

function notTonight(names: readonly string[], why: string): string[] {
  return names.length === 0 ? [] : [`not tonight  ${names.length} (${why}): ${sayList(names, SHOWN)}`];
}

function longestDrain(done: readonly RebootOutcome[]): string {
  const [longest] = done.toSorted((a, b) => (b.drainMs ?? 0) - (a.drainMs ?? 0));
  return longest?.drainMs ? ` (longest drain ${longest.name}, ${sayDuration(longest.drainMs)})` : '';
}

function outcomesOf({ outcomes }: Night, verdict: RebootOutcome['verdict']): readonly RebootOutcome[] {
  return outcomes.filter((outcome) => outcome.verdict === verdict);
}

function namesOf(outcomes: readonly RebootOutcome[]): readonly string[] {
  return outcomes.map(({ name }) => name);
}
