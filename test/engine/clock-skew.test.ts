import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/engine/clock.ts';
import { ClockGuard } from '../../src/engine/clock-guard.ts';
import type { CronJob } from '../../src/engine/cron.ts';
import type { Log } from '../../src/engine/job.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { chanceOf } from './support/chance.ts';
import { CLI, gate, jobOf } from './support/jobs.ts';

const MINUTE_MS = 60_000;
const MINUTELY: CronJob = {
  job: 'try',
  cron: '* * * * *',
  zone: 'UTC',
  overlap: 'queue',
  catchUp: 'last',
  options: {},
  acting: true,
};
const jobs = { try: jobOf(async () => {}) };

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.close());

/** The clock of a machine that is so far ahead of Redis's; negative is behind. */
function clockAhead(ms: number): Clock & { set(ms: number): void } {
  let aheadMs = ms;
  return {
    now: () => new Date(Date.now() + aheadMs),
    realMs: (ms) => ms,
    isReal: true,
    set: (ms) => {
      aheadMs = ms;
    },
  };
}

describe('the clock of a daemon', () => {
  it.each([
    { aheadMs: 0, said: [], objection: undefined },
    { aheadMs: -1500, said: [], objection: undefined },
    { aheadMs: 5000, said: ["warn this machine's clock differs from Redis's"], objection: undefined },
    { aheadMs: -29_000, said: ["warn this machine's clock differs from Redis's"], objection: undefined },
    {
      aheadMs: 90_000,
      said: ['error nothing is started by schedule'],
      objection: "its clock is 90 s ahead of Redis's",
    },
    {
      aheadMs: -300_000,
      said: ['error nothing is started by schedule'],
      objection: "its clock is 300 s behind Redis's",
    },
  ])('that is $aheadMs ms ahead of Redis', async ({ aheadMs, said, objection }) => {
    const redis = house.redis.connect();
    const heard: string[] = [];
    const hear = (level: string) => (message: string) => void heard.push(`${level} ${message}`);
    const log: Log = { info: hear('info'), warn: hear('warn'), error: hear('error') };
    const clock = clockAhead(aheadMs);
    const guard = new ClockGuard({ clock, redis, prefix: '{clocks}', node: 'a', log });

    for (let i = 0; i < 3; i += 1) await guard.compare();
    const objected = guard.objection;
    clock.set(0);
    await guard.compare();
    redis.disconnect();

    expect(heard).toEqual(
      said.length === 0 ? [] : [...said, "info this machine's clock agrees with Redis's again"],
    );
    expect(objected).toBe(objection);
    expect(guard.objection).toBeUndefined();
  });

  it.each([90_000, -300_000])(
    'when it is %i ms off starts nothing by schedule and says so to all, until it is set right',
    async (aheadMs) => {
      const clock = clockAhead(aheadMs);
      const wrong = await house.engine(jobs, { schedules: [MINUTELY], clock });
      const right = await house.engine(jobs, { schedules: [MINUTELY] });
      await right.engine.cron.tick(new Date(Date.now() - 3 * MINUTE_MS));

      await wrong.engine.start();
      const [held] = await right.engine.heldSchedules();
      const before = await right.engine.cron.ledger();
      await right.engine.start();
      const after = await right.engine.cron.ledger();
      clock.set(0);
      await eventually('the clock to be found right', async () => wrong.engine.schedulesHeld === undefined);

      expect(held?.why).toBe(
        `its clock is ${Math.abs(aheadMs) / 1000} s ${aheadMs > 0 ? 'ahead of' : 'behind'} Redis's`,
      );
      expect(before).toEqual([]);
      expect(after.length).toBeGreaterThanOrEqual(2);
      expect(await right.engine.heldSchedules()).toEqual([]);
    },
  );

  it('is not mentioned any more when its daemon is gone', async () => {
    const wrong = await house.engine(jobs, { schedules: [MINUTELY], clock: clockAhead(90_000) });
    const right = await house.engine(jobs);
    await wrong.engine.start();
    const held = await right.engine.heldSchedules();

    await wrong.engine.close();

    expect(held).toHaveLength(1);
    expect(await right.engine.heldSchedules()).toEqual([]);
  });

  it('may go its own way, as the one of the demo', async () => {
    const clock: Clock = { now: () => new Date('2031-06-01T12:00:30Z'), realMs: (ms) => ms / 60 };
    const { engine } = await house.engine(jobs, { schedules: [MINUTELY], clock });
    await engine.cron.tick(new Date('2031-06-01T11:59:30Z'));

    await engine.start();

    expect(await engine.cron.ledger()).toEqual([
      { job: 'try', at: '2031-06-01T12:00:00.000Z', run: 'try~20310601T120000Z' },
    ]);
    expect(engine.schedulesHeld).toBeUndefined();
  });
});

