/** Short ways to what jobs report that only look: `audit` and `shadow report` are runs like any other, by another name. */
import type { Command } from 'commander';
import { findJob, startRun } from '../start-run.ts';
import { accompany } from './accompany.ts';
import { inHouse, me, type Visit } from './command.ts';
import { parseOptions, type Typed, valuesOf } from './options.ts';

/** All that the command line knows of such a job: what it is called, and what its options may be typed as. */
interface ShortWay {
  readonly words: readonly [group: string, word: string] | readonly [word: string];
  readonly job: string;
  readonly summary: string;
  /** Names of options that may be typed as `--name <value>` also. */
  readonly flags: readonly { readonly name: string; readonly value: string; readonly about: string }[];
}

const SHORT_WAYS: readonly ShortWay[] = [
  {
    words: ['audit'],
    job: 'audit-cloud',
    summary: 'list what is wrong with the cloud, since when, and what ends it',
    flags: [],
  },
  {
    words: ['shadow', 'report'],
    job: 'shadow-report',
    summary: 'compare what campaigns that are not armed would have done with what operators did',
    flags: [{ name: 'since', value: 'date', about: 'nights from this day on, as 2026-11-24' }],
  },
];

export function registerReportCommands(program: Command): void {
  for (const way of SHORT_WAYS) {
    const [first, second] = way.words;
    const parent = second === undefined ? program : groupOf(program, way);
    const command = parent
      .command(second ?? first)
      .summary(way.summary)
      .description(
        `Runs the job ${way.job}, which changes nothing, and prints its report: ${way.summary}. Its options: nightshift jobs ${way.job}.`,
      )
      .option('-o, --option <name=value>', 'an option of the job; may be given again', parseOptions);
    for (const { name, value, about } of way.flags) command.option(`--${name} <${value}>`, about);
    command.action(inHouse((visit: Visit, given: Given) => report(visit, way, given)));
  }
}

function groupOf(program: Command, { words: [name], summary }: ShortWay): Command {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? program.command(name).summary(summary).description(summary);
}

type Given = { readonly option?: Typed } & Readonly<Record<string, unknown>>;

/** As `run` without `--go`, but nobody has to be told that nothing is changed. */
async function report(visit: Visit, { job, flags }: ShortWay, given: Given): Promise<number> {
  const { house, engine } = visit;
  const typed = Object.fromEntries(
    flags.flatMap(({ name }) => (typeof given[name] === 'string' ? [[name, [given[name]]]] : [])),
  ) as Typed;
  const options = valuesOf({ ...given.option, ...typed }, findJob(engine.jobs, job).job.options);
  const trigger = { kind: 'cli', by: me() } as const;
  const { id } = await startRun(house, { job, options, go: false, trigger });
  return accompany(visit, id, { follow: false });
}
