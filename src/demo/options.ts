/** What may a person ask of the demo, and did they ask it rightly? */
import { Command, InvalidArgumentError } from 'commander';

export interface DemoOptions {
  readonly seed: number;
  readonly hypervisors: number;
  readonly servers: number;
  /** How much faster the simulated time goes than ours. */
  readonly pace: number;
  /** Begin anew, also when a night was interrupted. */
  readonly fresh: boolean;
}

/** A simulated minute lasts a second. */
const USUAL_PACE = 60;

/** Servers on each hypervisor, as far as nobody asks for another number of them. */
const SERVERS_EACH = 13;
const FEWEST_HYPERVISORS = 6;

/** Throws commander's `CommanderError` after telling the person; also when help was asked for. */
export function parseOptions(args: readonly string[]): DemoOptions {
  const command = new Command('npm run demo --')
    .description('A night of maintenance on a simulated cloud, in about a minute.')
    .option('--seed <n>', 'the same seed gives the same cloud', wholeFrom(0), 7)
    .option('--hypervisors <n>', 'how many there are', wholeFrom(FEWEST_HYPERVISORS, 99), 24)
    .option('--servers <n>', 'how many run on them (default: 13 on each)', wholeFrom(0))
    .option('--pace <n>', 'how much faster than ours its time goes', wholeFrom(1, 3600), USUAL_PACE)
    .option('--new', 'begin a new night, also when one was interrupted', false)
    .allowExcessArguments(false)
    .exitOverride();
  const given = command.parse(args, { from: 'user' }).opts<{
    seed: number;
    hypervisors: number;
    servers?: number;
    pace: number;
    new: boolean;
  }>();
  const { new: fresh, servers = usualServers(given.hypervisors), ...others } = given;
  return { ...others, servers, fresh };
}

/** 310 for 24. */
function usualServers(hypervisors: number): number {
  return Math.floor((hypervisors * SERVERS_EACH) / 10) * 10;
}

function wholeFrom(least: number, most = 1_000_000) {
  return (typed: string): number => {
    const n = /^\d{1,7}$/.test(typed) ? Number(typed) : Number.NaN;
    if (n >= least && n <= most) return n;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}
