/**
 * The demo: a night of maintenance on a simulated cloud, by the real daemon. Started by src/demo.js,
 * which holds the folder's lock for it.
 *
 * Exit codes: 0 the night is over, or was stopped at a terminal · 1 something in it failed · 2 bad
 * options · 3 a person has to decide · 85 the folder is in use · 128 + n stopped by a signal.
 */
import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { CommanderError } from 'commander';
import { codeOfError, EXIT } from '../cli/exit-codes.ts';
import type { RehearsalProgress } from '../rehearse/rehearse.ts';
import { deedsIn, seedFleet, sizeOf } from './fleet.ts';
import { beginNight, endNight, type Folder, folderOf, type Night, nightUnderWay } from './folder.ts';
import { forecastNext } from './forecast.ts';
import { type DemoHouse, openDemoHouse, version } from './house.ts';
import { layOutSights, wrap } from './lay-out.ts';
import { parseOptions } from './options.ts';
import { screenOn } from './screen.ts';
import { NIGHT_AT, TOKEN } from './site.ts';
import { errorsIn, sayBeginning, sayOutcome, sayTime, sightsOf } from './summary.ts';
import { type Ending, Watch } from './watch.ts';

const TAKEN = 85;
/** A terminal and npm may both pass on the same Ctrl-C. */
const SAME_SIGNAL_MS = 500;

const screen = screenOn(process.stdout);
const otherRedis = process.env['REDIS_URL'] !== undefined;

async function main(): Promise<number> {
  const { fresh, ...wish } = parseOptions(process.argv.slice(2));
  const folder = folderOf(process.env['NIGHTSHIFT_DEMO'] ?? 'var/demo');
  const stop = stopping();
  const found = fresh ? undefined : nightUnderWay(folder);
  const night = found?.night ?? (await beginNight(folder, wish, NIGHT_AT));
  if (night === false) return TAKEN;

  const house = await openDemoHouse(folder, night, found?.now ?? night.fleet.at);
  try {
    announce(house, folder, night, found?.now);
    const before = seedFleet(night.fleet);
    const deeds = () => deedsIn(before, house.twin.world.state);
    const watch = new Watch(house, screen, () => {
      const { rebooted, migrated, stopped } = deeds();
      const done = `${rebooted} rebooted, ${migrated} servers live-migrated, ${stopped} stopped`;
      return `${house.clock.now().toISOString().slice(11, 16)}  ${done}`;
    });
    await house.installation.engine.start();
    house.clock.setPace(night.timesFaster);
    const ending = await watch.night(stop.signal);
    if (ending.how === 'interrupted') return interrupted(house, stop);

    const tookMs = (house.clock.now().getTime() - night.fleet.at) / night.timesFaster;
    const mails = countMails(folder);
    sayAll(['', ...sayOutcome({ ...ending, deeds: deeds(), mails, tookMs })]);
    if (ending.how === 'over') {
      endNight(folder);
      await sayNext(house, folder, stop.signal);
    }
    sayWhatNow(house, folder, ending);
    if (screen.interactive) {
      // Nobody who looks around wants the next night to begin in half an hour.
      house.clock.setPace(1);
      await watch.after(stop.signal);
      screen.say(['']);
      return 0;
    }
    if (ending.how === 'needs a decision') return 3;
    return errorsIn(ending.runs) + ending.leftOut.length > 0 ? 1 : 0;
  } finally {
    await house.close();
  }
}

function announce(house: DemoHouse, folder: Folder, night: Night, goesOnAt: number | undefined): void {
  const { twin, server, installation, redisMs } = house;
  const { startBy, backBy } = installation.config.windows['nightly'] ?? { startBy: '', backBy: '' };
  const lines = sayBeginning({
    version: version(),
    seed: night.fleet.seed,
    ...sizeOf(twin.world),
    redisMs,
    cloudUrl: new URL(twin.authUrl).origin,
    apiUrl: server.url,
    token: TOKEN,
    folder: folder.name,
    pace: night.timesFaster,
    at: new Date(night.fleet.at),
    ...(goesOnAt === undefined ? {} : { goesOnAt: new Date(goesOnAt) }),
    window: { startBy, backBy },
  });
  sayAll(lines);
}

/** A forecast, unless somebody does not want to wait for it. */
async function sayNext({ twin }: DemoHouse, folder: Folder, signal: AbortSignal): Promise<void> {
  const progress = ({ course, courses, night }: RehearsalProgress): void =>
    screen.show([`rehearsing the next kernel: ${course} of ${courses}, night ${night}`]);
  try {
    sayAll(await forecastNext(twin.world, folder.at('nightshift.yaml'), { signal, progress }));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    screen.show([]);
  }
}

function sayWhatNow(house: DemoHouse, folder: Folder, { runs }: Extract<Ending, { runs: unknown }>): void {
  const apiUrl = screen.interactive ? { apiUrl: house.server.url } : {};
  const sights = sightsOf({ runs, folder: folder.name, otherRedis, token: TOKEN, ...apiUrl });
  screen.say(layOutSights(sights, screen.width));
  sayAll(['Runs carry our time, their steps the simulated one.']);
  if (screen.interactive) sayAll(['', 'The daemon goes on for you to look around; Ctrl-C ends it.']);
}

function interrupted({ clock }: DemoHouse, stop: Stop): number {
  screen.show([]);
  sayAll([`Stopped at ${sayTime(clock.now())} of that night; npm run demo goes on from there.`]);
  return screen.interactive ? 0 : 128 + constants.signals[stop.by];
}

/** Sentences, broken where the terminal is narrow. */
function sayAll(lines: readonly string[]): void {
  screen.say(lines.flatMap((line) => wrap(line, { width: screen.width, hang: 2 })));
}

function countMails(folder: Folder): number {
  const mail = folder.at('mail');
  return existsSync(mail) ? readdirSync(mail).filter((file) => file.endsWith('.eml')).length : 0;
}

interface Stop {
  readonly signal: AbortSignal;
  by: NodeJS.Signals;
}

/** Aborts when somebody wants the demo to end. The second time nothing is waited for any more. */
function stopping(): Stop {
  const controller = new AbortController();
  const stop: Stop = { signal: controller.signal, by: 'SIGTERM' };
  let at = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      const again = controller.signal.aborted && performance.now() - at > SAME_SIGNAL_MS;
      if (again) process.exit(128 + constants.signals[signal]);
      at = performance.now();
      stop.by = signal;
      controller.abort();
    });
  // Nobody reads any more.
  process.stdout.on('error', () => controller.abort());
  return stop;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has said it to the person already.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.badInput;
  } else if (error instanceof Error && 'retryable' in error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = codeOfError(error);
  } else throw error;
}
