import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { ensurePrivateRedis, findServer, leavePrivateRedis } from '../../src/engine/private-redis.ts';
import { openRedis, type RedisAccess } from '../../src/engine/redis.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { CLI, type Context, gate, jobOf, KIM, until } from './support/jobs.ts';
import { gone, lives, privatePid, type RedisServer, redisServer } from './support/redis-server.ts';

describe('a Redis that lost its past', () => {
  let server: RedisServer;
  let house: House;
  let did: string[];
  let under: PromiseWithResolvers<void>;

  beforeEach(async () => {
    server = await redisServer();
    house = await openHouse({ url: server.socket });
    did = [];
    under = Promise.withResolvers();
  });
  afterEach(async () => {
    await house.close();
    await server.remove();
  });

  /** The second step hangs until its run is lost, in the first process that comes there. */
  const run = async (ctx: Context): Promise<void> => {
    await ctx.step('one', { effect: 'idempotent' }, async () => void did.push('one'));
    await ctx.step('two', { effect: 'idempotent' }, async ({ signal }) => {
      did.push('two');
      under.resolve();
      if (did.length === 2) await until(signal);
    });
    await ctx.step('three', { effect: 'idempotent' }, async () => void did.push('three'));
  };

  async function machine(name: string): Promise<Engine> {
    const { engine } = await house.engine({ try: jobOf(run) }, { stateDir: join(house.stateDir, name) });
    return engine;
  }

  async function doubted(engine: Engine): Promise<string> {
    return eventually('doubt', async () => engine.doubt);
  }

  it('by a flush is noticed in the midst of a run: nothing goes on until a person accepts it', async () => {
    const here = await machine('here');
    const there = await machine('there');
    for (const engine of [here, there]) await engine.start();
    await here.create({ job: 'try', ...CLI });
    await under.promise;
    const redis = house.redis.connect();

    await redis.flushall();

    for (const engine of [here, there]) {
      expect(await doubted(engine)).toMatch(/^Redis has lost (everything|some)/);
      await expect(engine.create({ job: 'try', ...CLI })).rejects.toThrow('Redis');
    }
    await eventually('the doubt to be said', async () => house.logged.join().includes('nothing is started'));
    expect(did).toEqual(['one', 'two']);

    expect(await here.acts.acceptRedis({ by: 'kim' })).toBe(0);
    await eventually('the other to go on', async () => there.doubt === undefined);
    const id = await there.create({ job: 'try', ...CLI });
    await eventually('a new run', async () => (await there.runs.get(id))?.state === 'succeeded');
    await expect(here.acts.acceptRedis({ by: 'kim' })).rejects.toThrow('there is no doubt about Redis');
    redis.disconnect();
  });

  it('by an older copy is noticed by who knew it; what was under way waits for a person', async () => {
    const here = await machine('here');
    const there = await machine('there');
    for (const engine of [here, there]) await engine.start();
    const id = await here.create({ job: 'try', ...CLI });
    await under.promise;
    const copy = join(server.dir, 'copy');
    await eventually('the second step on disk', async () => (await here.runs.get(id))?.steps.length === 2);
    cpSync(join(server.dir, 'appendonlydir'), copy, { recursive: true });
    await here.acts.setMode('freeze', KIM);
    await eventually(
      'the mark of the other machine',
      async () => (await there.acts.mode()).mode === 'freeze',
    );

    await server.stop();
    rmSync(join(server.dir, 'appendonlydir'), { recursive: true });
    cpSync(copy, join(server.dir, 'appendonlydir'), { recursive: true });
    await server.start();

    expect(await doubted(here)).toMatch(/went back in time|lost some/);
    const fresh = await machine('here');
    expect(fresh.doubt).toMatch(/^Redis went back in time: it counts \d+ writes, \d+ were seen/);
    const before = did.length;
    expect(await fresh.work(id)).toBe('refused');

    expect(await fresh.acts.acceptRedis({ by: 'kim' })).toBeGreaterThanOrEqual(1);
    for (const engine of [here, there]) {
      await eventually('all to go on', async () => engine.doubt === undefined);
    }
    const waiting = await here.runs.get(id);
    expect(waiting?.state).toBe('needs-decision');
    expect(waiting?.waiting?.for).toContain('Redis lost some of its past');
    expect(did).toHaveLength(before);

    await here.acts.resume(id, KIM);
    await eventually('the end', async () => (await there.runs.get(id))?.state === 'succeeded');
    expect(did).toEqual(['one', 'two', 'two', 'three']);
  });

  it('and a damaged mark are both told apart from a good one, in a sentence', async () => {
    const engine = await machine('here');
    await engine.close();
    writeFileSync(join(house.stateDir, 'here', 'redis-mark.json'), '');

    await expect(machine('here')).rejects.toThrow('redis-mark.json is damaged');
  });

  it('is refused without leaving a connection open', async () => {
    const redis = house.redis.connect();
    const count = async () => String(await redis.client('LIST')).split('\n').length;
    mkdirSync(join(house.stateDir, 'here'), { recursive: true });
    writeFileSync(join(house.stateDir, 'here', 'redis-mark.json'), '');
    const before = await count();

    for (let i = 0; i < 3; i += 1) await expect(machine('here')).rejects.toThrow('damaged');

    await eventually('the connections to be closed', async () => (await count()) === before);
    redis.disconnect();
  });
});

