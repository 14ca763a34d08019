/** The commands that set runs going: `run` and `resume`. */
import type { Command } from 'commander';
import { findJob, startRun } from '../start-run.ts';
import { accompany } from './accompany.ts';
import { inHouse, me, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { findRun } from './find.ts';
import { parseOptions, type Typed, valuesOf } from './options.ts';

const REASON = ['--reason <text>', 'kept in the audit', 'no reason given'] as const;

export function registerRunCommands(program: Command): void {
  program
    .command('run <job>')
    .summary('start a run; a dry run unless --go is given')
    .description(
      'Starts a run of a job. Without --go it is a dry run: it plans, explains and changes nothing. Acting takes ' +
        'three yeses: dryRun: false in the configuration, the job armed there, and --go. A daemon works the run where ' +
        'one lives; else it is worked here, and Ctrl-C hands it over.',
    )
    .option('-o, --option <name=value>', 'an option of the job; may be given again', parseOptions)
    .option('--go', 'change things')
    .option('-f, --follow', 'show its log until it ends or waits')
    .addHelpText('after', '\nExample: nightshift run reboot-hypervisors --option limit=2 --go --follow')
    .action(inHouse(run));

  program
    .command('resume <run>')
    .summary('take a run up where its journal ends')
    .description(
      'Takes up a run that failed, was killed, was parked for a person, or was left when its process ended. What is ' +
        'done stays done. A daemon works it where one lives; else it is worked here, and Ctrl-C hands it over.',
    )
    .option(...REASON)
    .option('-f, --follow', 'show its log until it ends or waits')
    .action(inHouse(resume));
}

interface RunOptions {
  readonly option?: Typed;
  readonly go?: true;
  readonly follow?: true;
}

/** A run that acts and has a daemon to work it is left to it, unless followed; a dry run is waited for. */
async function run(visit: Visit, job: string, { option = {}, go, follow }: RunOptions): Promise<number> {
  const { house, engine, terminal } = visit;
  const trigger = { kind: 'cli', by: me() } as const;
  const options = valuesOf(option, findJob(engine.jobs, job).job.options);
  const { id, acting } = await startRun(house, { job, options, go: go === true, trigger });
  terminal.say(acting.acting ? `${id}: acting.` : `Dry run: nothing is changed (${acting.why}).`);
  if (acting.acting && follow === undefined && (await engine.daemonLives())) return leaveToDaemon(visit, id);
  return accompany(visit, id, { follow: follow === true });
}

async function resume(
  visit: Visit,
  beginning: string,
  { reason, follow }: { reason: string; follow?: true },
): Promise<number> {
  const { engine, terminal } = visit;
  const id = await findRun(engine, beginning);
  const state = (await engine.runs.get(id))?.state;
  const daemon = await engine.daemonLives();
  // What its process left behind needs nobody's word, only somebody who works it.
  const lies = !daemon && (state === 'queued' || state === 'running');
  if (!lies) await engine.acts.resume(id, { by: me(), why: reason });
  terminal.say(`${id} goes on.`);
  if (daemon && follow === undefined) return leaveToDaemon(visit, id);
  return accompany(visit, id, { follow: follow === true, from: engine.logs.read(id, 0, 0).size });
}

async function leaveToDaemon({ engine, terminal }: Visit, id: string): Promise<number> {
  terminal.say(`A daemon works it. Its log: nightshift log -f ${id}`);
  terminal.json(await engine.runs.get(id));
  return EXIT.done;
}
