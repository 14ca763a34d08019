/** The command line: each command opens the same house as the daemon, does one thing, and says what it changed. */
import { userInfo } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { checkConfig, type Installation, openInstallation } from '../daemon.ts';
import { messageOf } from '../domain/failure.ts';
import { isOver, RUN_STATES, type RunState } from '../engine/runs.ts';
import { runDaemon } from './daemon-command.ts';
import { codeOfError, codeOfState, EXIT } from './exit-codes.ts';
import { findRun, findSubject } from './find.ts';
import { followRun } from './follow.ts';
import { parseOptions, parseValue } from './options.ts';
import { renderRuns, renderWhy, type View } from './render.ts';
import { type JobRow, renderJobs, renderMode } from './render-house.ts';
import { renderRun } from './render-run.ts';
import { runJob } from './run-command.ts';
import { type Terminal, terminalOn } from './terminal.ts';

interface Common {
  readonly config?: string;
  readonly json?: true;
}

/** What an act on a run may be given; a decision's own are mandatory there. */
interface ActOptions {
  readonly reason: string;
  readonly step?: string;
  readonly happened?: 'yes' | 'no' | 'failed';
  readonly value?: string;
}

const program = new Command('nightshift')
  .description('The night shift for an OpenStack cloud')
  .version('0.1.0')
  .option('-c, --config <file>', 'configuration file')
  .option('--json', 'answer in JSON')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride();

/** Who asks, for the audit. */
function me(): string {
  return process.env.SUDO_USER ?? userInfo().username;
}

/** How this terminal's person sees things. */
function viewOf({ config }: Installation, { width }: Terminal): View {
  return { zone: config.timezone, width, now: new Date() };
}

/** Opens the house for one command and closes it again, whatever happens; the command's number is the exit code. */
function command(act: (house: Installation, terminal: Terminal, ...args: never[]) => Promise<number>) {
  return async (...given: unknown[]): Promise<void> => {
    // commander hands over the arguments, then the options, then the command itself.
    const self = given.at(-1) as Command;
    const common = self.optsWithGlobals<Common>();
    const terminal = terminalOn(process.stdout, { json: common.json === true });
    const house = await openInstallation(common.config);
    try {
      process.exitCode = await act(house, terminal, ...(given.slice(0, -1) as never[]));
    } finally {
      await house.close();
    }
  };
}

/** An act on one run, given by its id or a beginning of it that no other has. */
function onRun(
  name: string,
  summary: string,
  act: (house: Installation, run: string, options: ActOptions) => Promise<string>,
): Command {
  return program
    .command(`${name} <run>`)
    .summary(summary)
    .description(summary)
    .option('--reason <text>', 'kept in the audit', 'no reason given')
    .action(
      command(async (house, terminal, beginning: string, options: ActOptions) => {
        const run = await findRun(house.engine, beginning);
        const said = await act(house, run, options);
        terminal.say(said);
        terminal.json({ run, state: (await house.engine.runs.get(run))?.state, said });
        return EXIT.done;
      }),
    );
}

program
  .command('daemon')
  .summary('work runs until told to stop')
  .action(command((house) => runDaemon(house)));

program
  .command('jobs')
  .summary('list the jobs, what each may do here, and when')
  .action(
    command(async ({ engine, config }, terminal) => {
      const rows: JobRow[] = [...engine.jobs.values()].map(({ name, job }) => ({
        name,
        summary: job.summary,
        armed: false,
        ...config.jobs[name],
      }));
      terminal.say(...renderJobs(rows, { dryRun: config.dryRun, width: terminal.width }));
      terminal.json(rows);
      return EXIT.done;
    }),
  );

program
  .command('run <job>')
  .summary('start a run; a dry run unless --go is given')
  .option('-o, --option <name=value>', 'an option of the job (repeatable)', parseOptions, {})
  .option('--go', 'act: change things (the configuration and the job must allow it, too)')
  .option('-f, --follow', 'show its log until it ends or waits')
  .action(
    command(
      (house, terminal, job: string, options: { option: Record<string, never>; go?: true; follow?: true }) =>
        runJob(house, terminal, {
          job,
          options: options.option,
          go: options.go === true,
          follow: options.follow === true,
          by: me(),
          view: viewOf(house, terminal),
        }),
    ),
  );

program
  .command('runs')
  .summary('list runs, newest first')
  .option('--job <job>', 'of this job only')
  .addOption(new Option('--state <state>', 'in this state only').choices(RUN_STATES))
  .option('--limit <n>', 'at most so many', Number, 50)
  .action(
    command(async (house, terminal, filter: { job?: string; state?: RunState; limit: number }) => {
      const runs = await house.engine.runs.list(filter);
      terminal.say(...renderRuns(runs, viewOf(house, terminal)));
      terminal.json(runs);
      return EXIT.done;
    }),
  );

program
  .command('show <run>')
  .summary('show one run whole: report, notes, steps')
  .action(
    command(async (house, terminal, beginning: string) => {
      const run = await house.engine.runs.get(await findRun(house.engine, beginning));
      if (run === undefined) return EXIT.badInput;
      terminal.say(...renderRun(run, viewOf(house, terminal)));
      terminal.json(run);
      return EXIT.done;
    }),
  );

