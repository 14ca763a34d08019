/**
 * How many hypervisors does the planner empty, with how many moves, how soon? Against targets, lower bounds and
 * the obvious way; each plan in a process of its own, on one core, and judged by the independent checker. And how
 * long does the rehearsal of a campaign take?
 *
 *   node test/bench/plan.ts [--json] [--data DIR] [--sizes 100,1000,10000] [--seed 1] [--only NAME]
 *
 * `--data`: a folder of fleets, *.fleet.json or *.fleet.json.gz, beside the generated ones. `--only`: fleets with
 * this in their name, or `rehearsal`. Exit codes: 0 all that must be reached is, 1 something is missed
 * or nothing was measured.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type Figure, machineWith, renderMarkdown, renderMeasured } from './figures.ts';
import type { Answer, Question } from './plan-process.ts';
import { BUDGETS } from './plan-targets.ts';
import { type Verdict, verdictOn } from './plan-verdict.ts';
import { measureRehearsal } from './rehearsal-time.ts';

const PROCESS = join(import.meta.dirname, 'plan-process.ts');
const REHEARSAL = 'rehearsal';
/** Where there is no such program, a plan may use what it gets. */
const ONE_CORE = existsSync('/usr/bin/taskset') ? ['/usr/bin/taskset', '-c', '0'] : [];
/** An answer lists violations. */
const MAX_BYTES = 1 << 28;

type Source = { readonly name: string } & (
  | { file: string }
  | { generate: { seed: number; hypervisors: number } }
);

interface Measured extends Answer, Verdict {
  readonly percent: number;
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    data: { type: 'string' },
    sizes: { type: 'string', default: '100,1000,10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});

const measured: Measured[] = [];
for (const source of sources()) for (const percent of BUDGETS) measured.push(await measure(source, percent));
const figures: Figure[] = REHEARSAL.startsWith(values.only) ? [await measureRehearsal()] : [];
if (measured.length + figures.length === 0) throw new Error(`no fleet has ${values.only} in its name`);
console.log(values.json ? JSON.stringify({ measured, figures }, undefined, 2) : render());
process.exitCode = measured.some(({ must }) => !must) || figures.some(({ met }) => met === false) ? 1 : 0;

function sources(): Source[] {
  const { data, sizes, seed, only } = values;
  const files = (data === undefined ? [] : readdirSync(data))
    .filter((name) => /\.fleet\.json(\.gz)?$/.test(name))
    .map((name) => ({ name: name.replace(/\.fleet\.json(\.gz)?$/, ''), file: join(data ?? '', name) }));
  const generated = sizes.split(',').map((size) => ({
    name: `generated-${size}-s${seed}`,
    generate: { seed: Number(seed), hypervisors: Number(size) },
  }));
  return [...files, ...generated].filter(({ name }) => name.includes(only));
}

/** In the time that is aimed at; where that is too short for what must be reached, in all that it may take. */
async function measure({ name, ...source }: Source, percent: number): Promise<Measured> {
  console.error(`Measuring: ${name}, ${percent} %.`);
  const soon = await ask({ ...source, percent });
  const { mustSeconds, aimSeconds } = soon.target;
  const verdict = verdictOn(soon, percent);
  if (verdict.must || mustSeconds <= aimSeconds) return { ...soon, ...verdict, fleet: name, percent };
  const late = await ask({ ...source, percent, seconds: mustSeconds });
  return { ...late, ...verdictOn(late, percent), fleet: name, percent };
}

async function ask(question: Question): Promise<Answer> {
  const [program, ...args] = [...ONE_CORE, process.execPath, PROCESS];
  const { stdout } = await promisify(execFile)(program, [...args, JSON.stringify(question)], {
    maxBuffer: MAX_BYTES,
  });
  return JSON.parse(stdout) as Answer;
}

function render(): string {
  const head = [
    'fleet',
    'moves ≤',
    'must',
    'aim',
    'bound',
    'empty',
    'greedy',
    'moves',
    'bound',
    'makespan',
    'bound',
    'CPU s',
    'MB',
    'reached',
  ];
  const rows = measured.map(rowOf);
  const parts = [
    ...(rows.length === 0 ? [] : [machineWith('none'), '', ...renderMarkdown(head, rows)]),
    ...(figures.length === 0 ? [] : ['', renderMeasured({ machine: '', figures }).trim()]),
  ];
  return parts.join('\n');
}

function rowOf(one: Measured): string[] {
  const { target, percent } = one;
  const at = BUDGETS.findIndex((each) => each === percent);
  return [
    one.fleet,
    `${percent} % = ${one.budget}`,
    `${target.mustEmpty[at]}`,
    `${target.aimEmpty[at]}`,
    `${one.bound}`,
    `${one.empty}`,
    `${one.greedy.empty} (${one.greedy.moves})${watcher(one, at)}`,
    `${one.moves}`,
    against(one.moves, one.movesBound),
    sayMinutes(one.makespan),
    against(one.makespan, one.makespanBound, sayMinutes(one.makespanBound)),
    `${one.seconds.toFixed(1)} of ${one.limit}`,
    one.rssMb.toFixed(0),
    one.missed.length === 0 ? 'aim' : one.missed.join('; '),
  ];
}

function watcher({ target }: Measured, at: number): string {
  return target.watcher === undefined ? '' : `, Watcher ${target.watcher[at]}`;
}

/** `129 (1.03 ×)` */
function against(reached: number, bound: number, said = String(bound)): string {
  return bound > 0 ? `${said} (${(reached / bound).toFixed(2)} ×)` : said;
}

function sayMinutes(seconds: number): string {
  return `${(seconds / 60).toFixed(1)} min`;
}