describe('a private Redis', () => {
  let stateDir: string;
  const opened: RedisAccess[] = [];

  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'ns-'));
  });
  afterEach(async () => {
    for (const access of opened.splice(0)) await access.close();
    rmSync(stateDir, { recursive: true, force: true });
  });

  async function open(dir = stateDir): Promise<RedisAccess> {
    const access = await openRedis({ stateDir: dir, onError: () => {} });
    opened.push(access);
    return access;
  }

  it('is one, however many processes start at once, and the last to leave stops it', async () => {
    const script = new URL('./support/redis-user.ts', import.meta.url).pathname;
    const users = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [script, stateDir], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const pids = await Promise.all(
      users.map(
        (user) => new Promise<number>((done) => user.stdout.once('data', (pid) => done(Number(pid)))),
      ),
    );

    expect(new Set(pids).size).toBe(1);
    const [pid = 0] = pids;
    const leave = async (user: (typeof users)[number]): Promise<unknown> => {
      const ended = new Promise((done) => user.once('exit', done));
      user.stdin.end();
      return ended;
    };
    const [first, second, ...lastTwo] = users;
    for (const user of [first, second]) {
      if (user !== undefined) expect(await leave(user)).toBe(0);
      expect(lives(pid)).toBe(true);
    }
    expect(await Promise.all(lastTwo.map(leave))).toEqual([0, 0]);
    await gone(pid);
  });

  it('starts in spite of a lock and a socket that a killed one left behind', async () => {
    await ensurePrivateRedis({ stateDir });
    const pid = privatePid(stateDir);
    process.kill(pid, 'SIGKILL');
    await gone(pid);

    const redis = (await open()).connect();

    expect(await redis.ping()).toBe('PONG');
    expect(privatePid(stateDir)).not.toBe(pid);
    await redis.quit();
  });

  it('that hangs is waited for, never doubled: two over one file would ruin it', async () => {
    await ensurePrivateRedis({ stateDir });
    const pid = privatePid(stateDir);
    process.kill(pid, 'SIGSTOP');
    let adopted = false;
    const adopt = async (): Promise<void> => {
      await ensurePrivateRedis({ stateDir });
      adopted = true;
    };
    const adopting = adopt();

    const since = performance.now();
    await eventually('a look at it that fails', async () => performance.now() > since + 1500);
    expect(adopted).toBe(false);
    process.kill(pid, 'SIGCONT');
    await adopting;

    expect(privatePid(stateDir)).toBe(pid);
    await leavePrivateRedis({ stateDir });
    await gone(pid);
  });

  it('killed under a living engine comes back with all that was written', async () => {
    const house = await openHouse({ durable: true });
    const did: string[] = [];
    const go = gate();
    const under = gate();
    const job = jobOf(async (ctx) => {
      await ctx.step('one', { effect: 'once' }, async () => void did.push('one'));
      await ctx.step('two', { effect: 'once' }, async () => {
        under.open();
        await go.passed;
        did.push('two');
      });
    });
    const { engine } = await house.engine({ try: job });
    const id = await engine.create({ job: 'try', ...CLI });
    const working = engine.work(id);
    await under.passed;
    const pid = privatePid(house.stateDir);

    process.kill(pid, 'SIGKILL');
    await gone(pid);
    go.open();

    expect(await working).toBe('succeeded');
    expect(did).toEqual(['one', 'two']);
    expect((await engine.runs.get(id))?.steps.map(({ state }) => state)).toEqual(['done', 'done']);
    expect(engine.doubt).toBeUndefined();
    const next = privatePid(house.stateDir);
    await house.close();
    await gone(next);
  });

  it('lives on a shorter path where the state directory has too long a one for a socket', async () => {
    const deep = join(stateDir, 'a'.repeat(60), 'b'.repeat(60));
    mkdirSync(deep, { recursive: true });

    const access = await open(deep);

    const redis = access.connect();
    expect(await redis.ping()).toBe('PONG');
    expect(access.name).toMatch(/nightshift-[0-9a-f]{16}\.sock$/);
    await redis.quit();
  });

  it('says in a sentence what to do where there is no program to start', async () => {
    await expect(findServer([stateDir])).rejects.toThrow(
      'no redis-server or valkey-server on this machine: install one (on Debian: apt-get install redis-server), or set redis.url',
    );
  });
});

describe('a Redis that would lose what it is given', () => {
  it.each([
    { fault: 'no append-only file', options: ['--appendonly', 'no'], says: 'appendonly is off' },
    {
      fault: 'eviction',
      options: ['--maxmemory-policy', 'allkeys-lru'],
      says: 'maxmemory-policy is allkeys-lru, so it may drop what we write',
    },
    {
      fault: 'the part of a replica',
      options: ['--replicaof', '127.0.0.1', '1'],
      says: 'it is a replica; a primary is needed',
    },
    {
      fault: 'all of that',
      options: ['--appendonly', 'no', '--maxmemory-policy', 'volatile-ttl', '--replicaof', '127.0.0.1', '1'],
      says: /it is a replica.*volatile-ttl.*appendonly is off/,
    },
  ])('is refused at once: $fault', async ({ options, says }) => {
    const server = await redisServer(...options);
    try {
      await expect(
        openRedis({ url: server.socket, stateDir: server.dir, onError: () => {} }),
      ).rejects.toThrow(says);
    } finally {
      await server.remove();
    }
  });
});
