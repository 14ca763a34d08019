/** The commands for the installation as a whole: `daemon`, `freeze`, `halt`, `thaw`, `accept-redis` and `check-config`. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { checkConfig } from '../daemon.ts';
import { sayCount } from '../domain/say.ts';
import { type Common, inHouse, interruption, me, terminalFor, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { renderMode } from './render-house.ts';

export function registerHouseCommands(program: Command): void {
  program
    .command('daemon')
    .summary('work runs until told to stop')
    .description(
      'Works runs until SIGTERM or Ctrl-C, then hands them over. Logs to standard error: lines on a terminal, else JSON.',
    )
    .action(inHouse(daemon));
  for (const [mode, summary, description] of [
    ['freeze', 'begin no new disruption; putting back goes on', 'Holds back whatever somebody could feel.'],
    [
      'halt',
      'as freeze, and abort migrations under way',
      'Holds back and aborts whatever somebody could feel.',
    ],
    ['thaw', 'end a freeze or a halt', 'Ends a freeze or a halt: what it held back goes on.'],
  ] as const) {
    program
      .command(mode)
      .summary(summary)
      .description(`${description} It holds for all runs of this installation.`)
      .option('--reason <text>', 'shown with every run that waits', 'no reason given')
      .action(
        inHouse(async ({ engine, terminal, view }, { reason }: { reason: string }) => {
          await engine.acts.setMode(mode === 'thaw' ? '' : mode, { by: me(), why: reason });
          const now = await engine.acts.mode();
          terminal.say(renderMode(now, view));
          terminal.json(now);
          return EXIT.done;
        }),
      );
  }
  program
    .command('accept-redis')
    .summary('go on with a Redis that lost some of its past')
    .description(
      'Goes on with Redis as it is, after it was flushed, restored from an older copy or replaced. Runs that were under ' +
        'way wait for a person, because they may have done more than their journals say.',
    )
    .action(inHouse(acceptRedis));
  program
    .command('check-config')
    .summary('name every fault in the configuration')
    .description(
      'Reads the configuration, secrets and site jobs included, and names every fault. Starts nothing.',
    )
    .action(async (_: unknown, self: Command) => {
      const common = self.optsWithGlobals<Common>();
      const { file } = await checkConfig(common.config);
      const terminal = terminalFor(common);
      terminal.say(
        file === undefined
          ? 'There is no configuration file; everything is at its default, and nothing can be changed.'
          : `${file}: no faults.`,
      );
      terminal.json({ file: file ?? null, faults: [] });
    });
}

async function daemon({ house, engine, terminal }: Visit): Promise<number> {
  const { config, log } = house;
  const told = interruption();
  log.info('nightshift starts', {
    redis: engine.redisName,
    stateDir: config.stateDir,
    config: config.file ?? 'none: everything is at its default',
    dryRun: config.dryRun,
    armed: Object.entries(config.jobs)
      .filter(([, { armed }]) => armed !== false)
      .map(([name]) => name),
  });
  const { openServer } = await import('../server/server.ts');
  const server = await openServer({ engine, config, log });
  await engine.start();
  log.info('nightshift listens', { url: server.url });
  log.info(
    engine.doubt === undefined
      ? 'nightshift works'
      : 'nightshift starts nothing until: nightshift accept-redis',
  );
  if (!told.aborted) await once(told, 'abort');
  log.info('nightshift hands over and ends');
  await server.close();
  terminal.json({ handedOver: true });
  return EXIT.done;
}

async function acceptRedis({ engine, terminal }: Visit): Promise<number> {
  const { doubt } = engine;
  const parked = await engine.acts.acceptRedis({ by: me() });
  terminal.say(
    `Accepted: ${doubt}.`,
    parked === 0
      ? 'No run that Redis still knows was under way. Runs that it lost may have left something: see handback in the state directory.'
      : `${sayCount(parked, 'run')} that had not ended: ${parked === 1 ? 'it waits' : 'they wait'} for your word. See: nightshift runs --state needs-decision`,
  );
  terminal.json({ doubt, parked });
  return EXIT.done;
}
