/**
 * A thousand runs in a handful of daemons that are killed at random moments: is every step done, nothing done
 * too often, and nobody forgotten? `NIGHTSHIFT_SOAK_SEED` has a soak again, `NIGHTSHIFT_SOAK_RUNS` makes it longer.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { messageIdOf } from '../../src/engine/outbox.ts';
import { type House, openHouse } from '../support/engine.ts';
import { type Chance, chanceOf } from './support/chance.ts';
import { type Daemon, effectsIn, newWorld, startDaemon } from './support/daemons.ts';
import { CLI, KIM } from './support/jobs.ts';
import { type RedisServer, redisServer } from './support/redis-server.ts';
import {
  type Act,
  type Expected,
  expectedOf,
  expectedOfChild,
  type SoakOptions,
  type SoakWorld,
  soakJob,
} from './support/soak-job.ts';

const RUNS = Number(process.env.NIGHTSHIFT_SOAK_RUNS ?? 1000);
const SEED = Number(process.env.NIGHTSHIFT_SOAK_SEED ?? Date.now() % 1_000_000);
const DAEMONS = 4;
/** Made at once, so that there is always something to do and nobody rings for a thousand. */
const OPEN_AT_ONCE = 150;
const TIMINGS = { leaseMs: 600, renewMs: 100, reconcileMs: 250, graceMs: 5000, hideMailMs: 1000 };
const SCRIPT = new URL('./support/soak-daemon.ts', import.meta.url).pathname;
/** When nothing happened for so long, whoever is not over is forgotten. */
const STILL_MS = 60_000;

let server: RedisServer;
let house: House;
let desk: Engine;
let redis: Redis;
let world: SoakWorld;

beforeEach(async () => {
  server = await redisServer();
  house = await openHouse({ url: server.socket });
  const file = (name: string): string => newWorld(join(house.stateDir, name));
  world = { effects: file('effects'), mails: file('mails'), losses: file('losses') };
  desk = (await house.engine({ soak: soakJob(world) })).engine;
  redis = house.redis.connect();
});
afterEach(async () => {
  redis.disconnect();
  await house.close();
  await server.remove();
});

/** Daemons of which one after the other is killed at random moments, and another takes its place. */
class Fleet {
  readonly killed = new Set<number>();
  readonly #chance: Chance;
  readonly #living = new Set<Daemon>();
  readonly #coming = new Set<Promise<void>>();
  #over = false;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: DAEMONS }, () => this.#add()));
  }

  async kill(): Promise<void> {
    while (!this.#over) {
      await sleep(this.#chance.int(50, 700));
      if (this.#living.size < 2 || this.#over) continue;
      const victim = this.#chance.pick([...this.#living]);
      this.#living.delete(victim);
      victim.signal('SIGKILL');
      await victim.ended;
      this.killed.add(victim.pid);
      const coming = this.#add().finally(() => this.#coming.delete(coming));
      this.#coming.add(coming);
    }
  }

  async end(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#coming);
    const left = [...this.#living];
    for (const daemon of left) daemon.signal('SIGKILL');
    await Promise.all(left.map(({ ended }) => ended));
  }

  async #add(): Promise<void> {
    const options = { stateDir: house.stateDir, url: server.socket, timings: TIMINGS, world };
    this.#living.add(await startDaemon(options, SCRIPT));
  }
}

/** Something of everything: each effect, and by chance whatever else a run may do. */
function actsBy(chance: Chance): Act[] {
  const more: readonly [number, Act][] = [
    [0.3, 'pair'],
    [0.2, 'mail'],
    [0.3, 'lease'],
    [0.3, 'slot'],
    [0.3, 'sleep'],
    [0.2, 'poll'],
    [0.1, 'ask'],
    [0.1, 'call'],
    [0.1, 'start'],
  ];
  const some = more.filter(([share]) => chance.next() < share).map(([, act]) => act);
  return chance.shuffled(['read', 'idempotent', 'verify', 'once', 'count', ...some]);
}

function open(): Promise<number> {
  return redis.zcard('{nightshift}:open');
}

/** Makes the runs, some at a time; what each must leave behind, by its id. */
async function make(plans: readonly SoakOptions[]): Promise<Map<string, Expected>> {
  const made = new Map<string, Expected>();
  for (const options of plans) {
    while ((await open()) >= OPEN_AT_ONCE) await sleep(20);
    const run = await desk.create({ job: 'soak', ...CLI, options });
    const expected = expectedOf(run, options);
    made.set(run, expected);
    for (const child of expected.children) made.set(child, expectedOfChild(child));
  }
  return made;
}

/** The people: they look who needs them, think for longer than a lease, look at the world, and say their word. */
class People {
  readonly decided: { run: string; step: string }[] = [];
  resumed = 0;
  readonly #since = new Map<string, number>();

  async look(): Promise<void> {
    for (const run of await redis.zrangebyscore('{nightshift}:open', '+inf', '+inf')) {
      if ((await desk.runs.state(run)) === 'needs-decision') await this.#decide(run);
    }
    if (Number(await redis.hget('{nightshift}:ended', 'soak quarantined')) === this.resumed) return;
    for (const { id } of await desk.runs.list({ state: 'quarantined' })) {
      await desk.acts.resume(id, KIM);
      this.resumed += 1;
    }
  }

  async #decide(run: string): Promise<void> {
    const step = (await desk.runs.get(run))?.steps.find(({ state }) => state === 'unknown')?.key ?? '';
    const since = this.#since.get(`${run} ${step}`) ?? Date.now();
    this.#since.set(`${run} ${step}`, since);
    if (Date.now() - since < 2 * TIMINGS.leaseMs) return;
    const seen = effectsIn(world.effects).some((effect) => effect.run === run && effect.step === step);
    await desk.acts.decide(run, { step, happened: seen ? 'yes' : 'no', ...KIM });
    this.decided.push({ run, step });
  }
}

