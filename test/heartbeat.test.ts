import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import type { Clock } from '../src/engine/clock.ts';
import type { CronJob } from '../src/engine/cron.ts';
import type { Engine, EngineOptions } from '../src/engine/engine.ts';
import { heartbeatRounds } from '../src/heartbeat.ts';
import { CLI, jobOf } from './engine/support/jobs.ts';
import { privatePid } from './engine/support/redis-server.ts';
import { eventually, type House, openHouse } from './support/engine.ts';

const JOBS = { try: jobOf(async () => {}) };
const HOURLY: CronJob = {
  job: 'try',
  cron: '0 * * * *',
  zone: 'UTC',
  overlap: 'skip',
  catchUp: 'none',
  options: {},
  acting: false,
};

let house: House;
let file: string;
let server: Server;
let status: number;
let pings: string[];

beforeEach(async () => {
  house = await openHouse();
  file = join(house.stateDir, 'monitor', 'heartbeat');
  [status, pings] = [200, []];
  server = createServer((request, response) => {
    pings.push(`${request.method} ${request.url}`);
    response.writeHead(status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  await house.close();
  await new Promise((done) => server.close(done));
});

/** A daemon whose heart beats fifty times a second. */
async function daemon(options: Partial<EngineOptions<object>> = {}): Promise<Engine> {
  const url = new Secret(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ping/s3cret`);
  const living = { ailment: () => engine.ailment, node: () => engine.node };
  const log = Object.fromEntries(
    (['info', 'warn', 'error'] as const).map((level) => [
      level,
      (message: string, fields?: object) =>
        void house.logged.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
    ]),
  ) as Record<'info' | 'warn' | 'error', () => void>;
  const rounds = heartbeatRounds({ heartbeat: { file, url, everySeconds: 0.02 } }, living, log);
  const { engine }: { engine: Engine } = await house.engine(JOBS, {
    rounds,
    schedules: [HOURLY],
    ...options,
  });
  return engine;
}

/** Lines about the heartbeat, without what differs from run to run. */
function said(): string[] {
  return house.logged
    .filter((line) => line.includes('heartbeat'))
    .map((line) => line.replace(/127[\d.:]+/, 'HOST'));
}

/** Resolves when it has beaten so often from now on. */
async function beats(count = 2): Promise<void> {
  const before = pings.length;
  await eventually('the heart to beat', async () => pings.length >= before + count);
}

describe('the heartbeat', () => {
  it('begins when the daemon works: the file says when it last beat, and of which daemon', async () => {
    const engine = await daemon();
    expect(existsSync(file)).toBe(false);
    expect(engine.ailment).toContain('the open runs were not looked at');
    await engine.start();
    await beats();

    const [time = '', node] = readFileSync(file, 'utf8').trimEnd().split(' ');
    expect(new Date(time).toISOString()).toBe(time);
    expect(node).toBe(engine.node);
    expect(new Set(pings)).toEqual(new Set(['GET /ping/s3cret']));
    await eventually('a later time', async () => !readFileSync(file, 'utf8').startsWith(time));
    expect(said()).toEqual([]);
  });

  it('stops while Redis does not answer, and says so once', async () => {
    const engine = await daemon();
    await engine.start();
    await beats();
    process.kill(privatePid(house.stateDir), 'SIGSTOP');
    await eventually('it to stop', async () => said().length > 0);
    const before = pings.length;
    const last = readFileSync(file, 'utf8');
    process.kill(privatePid(house.stateDir), 'SIGCONT');
    expect(readFileSync(file, 'utf8')).toBe(last);
    expect(pings).toHaveLength(before);
    await beats();

    expect(said()).toEqual([
      'warn the heartbeat stops {"why":"the open runs were not looked at for 1.3 s: Redis is away, or this daemon is stuck"}',
      'info the heartbeat goes on {}',
    ]);
  });

  it('stops when Redis has lost its past', async () => {
    const engine = await daemon();
    await engine.start();
    await beats();
    const redis = house.redis.connect();
    await redis.flushall();
    redis.disconnect();
    await eventually('it to stop', async () => said().length > 0);

    expect(said()).toEqual([expect.stringContaining('has lost') as string]);
  });

  it('stops when a run is due that nobody takes, although a hand is free', async () => {
    const engine = await daemon();
    const run = await engine.create({ job: 'try', ...CLI });
    await engine.work(run);
    await engine.start();
    await beats();
    const redis = house.redis.connect();
    await redis.zadd('{nightshift}:open', Date.now() - 120_000, run);
    await eventually('it to stop', async () => said().length > 0);
    redis.disconnect();

    expect(said()).toEqual([expect.stringContaining(`${run} is due for 12`) as string]);
  });

  it('does not begin while schedules are held because of a wrong clock, but without schedules it does', async () => {
    const clock: Clock = { now: () => new Date(Date.now() + 3_600_000), realMs: (ms) => ms, isReal: true };
    const held = await daemon({ clock });
    await held.start();
    await eventually('the word', async () => said().length > 0);
    expect(said()).toEqual([expect.stringContaining('nothing is started by schedule: ') as string]);
    expect(pings).toEqual([]);

    await (await daemon({ clock, schedules: [] })).start();
    await beats();
  });

  it('stops when the daemon hands its runs over', async () => {
    const engine = await daemon();
    await engine.start();
    await engine.handOver();

    expect(engine.ailment).toBe('this daemon hands its runs over and ends');
  });

  it('goes one way although the other fails; that is said once, and when it is over', async () => {
    status = 500;
    const engine = await daemon();
    await engine.start();
    await beats(5);
    const then = readFileSync(file, 'utf8');
    await eventually('the file to be written', async () => readFileSync(file, 'utf8') !== then);
    status = 200;
    await eventually('it to be over', async () => said().length > 1);
    await beats();

    expect(said()).toEqual([
      'warn the heartbeat by url stops {"why":"HOST answered 500"}',
      'info the heartbeat by url goes on {}',
    ]);
  });
});

describe('where none is configured', () => {
  it('nothing beats', () => {
    const living = { ailment: () => undefined, node: () => '' };
    const log = { info: () => {}, warn: () => {}, error: () => {} };

    expect(heartbeatRounds({ heartbeat: undefined }, living, log)).toEqual([]);
  });
});
