import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CronJob } from '../../src/engine/cron.ts';
import { dueInstants, planTick } from '../../src/engine/schedule.ts';
import { type House, openHouse } from '../support/engine.ts';
import { jobOf } from './support/jobs.ts';

describe('dueInstants', () => {
  it.each([
    {
      what: 'a skipped local time runs once after the gap',
      cron: '30 2 * * *',
      zone: 'Europe/Berlin',
      day: '2027-03-28',
      due: ['01:30'],
    },
    {
      what: 'a doubled local time runs once',
      cron: '30 2 * * *',
      zone: 'Europe/Berlin',
      day: '2027-10-31',
      due: ['00:30'],
    },
    {
      what: 'a skipped local time runs once after the gap',
      cron: '30 2 * * *',
      zone: 'America/New_York',
      day: '2027-03-14',
      due: ['07:30'],
    },
    {
      what: 'a doubled local time runs once',
      cron: '30 1 * * *',
      zone: 'America/New_York',
      day: '2027-11-07',
      due: ['05:30'],
    },
  ])('$what: $cron in $zone on $day', ({ cron, zone, day, due }) => {
    const after = new Date(`${day}T00:00:00Z`);
    const upTo = new Date(after.getTime() + 24 * 3_600_000 - 1);

    const instants = dueInstants({ cron, zone }, { after, upTo });

    expect(instants.map((at) => at.toISOString().slice(11, 16))).toEqual(due);
  });

  it.each(['Europe/Berlin', 'America/New_York'])(
    'leaves no hour out of an hourly job in %s, on any day of a year',
    (zone) => {
      const after = new Date('2027-01-01T00:00:00Z');
      const upTo = new Date('2028-01-01T00:00:00Z');

      const instants = dueInstants({ cron: '0 * * * *', zone }, { after, upTo, most: 10_000 });

      expect(instants).toHaveLength(365 * 24);
    },
  );
});

describe('planTick', () => {
  const hourly = { cron: '0 * * * *', zone: 'UTC', overlap: 'skip' } as const;

  it('runs only the last of the missed instants, or none, and says so of the others', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 72 }),
        fc.constantFrom('none' as const, 'last' as const),
        (hours, catchUp) => {
          const after = new Date('2027-01-01T00:30:00Z');
          const now = new Date(after.getTime() + hours * 3_600_000 + 15 * 60_000);

          const due = planTick({ ...hourly, catchUp }, { after, now });

          expect(due).toHaveLength(hours);
          expect(due.filter(({ missed }) => missed === undefined)).toHaveLength(
            catchUp === 'last' && hours > 0 ? 1 : 0,
          );
        },
      ),
    );
  });
});

describe('cron', () => {
  let house: House;
  beforeEach(async () => {
    house = await openHouse();
  });
  afterEach(() => house.close());

  const minutely = (overlap: CronJob['overlap']): CronJob => ({
    job: 'try',
    cron: '* * * * *',
    zone: 'UTC',
    overlap,
    catchUp: 'last',
    options: {},
    acting: true,
  });
  const jobs = { try: jobOf(async () => {}) };

  it('makes exactly 2,000 runs of 2,000 instants, when ten daemons race for them', {
    timeout: 120_000,
  }, async () => {
    const daemons = await Promise.all(
      Array.from({ length: 10 }, () => house.engine(jobs, { schedules: [minutely('queue')] })),
    );
    const start = new Date('2027-01-01T00:00:30Z').getTime();
    await daemons[0]?.engine.cron.tick(new Date(start));

    // Each at its own pace, so now one is ahead and now another.
    await Promise.all(
      daemons.map(async ({ engine }) => {
        for (let minute = 1; minute <= 2000; minute += 1) {
          await engine.cron.tick(new Date(start + minute * 60_000));
        }
      }),
    );

    const redis = house.redis.connect();
    const runs = await redis.zrange('{nightshift}:runs', '0', '-1');
    expect(new Set(runs).size).toBe(2000);
    expect(new Set(await redis.hvals('{nightshift}:ledger:try'))).toEqual(new Set(runs));
    redis.disconnect();
  });

  it('leaves an instant out while the run before is not over, and says which', async () => {
    const { engine } = await house.engine(jobs, { schedules: [minutely('skip')] });
    const start = new Date('2027-01-01T00:00:30Z').getTime();

    for (const minute of [0, 1, 2]) await engine.cron.tick(new Date(start + minute * 60_000));

    expect(await engine.cron.ledger()).toEqual([
      { job: 'try', at: '2027-01-01T00:02:00.000Z', leftOut: 'skipped: try~20270101T000100Z was not over' },
      { job: 'try', at: '2027-01-01T00:01:00.000Z', run: 'try~20270101T000100Z' },
    ]);
  });

  it('lets queued runs work one after the other', async () => {
    let inside = 0;
    const alone = {
      try: jobOf((ctx) =>
        ctx.step('work', { effect: 'read' }, async () => {
          inside += 1;
          expect(inside).toBe(1);
          await new Promise((resolve) => setTimeout(resolve, 20));
          inside -= 1;
        }),
      ),
    };
    const { engine } = await house.engine(alone, { schedules: [minutely('queue')] });
    const start = new Date('2027-01-01T00:00:30Z').getTime();
    for (const minute of [0, 1, 2, 3]) await engine.cron.tick(new Date(start + minute * 60_000));

    await engine.start();

    await expect
      .poll(async () => (await engine.runs.list({})).filter(({ state }) => state === 'succeeded').length, {
        timeout: 10_000,
      })
      .toBeGreaterThanOrEqual(3);
    expect((await engine.runs.list({ state: 'failed' })).length).toBe(0);
  });

  it('says what was missed while no daemon lived', async () => {
    const { engine } = await house.engine(jobs, { schedules: [minutely('queue')] });
    const start = new Date('2027-01-01T00:00:30Z').getTime();
    await engine.cron.tick(new Date(start));

    await engine.cron.tick(new Date(start + 5 * 60_000));

    const [last, ...missed] = await engine.cron.ledger();
    expect(last?.run).toBe('try~20270101T000500Z');
    expect(missed.map(({ leftOut }) => leftOut?.split(':')[0])).toEqual([
      'missed',
      'missed',
      'missed',
      'missed',
    ]);
  });
});