/** Who claimed each run, in order: process ids from the audit. */
async function ownersOf(): Promise<Map<string, { act: string; pid: number }[]>> {
  const acts = new Map<string, { act: string; pid: number }[]>();
  for (const [, [, run = '', , act = '', , by = '']] of await redis.xrange('{nightshift}:audit', '-', '+')) {
    const pid = Number(/\.(\d+)\.\w+$/.exec(by)?.[1]);
    acts.set(run, [...(acts.get(run) ?? []), { act, pid }]);
  }
  return acts;
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

it(`${RUNS} runs end with every step done and none done too often, whoever is killed when (seed ${SEED})`, {
  timeout: 60_000 + RUNS * 1000,
}, async () => {
  const chance = chanceOf(SEED);
  const plans = Array.from({ length: RUNS }, () => ({
    acts: actsBy(chance),
    stepMs: chance.int(4, 60),
    place: `place ${chance.int(1, 30)}`,
  }));
  const began = performance.now();
  const fleet = new Fleet(chance);
  const people = new People();
  await fleet.start();
  const killing = fleet.kill();
  const making = { over: false };
  const seen = { what: '', at: performance.now() };
  const made = make(plans).finally(() => {
    making.over = true;
  });
  try {
    while (!making.over || (await open()) > 0) {
      await people.look();
      await sleep(100);
      const now = `${await open()} open, ${statSync(world.effects).size} bytes of effects`;
      if (now !== seen.what) Object.assign(seen, { what: now, at: performance.now() });
      if (performance.now() - seen.at > STILL_MS) break;
    }
  } finally {
    await fleet.end();
    await killing;
  }
  const expected = await made;
  const tookMs = performance.now() - began;

  const runs = await Promise.all([...expected.keys()].map((run) => desk.runs.get(run)));
  const forgotten = [...expected.keys()].flatMap((id, i) =>
    runs[i]?.state === 'succeeded' ? [] : `${id} is ${runs[i]?.state}, waits for ${runs[i]?.waiting?.for}`,
  );
  const effects = effectsIn(world.effects);
  const byStep = Map.groupBy(effects, ({ run, step }) => `${run} ${step}`);
  const lost = new Set(linesOf(world.losses));
  const gone = ({ pid, run }: { pid: number; run: string }): boolean =>
    fleet.killed.has(pid) || lost.has(`${pid} ${run}`);
  const mails = linesOf(world.mails).map((line) => line.split(' ')[1] ?? '');
  const again = effects.length - byStep.size;
  console.log(
    `seed ${SEED}: ${expected.size} runs, ${byStep.size} steps, ${fleet.killed.size} kills in ${Math.round(tookMs / 1000)} s; ` +
      `${again} effects repeated, ${people.decided.length} decided by a person, ${people.resumed} out of quarantine, ` +
      `${lost.size} lost by the living, ${mails.length} mails sent of ${new Set(mails).size}`,
  );

  expect(forgotten).toEqual([]);
  const wanted = [...expected].flatMap(([run, { steps }]) => steps.map((step) => `${run} ${step}`));
  expect([...byStep.keys()].toSorted()).toEqual(wanted.toSorted());
  expect(runs.flatMap((run) => run?.steps.filter(({ state }) => state !== 'done') ?? [])).toEqual([]);

  const twice = [...byStep].filter(([, times]) => times.length > 1);
  expect(twice.filter(([step]) => / (once|verify) /.test(step))).toEqual([]);
  // Nobody but the next owner of one who died repeats anything, so this is at most one more than kills.
  expect(twice.filter(([, times]) => !times.slice(0, -1).every(gone))).toEqual([]);
  expect(twice.filter(([, times]) => new Set(times.map(({ pid }) => pid)).size < times.length)).toEqual([]);

  // While one has a lease, nobody else has an effect under it.
  const leased = effects.filter(({ step }) => step.includes(' in place '));
  for (const under of Map.groupBy(leased, ({ step }) => step.split(' in ')[1]).values()) {
    const turns = under.map(({ run }) => run).filter((run, i, runs) => run !== runs[i - 1]);
    expect(turns).toHaveLength(new Set(turns).size);
  }

  const owners = await ownersOf();
  for (const { run, step } of people.decided) {
    expect(step).toMatch(/^once /);
    const claims = (owners.get(run) ?? []).filter(({ act }) => act === 'claim');
    expect(claims.some(({ pid }) => gone({ pid, run }))).toBe(true);
  }

  const ids = [...expected].flatMap(([run, { mails }]) =>
    mails.map((key) => messageIdOf(run, key, 'soak.test')),
  );
  expect([...new Set(mails)].toSorted()).toEqual(ids.toSorted());
  const counts = Object.fromEntries([...expected].map(([run, one]) => [run, String(one.counts)]));
  expect(await redis.hgetall('{nightshift}:table:counts')).toEqual(counts);

  const left = await Promise.all(
    ['lease:*', 'slot:*', 'run:*:steps'].map((keys) => redis.keys(`{nightshift}:${keys}`)),
  );
  expect(left.flat()).toEqual([]);
});
