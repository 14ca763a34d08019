import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRedis } from '../../src/engine/redis.ts';
import type { Call } from '../../src/engine/scripts.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { CLI, type Context, gate, jobOf } from './support/jobs.ts';
import { type RedisServer, redisServer } from './support/redis-server.ts';

const STEPS = ['one', 'two', 'three', 'four', 'five'];

/** Five steps; in the third the world may stand still for a while. */
function fiveSteps(did: string[], inThird: () => Promise<void>) {
  return jobOf(async (ctx: Context) => {
    for (const key of STEPS) {
      await ctx.step(key, { effect: 'idempotent' }, async ({ attempt }) => {
        did.push(key);
        if (key === 'three' && attempt === 1) await inThird();
      });
    }
  });
}

interface Trouble {
  readonly how: 'frozen' | 'restarted';
  readonly at: 'in a step' | 'at the end';
  readonly awayMs: number;
}

/** Two daemons on one Redis that goes away; what was done by the time the run has ended. */
async function workThrough(
  server: RedisServer,
  { how, at, awayMs }: Trouble,
  options: object,
): Promise<string[]> {
  const house = await openHouse({ url: server.socket });
  try {
    const did: string[] = [];
    const back: Promise<void>[] = [];
    const leave = (): void => void back.push(server.away(how, awayMs));
    const around =
      (call: Call): Call =>
      async (name, args, blob) => {
        if (name === 'end' && at === 'at the end' && back.length === 0) leave();
        return call(name, args, blob);
      };
    const job = fiveSteps(did, async () => {
      if (at === 'at the end') return;
      leave();
      await sleep(awayMs / 2);
    });
    const engines = [
      await house.engine({ five: job }, { ...options, around }),
      await house.engine({ five: job }, { ...options, around }),
    ] as const;
    for (const { engine } of engines) await engine.start();
    const id = await engines[0].engine.create({ job: 'five', ...CLI });

    await eventually('Redis to go', async () => back.length > 0);
    await Promise.all(back);
    const { runs } = engines[0].engine;
    await eventually('the end', async () => (await runs.get(id))?.state === 'succeeded', 30_000);
    return did;
  } finally {
    await house.close();
  }
}

function timesOf(did: readonly string[]): Record<string, number> {
  return Object.fromEntries(STEPS.map((key) => [key, did.filter((one) => one === key).length]));
}

describe.concurrent('a run whose Redis goes away', () => {
  it.concurrent.for<Trouble>([
    { how: 'frozen', at: 'in a step', awayMs: 700 },
    { how: 'frozen', at: 'in a step', awayMs: 2300 },
    { how: 'frozen', at: 'at the end', awayMs: 2300 },
    { how: 'restarted', at: 'in a step', awayMs: 700 },
    { how: 'restarted', at: 'in a step', awayMs: 2300 },
    { how: 'restarted', at: 'at the end', awayMs: 2300 },
  ])(
    '$how $at for $awayMs ms, with leases of 300 ms: repeats nothing but the step in flight',
    async (trouble) => {
      const server = await redisServer();
      try {
        const { three, ...others } = timesOf(await workThrough(server, trouble, {}));

        expect(others).toEqual({ one: 1, two: 1, four: 1, five: 1 });
        expect(three).toBeLessThanOrEqual(trouble.at === 'in a step' ? 2 : 1);
      } finally {
        await server.remove();
      }
    },
  );

  it.concurrent.for<Trouble>([
    { how: 'frozen', at: 'in a step', awayMs: 5000 },
    { how: 'restarted', at: 'in a step', awayMs: 5000 },
    { how: 'restarted', at: 'at the end', awayMs: 5000 },
    { how: 'restarted', at: 'in a step', awayMs: 45_000 },
    { how: 'restarted', at: 'at the end', awayMs: 45_000 },
  ])(
    '$how $at for $awayMs ms, with the timings of a real daemon: repeats nothing',
    { timeout: 100_000 },
    async (trouble) => {
      const server = await redisServer();
      try {
        const did = await workThrough(server, trouble, { timings: {} });

        expect(timesOf(did)).toEqual({ one: 1, two: 1, three: 1, four: 1, five: 1 });
      } finally {
        await server.remove();
      }
    },
  );

  it.concurrent('is refused at once, with a sentence, where no Redis ever answered', async () => {
    const nowhere = { url: 'redis://kim:p@ss@127.0.0.1:1', stateDir: '/nowhere', onError: () => {} };

    await expect(openRedis(nowhere)).rejects.toThrow(
      'Redis redis://127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
    );
  });
});

describe('an engine', () => {
  let server: RedisServer;
  let house: House;
  let did: string[];

  beforeEach(async () => {
    server = await redisServer();
    house = await openHouse({ url: server.socket });
    did = [];
  });
  afterEach(async () => {
    server.signal('SIGCONT');
    await house.close();
    await server.remove();
  });

  it.each(['frozen', 'ended'])('ends although Redis is %s and its run cannot be handed over', async (how) => {
    const under = gate();
    const job = jobOf((ctx) =>
      ctx.step('wait', { effect: 'read' }, async () => {
        under.open();
        await new Promise<void>(() => {});
      }),
    );
    const timings = { leaseMs: 300, renewMs: 75, reconcileMs: 100, graceMs: 200, drainMs: 300 };
    const { engine } = await house.engine({ wait: job }, { timings });
    await engine.start();
    await engine.create({ job: 'wait', ...CLI });
    await under.passed;
    if (how === 'frozen') server.signal('SIGSTOP');
    else await server.stop();
    const since = performance.now();

    await engine.close();

    expect(performance.now() - since).toBeLessThan(8000);
    if (how === 'ended') await server.start();
  });

  it.each([
    { trouble: 'is a replica', begin: ['REPLICAOF', '127.0.0.1', '1'], end: ['REPLICAOF', 'NO', 'ONE'] },
    {
      trouble: 'has no memory left',
      begin: ['CONFIG', 'SET', 'maxmemory', '1'],
      end: ['CONFIG', 'SET', 'maxmemory', '0'],
    },
  ])('waits while Redis $trouble and cannot write: no step fails by it', async ({ begin, end }) => {
    const redis = house.redis.connect();
    const job = fiveSteps(did, async () => {
      await redis.call(...(begin as [string, ...string[]]));
      setTimeout(() => void redis.call(...(end as [string, ...string[]])), 600);
    });
    const timings = { leaseMs: 6000, renewMs: 75, reconcileMs: 100, graceMs: 200 };
    const { engine } = await house.engine({ five: job }, { timings });
    const id = await engine.create({ job: 'five', ...CLI });

    const outcome = await engine.work(id);

    expect(outcome).toBe('succeeded');
    expect(did).toEqual(STEPS);
    redis.disconnect();
  });
});
