/** `nightshift rehearse`: what would become of a campaign on a fleet from a file? Needs no daemon and no cloud. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { RedisAway } from '../daemon.ts';
import { messageOf } from '../domain/failure.ts';
import { type FleetFile, parseFleet } from '../domain/fleet-file.ts';
import type { Forecast } from '../domain/forecast.ts';
import { describeForecast } from '../domain/forecast-report.ts';
import { DAY_MS, instantOf } from '../domain/local-time.ts';
import { sayCount, sayInstant } from '../domain/say.ts';
import { RefusedError } from '../engine/errors.ts';
import { readDataFile } from '../read-data-file.ts';
import { FAULT_LEVELS, type FaultLevel, faultRules } from '../rehearse/faults.ts';
import type { RehearsalProgress } from '../rehearse/rehearse.ts';
import type { RehearsedSite } from '../rehearse/site.ts';
import { type Common, interruption, terminalFor } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { plain, renderRows, renderTable } from './table.ts';
import type { Terminal } from './terminal.ts';

interface Asked {
  readonly fleet: string;
  readonly jobs?: readonly string[];
  readonly nights: number;
  readonly from?: string;
  readonly seed?: number;
  readonly seeds?: number;
  readonly faults: FaultLevel;
}

const MOST_NIGHTS = 120;

export function registerRehearseCommand(program: Command): void {
  program
    .command('rehearse')
    .summary('forecast a campaign on a fleet from a file')
    .description(
      'Runs the real jobs on a simulated cloud made of the file (see fleet export), in virtual time, night after ' +
        'night by their schedules and windows, until nothing needs a reboot or nothing changes any more. Jobs have ' +
        'the options of the configuration, else of its example, and are rehearsed as if they were armed. Touches ' +
        'no cloud, host or mailbox.',
    )
    .requiredOption('--fleet <file>', 'the fleet, in the format fleet/1; may be compressed')
    .option('--jobs <names>', 'jobs to rehearse, with commas between', listOf)
    .option('--nights <n>', 'at most so many nights', wholeFrom(1), MOST_NIGHTS)
    .option('--from <date>', 'the first night is the first from this day on; left out, from now on', dayOf)
    .addOption(
      new Option('--seed <n>', 'chance: the same seed gives the same forecast').argParser(wholeFrom(0)),
    )
    .addOption(
      new Option('--seeds <n>', 'rehearse with the seeds 1 to n, for what half and nine in ten come to')
        .argParser(wholeFrom(1))
        .conflicts('seed'),
    )
    .addOption(
      new Option(
        '--faults <level>',
        'migrations that fail or crawl, hypervisors that do not come back well: usual is 1 in 55 and 1 in 170, harsh five times that',
      )
        .choices(FAULT_LEVELS)
        .default('usual'),
    )
    .action(async (asked: Asked, self: Command) => {
      process.exitCode = await forecast(asked, self.optsWithGlobals<Common>());
    });
}

async function forecast(asked: Asked, common: Common): Promise<number> {
  const terminal = terminalFor(common);
  const fleet = parseFleet(await readDataFile(asked.fleet), asked.fleet);
  // A daemon has no use for the simulated cloud.
  const { readSite } = await import('../rehearse/site.ts');
  const { rehearse } = await import('../rehearse/rehearse.ts');
  const site = await readSite(common.config, asked.jobs);
  const { nights, faults, seed = 1, seeds } = asked;
  const from = startOf(asked, site);
  terminal.say(...sayBeginning(asked, { fleet, site, from }));
  const wish = {
    fleet,
    site,
    from,
    nights,
    faults: faultRules(faults),
    seeds: seeds === undefined ? [seed] : Array.from({ length: seeds }, (_, i) => i + 1),
  };
  const signal = interruption();
  const progress = (far: RehearsalProgress): void => terminal.transient(sayProgress(far));
  const found = await rehearse(wish, { signal, progress }).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error instanceof RefusedError ? new RedisAway(messageOf(error), { cause: error }) : error;
  });
  if (found === undefined) {
    terminal.warn('Interrupted; there is no forecast.');
    return EXIT.tryAgain;
  }
  show(terminal, found, site.timezone);
  terminal.json({ fleet: fleet.name, faults, ...found });
  return EXIT.done;
}

function sayBeginning(
  { faults, seed = 1, seeds }: Asked,
  { fleet, site, from }: { fleet: FleetFile; site: RehearsedSite; from: number },
): string[] {
  const { name, hypervisors, servers } = fleet;
  const chance = seeds === undefined ? `seed ${seed}` : `seeds 1 to ${seeds}`;
  const size = `${sayCount(hypervisors.length, 'hypervisor')}, ${sayCount(servers.length, 'server')}`;
  return [
    plain(
      `${name}: ${size}; from ${sayInstant(new Date(from), site.timezone)}; faults: ${faults}; ${chance}`,
    ),
    ...site.schedules.map(({ job, cron, zone }) => `  ${job}  ${cron} (${zone})`),
    '',
  ];
}

function sayProgress({ course, courses, night, done, needed }: RehearsalProgress): string {
  const which = courses === 1 ? '' : `rehearsal ${course} of ${courses}, `;
  return `${which}night ${night}: ${done} of ${needed} rebooted`;
}

function show(terminal: Terminal, found: Forecast, zone: string): void {
  const { width } = terminal;
  const { headline, sheet, courses, unfinished } = describeForecast(found, zone);
  terminal.say(plain(headline), '', ...renderTable(sheet, width).slice(sheet.columns[1] === '' ? 1 : 0));
  if (courses !== undefined) terminal.say('', ...renderTable(courses, width));
  if (unfinished.rows.length > 0) terminal.say('', ...renderRows(unfinished, width));
}

/** The day that was asked for begins on the site's clocks. */
function startOf({ from }: Asked, { timezone }: RehearsedSite): number {
  return from === undefined
    ? Date.now()
    : instantOf(Math.floor(Date.parse(from) / DAY_MS) * DAY_MS, timezone);
}

function listOf(typed: string): string[] {
  return typed.split(',').map((name) => name.trim());
}

function dayOf(typed: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(typed) && !Number.isNaN(Date.parse(typed));
  if (isDay && new Date(typed).toISOString().startsWith(typed)) return typed;
  throw new InvalidArgumentError('It is a day, as 2026-11-24.');
}

function wholeFrom(least: number) {
  return (typed: string): number => {
    const n = /^\d{1,6}$/.test(typed) ? Number(typed) : Number.NaN;
    if (n >= least) return n;
    throw new InvalidArgumentError(`It is a whole number from ${least} on.`);
  };
}