describe('daemons whose clocks differ', () => {
  it('make one run of each instant and miss none, also when one jumps back', async () => {
    const aheadMs = [
      () => 0,
      () => 90_000,
      () => -300_000,
      (minute: number) => (minute % 7 < 3 ? -2 * MINUTE_MS : 0),
    ];
    const daemons = await Promise.all(aheadMs.map(() => house.engine(jobs, { schedules: [MINUTELY] })));
    const chance = chanceOf(7);
    const start = Date.parse('2027-03-28T00:00:30Z');
    await daemons[0]?.engine.cron.tick(new Date(start));
    const minutes = 300;

    for (let minute = 0; minute <= minutes; minute += 1) {
      const at = start + minute * MINUTE_MS;
      const ticks = daemons.map(
        ({ engine }, i) =>
          () =>
            engine.cron.tick(new Date(at + (aheadMs[i]?.(minute) ?? 0))),
      );
      // Sometimes side by side, sometimes one after the other.
      if (chance.next() < 0.5) await Promise.all(chance.shuffled(ticks).map((tick) => tick()));
      else for (const tick of chance.shuffled(ticks)) await tick();
    }

    const ledger = (await daemons[0]?.engine.cron.ledger(1000)) ?? [];
    const instants = Array.from({ length: ledger.length }, (_, i) =>
      new Date(start + 30_000 + i * MINUTE_MS).toISOString(),
    );
    expect(ledger.filter(({ leftOut }) => leftOut !== undefined)).toEqual([]);
    expect(ledger.map(({ at }) => at).toReversed()).toEqual(instants);
    // The one that is ahead has made the next one or two already.
    expect(ledger.length - minutes).toBeGreaterThanOrEqual(0);
    expect(ledger.length - minutes).toBeLessThanOrEqual(2);
    expect(await daemons[0]?.engine.runs.list({ limit: 1000 })).toHaveLength(ledger.length);
  });

  it.each([
    [90_000, -300_000],
    [-300_000, 90_000],
  ])('leave each other their runs: %i ms against %i ms', async (ofOwner, ofOther) => {
    const going = gate();
    const works = { try: jobOf((ctx) => ctx.step('work', { effect: 'once' }, () => going.passed)) };
    const owner = await house.engine(works, { clock: clockAhead(ofOwner) });
    const other = await house.engine(works, { clock: clockAhead(ofOther) });
    const run = await owner.engine.create({ job: 'try', ...CLI });
    const worked = owner.engine.work(run);
    await eventually('the step', async () => (await other.engine.runs.get(run))?.steps.length === 1);
    await other.engine.start();
    const redis = house.redis.connect();
    const leases = new Set<string | null>();
    const asked = new Set<string>();

    // Eight renewals are two leases: time enough to steal it.
    await eventually('eight renewals', async () => {
      asked.add(await other.engine.work(run));
      leases.add(await redis.hget(`{nightshift}:run:${run}`, 'leaseUntil'));
      return leases.size > 8;
    });
    redis.disconnect();
    going.open();

    expect(await worked).toBe('succeeded');
    expect(asked).toEqual(new Set(['refused']));
    expect((await other.engine.runs.get(run))?.claims).toBe(1);
  });
});
