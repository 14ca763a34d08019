import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { type Daemon, effectsIn, newWorld, startDaemon, timesEach } from './support/daemons.ts';
import { CLI, jobOf, KIM } from './support/jobs.ts';
import { type RedisServer, redisServer } from './support/redis-server.ts';

const TIMINGS = { leaseMs: 300, renewMs: 75, reconcileMs: 100, graceMs: 200 };
const MOST_LOSSES = 2;

/** The job `poison` does one step, then kills whatever process works it, until its world says `cured`. */
describe('a run that kills its owners', { timeout: 90_000 }, () => {
  let server: RedisServer;
  let house: House;
  let desk: Engine;
  let world: string;
  let daemons: Daemon[];

  beforeEach(async () => {
    server = await redisServer();
    house = await openHouse({ url: server.socket });
    world = newWorld(join(house.stateDir, 'world'));
    desk = (await house.engine({ poison: jobOf(async () => {}), steps: jobOf(async () => {}) })).engine;
    daemons = [];
  });
  afterEach(async () => {
    for (const daemon of daemons) daemon.signal('SIGKILL');
    await Promise.all(daemons.map(({ ended }) => ended));
    await house.close();
    await server.remove();
  });

  async function daemon(): Promise<Daemon> {
    const options = { stateDir: house.stateDir, url: server.socket, timings: TIMINGS, world };
    const started = await startDaemon({ ...options, mostLosses: MOST_LOSSES });
    daemons.push(started);
    return started;
  }

  /** Starts one daemon after the other as long as the run kills them; how many it killed. */
  async function feed(run: string): Promise<number> {
    for (let killed = 0; ; killed += 1) {
      const fed = await daemon();
      const spared = eventually(
        'the quarantine, or its death',
        async () => {
          const state = await desk.runs.state(run);
          return (state === 'quarantined' || state === 'succeeded') && 'spared';
        },
        60_000,
      );
      const end = await Promise.race([spared, fed.ended]);
      if (end === 'spared') return killed;
      spared.catch(() => {});
      expect(end).toBe('SIGKILL');
    }
  }

  it('is put into quarantine with what it did kept, and the last daemon works on', async () => {
    const run = await desk.create({ job: 'poison', ...CLI });

    const killed = await feed(run);

    expect(killed).toBe(MOST_LOSSES + 1);
    const record = await desk.runs.get(run);
    expect(record?.error).toBe(`${killed} owners were lost one after the other with no step done between`);
    expect(record?.steps.map(({ key, state }) => `${key} ${state}`)).toEqual([
      'once before done',
      'poison begun',
    ]);
    const other = await desk.create({ job: 'poison', ...CLI, options: { name: 'harmless' } });
    await eventually('another run', async () => (await desk.runs.state(other)) === 'succeeded');
  });

  it('goes on where it was when a person has it resumed after the cure', async () => {
    const run = await desk.create({ job: 'poison', ...CLI });
    await feed(run);
    appendFileSync(world, 'cured\n');

    await desk.acts.resume(run, KIM);
    await eventually('it to succeed', async () => (await desk.runs.state(run)) === 'succeeded');

    const effects = timesEach(effectsIn(world).filter((effect) => effect.run === run));
    expect([...effects]).toEqual([
      [`${run} once before`, 1],
      [`${run} after`, 1],
    ]);
  });

  it('has as many owners to lose as at first when it is resumed without a cure', async () => {
    const run = await desk.create({ job: 'poison', ...CLI });
    await feed(run);
    await desk.acts.resume(run, KIM);
    const last = daemons.at(-1);
    expect(await last?.ended).toBe('SIGKILL');

    // With the one that had put it into quarantine.
    expect((await feed(run)) + 1).toBe(MOST_LOSSES + 1);
    expect(await desk.runs.state(run)).toBe('quarantined');
  });
});
