/** Plans from a file, without a cloud and without a daemon: `plan defragment` and `plan check`. */
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { type Command, InvalidArgumentError } from 'commander';
import type { DefragmentPlan, DefragmentPolicy } from '../domain/defragment-plan.ts';
import { messageOf } from '../domain/failure.ts';
import { type FleetFile, parseFleet } from '../domain/fleet-file.ts';
import { fleetWarnings } from '../domain/fleet-warnings.ts';
import { checkPlan } from '../domain/plan-check.ts';
import { parsePlan } from '../domain/plan-file.ts';
import { readDataFile } from '../read-data-file.ts';
import { RequestError } from '../start-run.ts';
import { type Common, interruption, terminalFor } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { renderCheck, renderPlan } from './render-plan.ts';

/** What limits the waves, for both commands. */
interface Limits {
  readonly maxMoves?: number;
  readonly parallel?: number;
  readonly perHypervisor?: number;
}

interface Wishes extends Limits {
  readonly fleet: string;
  readonly seconds: number;
  readonly seed: number;
  readonly wanted: number | 'max';
  readonly out?: string;
}

/** Rounds of improvement: enough that what is found later is not worth the wait. */
const ROUNDS = 1000;

export function registerPlanCommands(program: Command): void {
  const plan = program
    .command('plan')
    .summary('plan from a file what a night would do, or check a plan')
    .description('Plans from a file of the format fleet/1, or checks such a plan. Touches no cloud.');
  withLimits(
    plan
      .command('defragment')
      .summary('say which servers to move so that the most hypervisors stand empty')
      .description(
        'Plans which servers to move where, and in which order, so that the most hypervisors stand empty, with the fewest moves. ' +
          'Stopped by Ctrl-C it answers with the best plan so far.',
      )
      .requiredOption('--fleet <file>', 'the fleet, as fleet export writes it; may be gzipped'),
    { parallel: 20, perHypervisor: 1 },
  )
    .option('--seconds <n>', 'plan no longer than this', parseSeconds, 60)
    .option('--seed <n>', 'the same seed gives the same plan, unless time was up', parseCount, 1)
    .option('--wanted <n>', 'so many empty hypervisors, those counted that are; or max', parseWanted, 'max')
    .option('--out <file>', 'write the plan to this file; compressed where it ends in .gz')
    .action(async (wishes: Wishes, self: Command) => {
      process.exitCode = await defragment(wishes, self.optsWithGlobals<Common>());
    });
  withLimits(
    plan
      .command('check')
      .summary('say whether a plan keeps every rule, and does what it says')
      .description(
        'Replays a plan of the format plan/1 on a fleet, each migration on both hypervisors until its wave is over, and lists what is against a rule or not as the plan says.',
      )
      .requiredOption('--fleet <file>', 'the fleet')
      .requiredOption('--plan <file>', 'the plan'),
  ).action(async (given: Limits & { fleet: string; plan: string }, self: Command) => {
    process.exitCode = await check(given, self.optsWithGlobals<Common>());
  });
}

function withLimits(command: Command, defaults: Omit<Limits, 'maxMoves'> = {}): Command {
  const { parallel, perHypervisor } = defaults;
  return command
    .option('--max-moves <n>', 'migrations at most; left out, any number', parseCount)
    .option('--parallel <n>', 'migrations at once', parsePositive, parallel)
    .option(
      '--per-hypervisor <n>',
      'of them off one hypervisor; twice as many onto one',
      parsePositive,
      perHypervisor,
    );
}

async function defragment(wishes: Wishes, common: Common): Promise<number> {
  const terminal = terminalFor(common);
  const fleet = await fleetIn(wishes.fleet);
  const { wanted, seed, seconds } = wishes;
  const policy: DefragmentPolicy = {
    ...limitsOf(wishes),
    wanted,
    keepEmpty: 0,
    coolDownHours: 0,
    maxGibPerHypervisor: Infinity,
    seed,
    iterations: ROUNDS,
  };
  // Loads the planner, which no other command needs.
  const { planInThread } = await import('./plan-in-thread.ts');
  const plan = await planInThread(fleet, policy, { seconds, signal: interruption() });
  if (wishes.out !== undefined) await write(wishes.out, plan);
  terminal.say(...renderPlan(fleet, plan, { limits: policy, width: terminal.width }));
  terminal.json(plan);
  if (wishes.out !== undefined) terminal.say('', `The plan is in ${wishes.out}.`);
  return EXIT.done;
}

async function check(
  given: Limits & { readonly fleet: string; readonly plan: string },
  common: Common,
): Promise<number> {
  const terminal = terminalFor(common);
  const fleet = await fleetIn(given.fleet);
  const plan = parsePlan(await readDataFile(given.plan), given.plan);
  const result = checkPlan(fleet, plan, limitsOf(given));
  const warnings = fleetWarnings(fleet);
  terminal.say(...renderCheck(plan, result, warnings));
  terminal.json({ ...result, warnings });
  return result.ok ? EXIT.done : EXIT.failed;
}

async function fleetIn(path: string): Promise<FleetFile> {
  return parseFleet(await readDataFile(path), path);
}

async function write(path: string, plan: DefragmentPlan): Promise<void> {
  const text = `${JSON.stringify(plan)}\n`;
  try {
    await writeFile(path, path.endsWith('.gz') ? gzipSync(text) : text);
  } catch (error) {
    throw new RequestError(`${path} cannot be written: ${messageOf(error)}`);
  }
}

function limitsOf({ maxMoves = Infinity, parallel = Infinity, perHypervisor = Infinity }: Limits) {
  return { maxMoves, parallel, outPerHypervisor: perHypervisor, inPerHypervisor: 2 * perHypervisor };
}

function parseCount(typed: string): number {
  if (/^\d{1,9}$/.test(typed)) return Number(typed);
  throw new InvalidArgumentError('It is a number from 0 on.');
}

function parsePositive(typed: string): number {
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  throw new InvalidArgumentError('It is a number from 1 on.');
}

function parseSeconds(typed: string): number {
  if (/^\d{1,6}(\.\d+)?$/.test(typed) && Number(typed) > 0) return Number(typed);
  throw new InvalidArgumentError('It is a number of seconds above 0.');
}

function parseWanted(typed: string): number | 'max' {
  if (typed === 'max') return typed;
  if (/^\d{1,9}$/.test(typed)) return Number(typed);
  throw new InvalidArgumentError('It is a number, or max.');
}
