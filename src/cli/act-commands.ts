/** The commands that say a person's word on a run: `decide`, `approve`, `cancel` and `kill`. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { sayList } from '../domain/say.ts';
import type { Engine } from '../engine/engine.ts';
import { inHouse, me, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { findRun } from './find.ts';
import { parseValue } from './options.ts';

/** What such a command may be given; a decision's own are mandatory there. */
interface ActOptions {
  readonly reason: string;
  readonly step?: string;
  readonly happened?: 'yes' | 'no' | 'failed';
  readonly value?: string;
}

/** Carries it out and says, in a sentence, what was changed. */
type Act = (visit: Visit, run: string, options: ActOptions) => Promise<string>;

export function registerActCommands(program: Command): void {
  actOnRun(program, 'decide', decide)
    .summary('say whether a step happened; the run goes on')
    .description(
      'Says what became of a step whose end nobody saw. The run goes on from there. `nightshift show` names the step ' +
        'and what is known of it.',
    )
    .requiredOption('--step <key>', 'the step, as show names it')
    .addOption(
      new Option('--happened <what>', 'yes: it did; no: do it again; failed: it did not, leave it')
        .choices(['yes', 'no', 'failed'])
        .makeOptionMandatory(),
    )
    .option('--value <value>', 'what the step would have returned (YAML or JSON), where the job needs it');
  program
    .command('approve <run> <question>')
    .summary('answer a question that a run asks, or will ask')
    .description(
      'Answers the question of a run by its key, as the mail and `show` name it. It may be answered before it is asked, ' +
        'also for a scheduled run that there is not yet. The first answer holds.',
    )
    .addOption(new Option('--answer <answer>', 'what it may do').choices(['yes', 'no']).makeOptionMandatory())
    .option('--reason <text>', 'kept in the audit', 'no reason given')
    .action(inHouse(approve));
  actOnRun(program, 'cancel', cancel)
    .summary('ask a run to stop and put back what it holds')
    .description(
      'Asks a run to stop. What it has under way is revoked, what it holds is put back, then it ends.',
    );
  actOnRun(program, 'kill', kill)
    .summary('end a run at once; nothing is put back')
    .description(
      'Ends a run at once, whoever works on it, also when that machine is gone. Nothing is put back.',
    );
}

function actOnRun(program: Command, name: string, act: Act): Command {
  return program
    .command(`${name} <run>`)
    .option('--reason <text>', 'kept in the audit', 'no reason given')
    .action(
      inHouse(async (visit, beginning: string, options: ActOptions) => {
        const { engine, terminal } = visit;
        const run = await findRun(engine, beginning);
        const said = await act(visit, run, options);
        terminal.say(said);
        terminal.json({ run, state: (await engine.runs.get(run))?.state, said });
        return EXIT.done;
      }),
    );
}

const decide: Act = async ({ engine }, run, { step = '', happened = 'no', value, reason }) => {
  const decision = { step, happened, by: me(), why: reason };
  await engine.acts.decide(run, value === undefined ? decision : { ...decision, value: parseValue(value) });
  const then = {
    yes: 'happened; the run goes on after it',
    no: 'did not happen; it will be done again',
    failed: 'did not happen; it counts as failed',
  };
  return `${run}: "${step}" ${then[happened]}.${await sayWho(engine, run)}`;
};

async function approve(
  { engine, terminal }: Visit,
  beginning: string,
  key: string,
  { answer, reason }: { answer: 'yes' | 'no'; reason: string },
): Promise<number> {
  const run = isScheduledRun(beginning, engine) ? beginning : await findRun(engine, beginning);
  const holds = await engine.acts.approve(run, { key, answer, by: me(), why: reason });
  const said =
    holds.by === me() && holds.answer === answer
      ? `${run}: "${key}" is answered with ${answer}.`
      : `${run}: "${key}" had been answered with ${holds.answer} by ${holds.by}; that holds.`;
  terminal.say(said);
  terminal.json({ run, key, ...holds });
  return EXIT.done;
}

/** The id of a run that a schedule makes, or will make: `job~20261124T224100Z`. */
function isScheduledRun(id: string, { jobs }: Engine): boolean {
  const [, job = ''] = /^(.+)~\d{8}T\d{6}Z$/.exec(id) ?? [];
  return jobs.has(job);
}

const cancel: Act = async ({ engine }, run, { reason }) => {
  const state = await engine.acts.cancel(run, { by: me(), why: reason });
  return state === 'cancelled'
    ? `${run} is cancelled; it had not begun.`
    : `${run} is asked to stop; it puts back what it holds first.${await sayWho(engine, run)}`;
};

const kill: Act = async ({ engine, house }, run, { reason }) => {
  const steps = await engine.acts.kill(run, { by: me(), why: reason });
  const under =
    steps.length === 0 ? 'No step was under way' : `Under way: ${sayList(steps.map((key) => `"${key}"`))}`;
  return `${run} is ended. ${under}. Nothing was put back; how to undo what it holds: ${join(house.config.stateDir, 'handback')}`;
};

/** A run that lies ready is worked by nobody where no daemon lives. */
async function sayWho(engine: Engine, run: string): Promise<string> {
  const lies = (await engine.runs.get(run))?.state === 'queued';
  return lies && !(await engine.daemonLives())
    ? ` No daemon works here; go on: nightshift resume ${run}`
    : '';
}
