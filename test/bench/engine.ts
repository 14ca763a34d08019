/**
 * What does the engine cost, and how soon is it back? Measures what the README promises, on a Redis that
 * fsyncs every write, and says what is met.
 *
 *   node test/bench/engine.ts [--json] [--only steps | takeover | instants | daemon]
 *
 * Exit codes: 0 all bars are met, 1 one is missed.
 */
import { parseArgs } from 'node:util';
import { openRedis } from '../../src/engine/redis.ts';
import { redisServer } from '../engine/support/redis-server.ts';
import { type Figure, machineWith, renderMeasured } from './figures.ts';
import { measureIdleDaemon } from './idle-daemon.ts';
import { measureInstants } from './instants.ts';
import { measureSteps } from './step-ratio.ts';
import { measureTakeOver } from './takeover.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' } } });
const server = await redisServer();
const redis = await openRedis({ url: server.socket, stateDir: server.dir, onError: () => {} });

const parts: Readonly<Record<string, () => Promise<Figure[]>>> = {
  steps: () => measureSteps(redis, server.dir),
  takeover: measureTakeOver,
  instants: measureInstants,
  daemon: () => measureIdleDaemon(server.socket),
};

const figures: Figure[] = [];
try {
  for (const [name, measure] of Object.entries(parts)) {
    if (values.only !== undefined && values.only !== name) continue;
    console.error(`Measuring: ${name}.`);
    figures.push(...(await measure()));
  }
  const measured = { machine: machineWith(await versionOf()), figures };
  console.log(values.json ? JSON.stringify(measured, undefined, 2) : renderMeasured(measured));
} finally {
  await redis.close();
  await server.remove();
}
process.exitCode = figures.some(({ met }) => met === false) ? 1 : 0;

async function versionOf(): Promise<string> {
  const connection = redis.connect();
  const info = await connection.info('server');
  connection.disconnect();
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown';
}
