/** What a run of a YAML job would do: which targets, which of their steps are needed, and every command. Looks only. */
import type { Context } from '../context.ts';
import { sayCount } from '../domain/say.ts';
import { attempt } from '../procedures/attempt.ts';
import type { Definition, Step } from './definition.ts';
import { type Chosen, sayWhere, type Target } from './targets.ts';
import { fillKnown, type Values } from './template.ts';
import { type Surroundings, whyNotNeeded } from './work-step.ts';

interface Planned {
  readonly name: string;
  /** Labels of the steps that would be worked. */
  readonly needed: readonly string[];
  /** Those that would not, and why. */
  readonly skipped: readonly string[];
}

const AT_ONCE = 8;

export async function dryRun(
  ctx: Context<unknown>,
  { definition, chosen, values }: { definition: Definition; chosen: Chosen; values: Values },
): Promise<void> {
  const around = { ctx, job: definition.name, values, puttingBack: false, report: () => ({ headline: '' }) };
  const planned: Planned[] = [];
  for (let i = 0; i < chosen.order.length; i += AT_ONCE) {
    const some = chosen.order.slice(i, i + AT_ONCE);
    planned.push(...(await Promise.all(some.map((target) => plan(definition.steps, around, target)))));
    ctx.progress(planned.length, chosen.order.length, 'hypervisors');
  }
  for (const { name, why } of chosen.held) ctx.note({ subject: `hypervisor ${name}`, verdict: 'held', why });
  const rows = planned.map(({ name, needed, skipped }, i) => [
    i + 1,
    name,
    needed.join(', ') || 'nothing',
    skipped.join('; ') || null,
  ]);
  const lines = [
    ...chosen.held.map(({ name, why }) => `held  ${name}  ${why}`),
    ...listOf('steps', definition.steps, values),
    ...listOf('on error', definition.onError, values),
    ...listOf('finally', definition.finally, values),
  ];
  const headline = headlineOf(definition, { planned, chosen, values });
  const columns = ['#', 'hypervisor', 'would do', 'would not'];
  ctx.report(rows.length === 0 ? { headline, lines } : { headline, sheet: { columns, rows }, lines });
}

/** A target that cannot be asked would be worked, as far as it goes. */
async function plan(steps: readonly Step[], around: Surroundings, target: Target): Promise<Planned> {
  const values = new Map([...around.values, ['target.name', target.name], ['target.zone', target.zone]]);
  const needed: string[] = [];
  const skipped: string[] = [];
  for (const step of steps.filter(({ each }) => each)) {
    const asked = await attempt(() => whyNotNeeded(step, { ...around, values, target }));
    if (!asked.ok) skipped.push(`${step.label}: cannot tell (${asked.error.message})`);
    else if (asked.value === undefined) needed.push(step.label);
    else skipped.push(`${step.label}: ${asked.value}`);
  }
  return { name: target.name, needed, skipped };
}

function headlineOf(
  { targets }: Definition,
  { planned, chosen, values }: { planned: readonly Planned[]; chosen: Chosen; values: Values },
): string {
  if (targets === undefined) return 'The job has no targets; its steps are worked once.';
  const total = planned.length + chosen.held.length;
  if (total === 0) return `No hypervisor is ${sayWhere(targets.where, values)}.`;
  const idle = planned.filter(({ needed }) => needed.length === 0).length;
  const parts = [
    [planned.length - idle, 'to work on'],
    [idle, 'with nothing to do'],
    [chosen.held.length, 'held'],
  ] as const;
  const said = parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`);
  return `${sayCount(total, 'hypervisor')} ${total === 1 ? 'is' : 'are'} ${sayWhere(targets.where, values)}: ${said.join(', ')}, ${targets.batch} at a time.`;
}

function listOf(title: string, steps: readonly Step[], values: Values): string[] {
  return steps.map(({ label, action, each, on }) => {
    const where = each ? 'on each' : 'once';
    const there = on === undefined ? '' : ` (on ${fillKnown(on, values)})`;
    const effect = action.effect === undefined ? '' : `, ${action.effect}`;
    return `${title}  ${label}  ${where}${effect}: ${fillKnown(action.says, values)}${there}`;
  });
}