program
  .command('log <run>')
  .summary('print the log of a run; with --json as it lies in its file')
  .option('-f, --follow', 'go on until the run ends or waits')
  .action(
    command(
      async ({ engine }, terminal, beginning: string, { follow, json }: { follow?: true; json?: true }) => {
        const id = await findRun(engine, beginning);
        const until = follow
          ? ({ state }: { state: RunState }) =>
              isOver(state) || state === 'needs-decision' || state === 'waiting'
          : () => true;
        const raw = json === true || program.opts<Common>().json === true;
        const run = await followRun(engine, id, { terminal, raw, until });
        return follow ? codeOfState(run.state) : EXIT.done;
      },
    ),
  );

program
  .command('why <subject...>')
  .summary('say what is known of a subject, such as: hypervisor hv19')
  .action(
    command(async (house, terminal, words: string[]) => {
      const subject = await findSubject(house.engine, words.join(' '));
      const known = await house.engine.runs.why(subject);
      if (known === undefined) return EXIT.badInput;
      terminal.say(...renderWhy(known, viewOf(house, terminal)));
      terminal.json(known);
      return EXIT.done;
    }),
  );

onRun(
  'decide',
  'say what became of a step whose end nobody saw; the run goes on',
  async ({ engine }, run, { step = '', happened = 'no', value, reason }) => {
    const decision = { step, happened, by: me(), why: reason };
    await engine.acts.decide(run, value === undefined ? decision : { ...decision, value: parseValue(value) });
    return `${run}: "${step}" ${happened === 'yes' ? 'happened' : 'did not happen'}; ${happened === 'no' ? 'it will be done again' : 'the run goes on'}.`;
  },
)
  .requiredOption('--step <key>', 'the step, as `show` names it')
  .addOption(
    new Option('--happened <what>', 'yes: it did. no: do it again. failed: it did not, leave it')
      .choices(['yes', 'no', 'failed'])
      .makeOptionMandatory(),
  )
  .option('--value <json>', 'what the step would have returned, where the job needs it');

onRun('cancel', 'ask a run to stop and put back what it holds', async ({ engine }, run, { reason }) => {
  const state = await engine.acts.cancel(run, { by: me(), why: reason });
  return state === 'cancelled'
    ? `${run} is cancelled; it had not begun.`
    : `${run} is asked to stop; it puts back what it holds first.`;
});

onRun(
  'kill',
  'end a run at once, whoever works on it; nothing is put back',
  async ({ engine, config }, run, { reason }) => {
    const steps = await engine.acts.kill(run, { by: me(), why: reason });
    const under =
      steps.length === 0
        ? 'No step was under way.'
        : `Under way was ${steps.map((key) => `"${key}"`).join(', ')}.`;
    return `${run} is ended. ${under} Nothing was put back; what it holds is written in ${config.stateDir}/handback.`;
  },
);

onRun('resume', 'take a run up where its journal ends', async ({ engine }, run, { reason }) => {
  await engine.acts.resume(run, { by: me(), why: reason });
  const heard = (await engine.daemonLives())
    ? ''
    : ' No daemon lives here: start one with nightshift daemon.';
  return `${run} goes on.${heard}`;
});

for (const [mode, summary] of [
  ['freeze', 'begin no new disruption; putting back goes on'],
  ['halt', 'as freeze, and abort migrations under way'],
  ['thaw', 'end a freeze or a halt'],
] as const) {
  program
    .command(mode)
    .summary(summary)
    .option('--reason <text>', 'shown to whoever waits', 'no reason given')
    .action(
      command(async (house, terminal, { reason }: { reason: string }) => {
        const { engine } = house;
        await engine.acts.setMode(mode === 'thaw' ? '' : mode, { by: me(), why: reason });
        const now = await engine.acts.mode();
        terminal.say(renderMode(now, viewOf(house, terminal)));
        terminal.json(now);
        return EXIT.done;
      }),
    );
}

program
  .command('accept-redis')
  .summary('go on with a Redis that lost some of its past')
  .action(
    command(async ({ engine }, terminal) => {
      const { doubt } = engine;
      const parked = await engine.acts.acceptRedis({ by: me() });
      terminal.say(
        `Accepted: ${doubt}.`,
        `${parked} runs that were under way wait for your decision: nightshift runs --state needs-decision`,
      );
      terminal.json({ doubt, parked });
      return EXIT.done;
    }),
  );

program
  .command('check-config')
  .summary('read the configuration and name every fault in it')
  .action(async (_: unknown, self: Command) => {
    const { config: path, json } = self.optsWithGlobals<Common>();
    const config = await checkConfig(path);
    const terminal = terminalOn(process.stdout, { json: json === true });
    terminal.say(`${config.file ?? 'No configuration file; everything is at its default'}: no faults.`);
    terminal.json({ file: config.file, faults: [] });
  });

/** Runs the command that the arguments name; resolves once its exit code is set. */
async function main(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    // commander has said what was wrong with the arguments already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.badInput;
    else {
      process.exitCode = codeOfError(error);
      console.error(messageOf(error));
    }
  }
}

await main();
