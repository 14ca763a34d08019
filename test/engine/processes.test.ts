import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Engine, Timings } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/job.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import {
  type Daemon,
  type Effect,
  effectsIn,
  newWorld,
  startDaemon,
  stepsOptions,
  timesEach,
} from './support/daemons.ts';
import { CLI, KIM } from './support/jobs.ts';
import { type RedisServer, redisServer } from './support/redis-server.ts';

const QUICK = { leaseMs: 300, renewMs: 75, reconcileMs: 100, graceMs: 200 };

describe('daemons in processes of their own', () => {
  let server: RedisServer;
  let house: House;
  let desk: Engine;
  let world: string;
  let daemons: Daemon[];

  beforeEach(async () => {
    server = await redisServer();
    house = await openHouse({ url: server.socket });
    world = newWorld(join(house.stateDir, 'world'));
    const steps: Job<typeof stepsOptions> = {
      summary: 'Elsewhere',
      options: stepsOptions,
      run: async () => {},
    };
    desk = (await house.engine({ steps })).engine;
    daemons = [];
  });
  afterEach(async () => {
    for (const daemon of daemons) daemon.signal('SIGKILL');
    await Promise.all(daemons.map(({ ended }) => ended));
    await house.close();
    await server.remove();
  });

  async function daemon(timings: Partial<Timings>): Promise<Daemon> {
    const started = await startDaemon({ stateDir: house.stateDir, url: server.socket, timings, world });
    daemons.push(started);
    return started;
  }

  function create(options: z.input<typeof stepsOptions>): Promise<string> {
    return desk.create({ job: 'steps', ...CLI, options });
  }

  function effectsOf(run: string): Effect[] {
    return effectsIn(world).filter((effect) => effect.run === run);
  }

  /** The daemon that works the run, once it has had an effect. */
  async function ownerOf(run: string): Promise<Daemon> {
    const pid = await eventually('a first effect', async () => effectsOf(run).at(-1)?.pid);
    const owner = daemons.find((one) => one.pid === pid);
    if (owner === undefined) throw new Error(`no daemon of this test has the process id ${pid}`);
    return owner;
  }

  async function succeeded(run: string, withinMs?: number): Promise<void> {
    await eventually(
      `${run} to succeed`,
      async () => (await desk.runs.get(run))?.state === 'succeeded',
      withinMs,
    );
  }

  /** Decides as somebody would who looks at the world. */
  async function decideWhatWaits(run: string): Promise<void> {
    const record = await desk.runs.get(run);
    const step = record?.steps.find(({ state }) => state === 'unknown')?.key;
    if (record?.state !== 'needs-decision' || step === undefined) return;
    const happened = effectsOf(run).some((effect) => effect.step === step) ? 'yes' : 'no';
    await desk.acts.decide(run, { step, happened, ...KIM });
  }

  it('killed again and again at any moment do every step; no `once` and no verified step twice', {
    timeout: 120_000,
  }, async () => {
    const kills = 20;
    const runs = await Promise.all([1, 2, 3, 4].map(() => create({ steps: 40, stepMs: 120 })));
    await daemon(QUICK);
    for (let kill = 0; kill < kills; kill += 1) {
      const next = daemon(QUICK);
      await sleep(Math.random() * 400);
      daemons[kill]?.signal('SIGKILL');
      await next;
      for (const run of runs) await decideWhatWaits(run);
    }

    for (const run of runs) {
      await eventually(
        `${run} to succeed`,
        async () => {
          await decideWhatWaits(run);
          return (await desk.runs.get(run))?.state === 'succeeded';
        },
        60_000,
      );
    }

    const times = [...timesEach(effectsIn(world))];
    expect(times).toHaveLength(runs.length * 40);
    const moreThan = (effects: RegExp, most: number): [string, number][] =>
      times.filter(([step, n]) => effects.test(step) && n > most);
    expect(moreThan(/ (once|verify) /, 1)).toEqual([]);
    expect(moreThan(/ (read|idempotent) /, 1 + kills)).toEqual([]);
    const again = times.reduce((sum, [, n]) => sum + n - 1, 0);
    expect(again).toBeLessThanOrEqual(kills * runs.length);
    console.log(`${kills} kills, ${times.length} steps, ${again} repeated`);
  });

  it('frozen for several leases and awake again: nothing that is finished is done again', async () => {
    await Promise.all([daemon(QUICK), daemon(QUICK)]);
    const run = await create({ steps: 30, stepMs: 60, effects: ['idempotent'] });
    const frozen = await ownerOf(run);

    frozen.signal('SIGSTOP');
    const before = effectsOf(run);
    await eventually('the other to go on', async () => effectsOf(run).length > before.length + 5);
    frozen.signal('SIGCONT');
    await succeeded(run);

    const after = effectsOf(run).slice(before.length);
    expect(after.filter(({ pid }) => pid === frozen.pid).length).toBeLessThanOrEqual(1);
    const again = [...timesEach(effectsOf(run)).values()].filter((n) => n > 1);
    expect(again.length).toBeLessThanOrEqual(1);
    expect(again.every((n) => n === 2)).toBe(true);
    const record = await desk.runs.get(run);
    expect(record?.claims).toBe(2);
    expect(record?.steps.map(({ state }) => state)).toEqual(Array.from({ length: 30 }, () => 'done'));
    const fresh = await create({ steps: 2, stepMs: 2 });
    await succeeded(fresh);
  });

  it('take over from one that was killed, with the timings of a real daemon, in under ten seconds', async () => {
    await Promise.all([daemon({}), daemon({})]);
    const run = await create({ steps: 60, stepMs: 200, effects: ['idempotent'] });
    const owner = await ownerOf(run);

    owner.signal('SIGKILL');
    const killed = Date.now();
    const next = await eventually('the take-over', async () =>
      effectsOf(run).find(({ pid }) => pid !== owner.pid),
    );

    console.log(`taken over ${next.at - killed} ms after SIGKILL`);
    expect(next.at - killed).toBeLessThan(10_000);
  });

  it('three on one Redis work each of fifty runs once', async () => {
    await Promise.all([daemon({}), daemon({}), daemon({})]);

    const runs = await Promise.all(Array.from({ length: 50 }, () => create({ steps: 4, stepMs: 10 })));
    for (const run of runs) await succeeded(run);

    const times = [...timesEach(effectsIn(world)).values()];
    expect(times).toHaveLength(200);
    expect(times.every((n) => n === 1)).toBe(true);
    const claims = await Promise.all(runs.map(async (run) => (await desk.runs.get(run))?.claims));
    expect(claims.every((n) => n === 1)).toBe(true);
    expect(new Set(effectsIn(world).map(({ pid }) => pid)).size).toBeGreaterThan(1);
  });

  it('told to end hand their runs over at once', async () => {
    await Promise.all([daemon({}), daemon({})]);
    const run = await create({ steps: 20, stepMs: 200, effects: ['idempotent'] });
    const leaving = await ownerOf(run);

    leaving.signal('SIGTERM');
    const told = Date.now();
    expect(await leaving.ended).toBe(0);
    const ended = Date.now();
    await succeeded(run);

    const next = effectsOf(run).find(({ pid }) => pid !== leaving.pid);
    console.log(
      `left ${ended - told} ms after SIGTERM; the next one acted after ${(next?.at ?? 0) - told} ms`,
    );
    expect(next?.at).toBeLessThan(told + 1500);
    expect((await desk.runs.get(run))?.claims).toBe(2);
  });

  it('told to end see a `once` step through first, and take nothing else meanwhile', async () => {
    await Promise.all([daemon({}), daemon({})]);
    const run = await create({ steps: 2, stepMs: 3000, effects: ['once'] });
    await eventually('the first step', async () => (await desk.runs.get(run))?.steps.length === 1);
    const owner = (await desk.runs.get(run))?.owner ?? '';
    const leaving = daemons.find(({ pid }) => owner.includes(`.${pid}.`));

    leaving?.signal('SIGTERM');
    const others = await Promise.all(Array.from({ length: 6 }, () => create({ steps: 1, stepMs: 2 })));
    for (const other of others) await succeeded(other, 2000);
    expect(await leaving?.ended).toBe(0);
    await succeeded(run);

    expect(effectsOf(run).map(({ pid, step }) => `${pid === leaving?.pid} ${step}`)).toEqual([
      'true once 0',
      'false once 1',
    ]);
    const pids = effectsIn(world)
      .filter((effect) => effect.run !== run)
      .map(({ pid }) => pid);
    expect(pids).not.toContain(leaving?.pid);
  });
});
