import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { CLI, type Gate, gate, jobOf, KIM } from './support/jobs.ts';

/** Nobody answers the bell here: runs are worked one by one, in the order that the test wants. */
describe('the line for a slot', () => {
  let house: House;
  let engine: Engine;
  let places: number;
  let done: Gate;

  const jobs = {
    stands: jobOf((ctx) => ctx.slot('drain', places, 'drains')),
    holds: jobOf(async (ctx) => {
      await ctx.slot('drain', places, 'drains');
      await done.passed;
    }),
    asks: jobOf(async (ctx) => {
      const unclear = () => Promise.reject(new Error('the bell was not heard'));
      await Promise.all([ctx.step('ring', { effect: 'once' }, unclear), ctx.slot('drain', places, 'drains')]);
    }),
    leases: jobOf(async (ctx) => {
      await ctx.lease('hv07', 'looks at it');
      await ctx.release('hv07');
      await ctx.slot('drain', places, 'drains');
    }),
    keeps: jobOf(async (ctx) => {
      await ctx.lease('hv07', 'keeps it');
      await ctx.slot('drain', places, 'drains');
    }),
  };

  beforeEach(async () => {
    places = 1;
    done = gate();
    house = await openHouse();
    engine = (await house.engine(jobs)).engine;
  });
  afterEach(() => house.close());

  function create(job: keyof typeof jobs): Promise<string> {
    return engine.create({ job, ...CLI });
  }

  /** A run that has the slot, and lets go of it when told. */
  async function holder(): Promise<{ end: () => Promise<unknown> }> {
    const id = await create('holds');
    const worked = engine.work(id);
    await eventually('the slot to be had', async () => {
      const redis = house.redis.connect();
      const holders = await redis.zrange('{nightshift}:slot:drain', '0', '-1');
      redis.disconnect();
      return holders.includes(id);
    });
    return {
      end: () => {
        done.open();
        return worked;
      },
    };
  }

  it('goes on when the one whose turn it is is cancelled before it took its place', async () => {
    const first = await holder();
    const [cancelled, next] = [await create('stands'), await create('stands')];
    await engine.work(cancelled);
    await engine.work(next);
    await first.end();
    await engine.acts.cancel(cancelled, KIM);

    await engine.work(cancelled);

    expect(await engine.runs.state(cancelled)).toBe('cancelled');
    expect(await engine.work(next)).toBe('succeeded');
  });

  it('goes on when one who stands in it waits for a person', async () => {
    const first = await holder();
    const [asking, next] = [await create('asks'), await create('stands')];
    await engine.work(asking);
    await engine.work(next);

    await first.end();

    expect(await engine.runs.state(asking)).toBe('needs-decision');
    expect(await engine.work(next)).toBe('succeeded');
  });

  it('goes on when one behind has the lease that one who stands in it gave up before', async () => {
    const first = await holder();
    const [ahead, behind] = [await create('leases'), await create('keeps')];
    await engine.work(ahead);
    await engine.work(behind);
    await first.end();

    expect(await engine.work(ahead)).toBe('succeeded');
    expect(await engine.work(behind)).toBe('succeeded');
  });

  it('sends as many as there are places, when several come free at once', async () => {
    places = 2;
    const holders = [await holder(), await holder()];
    const waiting = [await create('stands'), await create('stands')];
    for (const run of waiting) await engine.work(run);

    await Promise.all(holders.map(({ end }) => end()));

    expect(await Promise.all(waiting.map((run) => engine.runs.state(run)))).toEqual(['queued', 'queued']);
  });
});
