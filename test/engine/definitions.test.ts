import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Job } from '../../src/engine/job.ts';
import type { RegisteredJob } from '../../src/engine/registry.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { CLI, jobOf } from './support/jobs.ts';

let house: House;
let said: string[];
beforeEach(async () => {
  house = await openHouse();
  said = [];
});
afterEach(() => house.close());

/** A job whose whole definition is the word that it says, twice. */
function saying(word: string): Job {
  return jobOf(async (ctx) => {
    await ctx.step('first', { effect: 'idempotent' }, async () => void said.push(`first ${word}`));
    await ctx.step('second', { effect: 'idempotent' }, async () => void said.push(`second ${word}`));
  });
}

function stored(word: string): RegisteredJob {
  return { name: 'say', job: saying(word), definition: `sha256:${word}`, source: word };
}

/** A process that has the job as `word` says, or has no job at all. */
async function processWith(
  word: string | undefined,
  more: { deathAt?: (point: DeathPoint) => boolean } = {},
) {
  const jobs = new Map(word === undefined ? [] : [['say', stored(word)]]);
  return house.engine({}, { jobs, revive: saying, ...more });
}

/** A run that was begun as `word` says and whose first owner died between its two steps. */
async function halfDone(word: string): Promise<string> {
  const deathAt = ({ when, script, key }: DeathPoint): boolean =>
    when === 'before' && script === 'begin' && key === 'second';
  const { engine, died } = await processWith(word, { deathAt });
  const id = await engine.create({ job: 'say', ...CLI });
  void engine.work(id);
  await died;
  return id;
}

it.each([
  ['has another', 'new'],
  ['has none', undefined],
])('of a run is finished as it was begun by a process that %s', async (_, now) => {
  const id = await halfDone('old');
  const { engine } = await processWith(now);

  await eventually('the end', async () => (await engine.work(id)) === 'succeeded');

  expect(said).toEqual(['first old', 'second old']);
  expect((await engine.runs.get(id))?.definition).toBe('sha256:old');
});

it('is the new one for new runs, and both are kept once each', async () => {
  await halfDone('old');
  await halfDone('old');
  const { engine } = await processWith('new');
  const id = await engine.create({ job: 'say', ...CLI });

  expect(await engine.work(id)).toBe('succeeded');

  expect(said.slice(2)).toEqual(['first new', 'second new']);
  const redis = house.redis.connect();
  expect(await redis.hgetall('{nightshift}:definitions')).toEqual({
    'sha256:old': 'old',
    'sha256:new': 'new',
  });
  redis.disconnect();
});

it.each([
  {
    what: 'is lost',
    lose: async () => {
      const redis = house.redis.connect();
      await redis.del('{nightshift}:definitions');
      redis.disconnect();
    },
    revive: saying,
    says: 'the definition of "say" that it began with (sha256:old), which is not in Redis',
  },
  {
    what: 'cannot be read by this version',
    lose: async () => {},
    revive: () => {
      throw new Error('it speaks of a kind that there is not');
    },
    says: 'a version that can read the definition which it began with: it speaks of a kind that there is not',
  },
])('that $what has the run wait for a person', async ({ lose, revive, says }) => {
  const id = await halfDone('old');
  await lose();
  const { engine } = await house.engine({}, { jobs: new Map([['say', stored('new')]]), revive });

  await eventually('parking', async () => (await engine.work(id)) === 'needs-decision');

  expect((await engine.runs.get(id))?.waiting?.for).toBe(says);
  expect(said).toEqual(['first old']);
});

it('that was never stored gives way to the one that this version has', async () => {
  const first = await house.engine({ say: saying('old') });
  const id = await first.engine.create({ job: 'say', ...CLI });
  const changed = { name: 'say', job: saying('new'), definition: 'sha256:new' };
  const { engine } = await house.engine({}, { jobs: new Map([['say', changed]]) });

  expect(await engine.work(id)).toBe('succeeded');

  expect(said).toEqual(['first new', 'second new']);
});

it('is stored also with runs that a schedule makes, and with child runs', async () => {
  const parent = jobOf(async (ctx) => void (await ctx.call('child', 'say', {})));
  const jobs = new Map([
    ['say', stored('old')],
    ['parent', { name: 'parent', job: parent, definition: 'sha256:test' }],
  ]);
  const schedule = { cron: '* * * * *', zone: 'UTC', overlap: 'queue', catchUp: 'none' } as const;
  const { engine } = await house.engine(
    {},
    {
      jobs,
      revive: saying,
      schedules: [{ job: 'say', options: {}, acting: true, ...schedule }],
    },
  );
  await engine.cron.tick(new Date(0));
  await engine.cron.tick(new Date(60_000));
  const id = await engine.create({ job: 'parent', ...CLI });
  await engine.work(id);

  const { runs } = await engine.runs.page({ job: 'say', limit: 10 });
  expect(runs.map(({ definition }) => definition)).toEqual(['sha256:old', 'sha256:old']);
  const redis = house.redis.connect();
  expect(await redis.hkeys('{nightshift}:definitions')).toEqual(['sha256:old']);
  redis.disconnect();
});

it.each([
  ['has another effect', 'read', '"first" is declared otherwise than when it ran'],
  ['is not asked for again', undefined, '"first" was done by another version of this job'],
] as const)(
  'that was never stored has the run wait for a person where a journalled step %s',
  async (_, effect, why) => {
    const deathAt = ({ when, script, key }: DeathPoint): boolean =>
      when === 'before' && script === 'begin' && key === 'second';
    const { engine: first, died } = await house.engine({ say: saying('old') }, { deathAt });
    const id = await first.create({ job: 'say', ...CLI });
    void first.work(id);
    await died;
    const changed = jobOf(async (ctx) => {
      if (effect !== undefined) await ctx.step('first', { effect }, () => Promise.resolve());
      await ctx.step('third', { effect: 'read' }, () => Promise.resolve());
    });
    const { engine } = await house.engine(
      {},
      {
        jobs: new Map([['say', { name: 'say', job: changed, definition: 'sha256:new' }]]),
      },
    );

    await eventually('parking', async () => (await engine.work(id)) === 'needs-decision');

    expect((await engine.runs.get(id))?.waiting?.for).toContain(why);
  },
);
