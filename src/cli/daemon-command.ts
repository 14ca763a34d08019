/** `nightshift daemon`: works runs until it is told to stop, then hands them over. */
import { once } from 'node:events';
import type { Installation } from '../daemon.ts';
import { EXIT } from './exit-codes.ts';

export async function runDaemon({ engine, config, log }: Installation): Promise<number> {
  const told = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  log.info('nightshift starts', {
    redis: engine.redisName,
    stateDir: config.stateDir,
    config: config.file ?? 'none: everything is at its default',
    dryRun: config.dryRun,
    armed: Object.entries(config.jobs)
      .filter(([, { armed }]) => armed !== false)
      .map(([name]) => name),
  });
  await engine.start();
  log.info(
    engine.doubt === undefined
      ? 'nightshift works'
      : 'nightshift starts nothing until: nightshift accept-redis',
  );
  await told;
  log.info('nightshift hands over and ends');
  return EXIT.done;
}
