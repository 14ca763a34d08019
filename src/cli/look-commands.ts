/** The commands that show what is known and change nothing: `jobs`, `runs`, `schedule`, `show`, `log` and `why`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { RUN_STATES, type RunState } from '../engine/runs.ts';
import { findJob } from '../start-run.ts';
import { whyPatched } from '../why.ts';
import { inHouse, interruption, type Visit } from './command.ts';
import { codeOfState, EXIT } from './exit-codes.ts';
import { findRun, findSubject } from './find.ts';
import { followRun, isSettled, type Listener, showLog } from './follow.ts';
import { renderRuns, renderWhy } from './render.ts';
import { type JobRow, optionsOf, renderJob, renderJobs } from './render-house.ts';
import { renderRun } from './render-run.ts';
import { renderSchedule } from './render-schedule.ts';

export function registerLookCommands(program: Command): void {
  program
    .command('jobs [job]')
    .summary('list the jobs, or the options of one')
    .description(
      'Lists the jobs, where each may change things, and when it runs; or one of them with its options.',
    )
    .action(inHouse(jobs));
  program
    .command('runs')
    .summary('list runs, newest first')
    .description('Lists runs, newest first.')
    .option('--job <job>', 'of this job only')
    .addOption(new Option('--state <state>', 'in this state only').choices(RUN_STATES))
    .option('--limit <n>', 'at most so many', parseLimit, 50)
    .action(inHouse(runs));
  program
    .command('schedule')
    .summary('say when jobs run by themselves, and what became of it')
    .description(
      'Lists the next instants of every scheduled job, and what became of the latest ones, with the reason.',
    )
    .option('--next <n>', 'so many of each job', parseLimit, 3)
    .action(inHouse(showSchedule));
  program
    .command('show <run>')
    .summary('show one run whole: report, notes, steps')
    .description(
      'Shows one run whole: what it was asked, its report, its notes, its steps, and what it needs from you. ' +
        'A run is given by its id, or by a beginning of it that no other run has.',
    )
    .action(inHouse(show));
  program
    .command('log <run>')
    .summary('print the log of a run')
    .description(
      'Prints the log of a run, as far as it was worked on this machine; with --json one object a line.',
    )
    .option('-f, --follow', 'go on until it ends or waits')
    .action(inHouse(log));
  program
    .command('why <subject...>')
    .summary('say why something is as it is')
    .description(
      'Says what runs have found out about a subject, such as "hypervisor hv19"; "hv19", or a beginning of it that ' +
        'nothing else has, will do. Of an owner ("owner alice@example.org") and of a server ("server ID") it says the ' +
        'findings, their dates, what was told and what comes next.',
    )
    .addHelpText('after', '\nExample: nightshift why hypervisor hv19')
    .action(inHouse(why));
}

async function jobs({ house, engine, terminal, view }: Visit, name: string | undefined): Promise<number> {
  const { config } = house;
  const health = await engine.health();
  const { zone, width } = view;
  const rowOf = (name: string, summary: string): JobRow => ({
    name,
    summary,
    armed: false,
    ...config.jobs[name],
    health: health.get(name),
  });
  if (name !== undefined) {
    const { job } = findJob(engine.jobs, name);
    const row = { ...rowOf(name, job.summary), takes: optionsOf(job.options) };
    terminal.say(...renderJob(row, { dryRun: config.dryRun, zone, width }));
    terminal.json(row);
    return EXIT.done;
  }
  const rows = [...engine.jobs.values()].map(({ name, job }) => rowOf(name, job.summary));
  terminal.say(...renderJobs(rows, { dryRun: config.dryRun, zone, width }));
  terminal.json(rows);
  return EXIT.done;
}

async function runs(
  { engine, terminal, view }: Visit,
  filter: { job?: string; state?: RunState; limit: number },
): Promise<number> {
  const found = await engine.runs.list(filter);
  // A job that is gone may have left runs; one that never was is a slip.
  if (found.length === 0 && filter.job !== undefined) findJob(engine.jobs, filter.job);
  terminal.say(...renderRuns(found, view));
  terminal.json(found);
  return EXIT.done;
}

async function show({ engine, terminal, view }: Visit, beginning: string): Promise<number> {
  const run = await engine.runs.get(await findRun(engine, beginning));
  if (run === undefined) return EXIT.badInput;
  terminal.say(...renderRun(run, view, engine.jobs.get(run.job)?.job.options));
  terminal.json(run);
  return EXIT.done;
}

async function log(
  { house, engine, terminal, common }: Visit,
  beginning: string,
  { follow }: { follow?: true },
): Promise<number> {
  const id = await findRun(engine, beginning);
  let lines = 0;
  const shown = common.json === true ? asItLies : showLog(terminal);
  const listener: Listener = {
    ...(follow === true ? shown : { look: () => {} }),
    line(json) {
      lines += 1;
      shown.line(json);
    },
  };
  const run = await followRun(engine, id, {
    listener,
    until: follow === true ? isSettled : () => true,
    ...(follow === true ? { signal: interruption() } : {}),
  });
  if (lines === 0)
    terminal.warn(`Nothing of ${id} was logged on this machine, in ${house.config.stateDir}/logs.`);
  return follow === true ? codeOfState(run.state) : EXIT.done;
}

const asItLies: Listener = {
  line: (json) => void process.stdout.write(`${json}\n`),
  look: () => {},
};

async function why({ house, engine, terminal, view }: Visit, words: readonly string[]): Promise<number> {
  const asked = words.join(' ');
  const known =
    (await whyPatched(engine, asked, { config: house.config, now: view.now })) ??
    (await engine.runs.why(await findSubject(engine, asked)));
  if (known === undefined) return EXIT.badInput;
  terminal.say(...renderWhy(known, view));
  terminal.json(known);
  return EXIT.done;
}

function parseLimit(typed: string): number {
  if (/^[1-9]\d{0,5}$/.test(typed)) return Number(typed);
  throw new InvalidArgumentError('It is a number from 1 on.');
}

async function showSchedule({ engine, terminal, view }: Visit, { next }: { next: number }): Promise<number> {
  const ahead = engine.cron.forecast(view.now, next);
  const past = await engine.cron.ledger();
  const held = await engine.heldSchedules();
  terminal.say(...renderSchedule({ ahead, past, held }, view));
  terminal.json({ ahead, past, held });
  return EXIT.done;
}
