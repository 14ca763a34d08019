import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CronJob } from '../../src/engine/cron.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/job.ts';
import { type House, openHouse } from '../support/engine.ts';
import { CLI, type Context, jobOf, KIM } from './support/jobs.ts';

const DAY_MS = 86_400_000;
const NOTHING = { runs: 0, logs: 0, mails: 0, instants: 0 };

let house: House;
let redis: Redis;

beforeEach(async () => {
  house = await openHouse();
  redis = house.redis.connect();
});
afterEach(async () => {
  redis.disconnect();
  await house.close();
});

const quiet = jobOf(async () => {});

async function engineOf(jobs: Record<string, Job> = { quiet }): Promise<Engine> {
  return (await house.engine(jobs)).engine;
}

/** Works a run of the job to its end or wait; resolves with its id. */
async function worked(engine: Engine, job = 'quiet', id?: string): Promise<string> {
  const run = await engine.create({ job, ...CLI, ...(id === undefined ? {} : { id }) });
  await engine.work(run);
  return run;
}

/** As if it had been made, and had ended, so many days ago. */
async function age(run: string, days: number): Promise<void> {
  const then = Date.now() - days * DAY_MS;
  const key = `{nightshift}:run:${run}`;
  const [job, endedAt] = await redis.hmget(key, 'job', 'endedAt');
  await redis.hset(key, 'createdAt', then, ...(endedAt === null ? [] : ['endedAt', then]));
  await redis.zadd('{nightshift}:runs', then, run);
  await redis.zadd(`{nightshift}:runs:${job}`, then, run);
  const log = logOf(run);
  if (existsSync(log)) utimesSync(log, then / 1000, then / 1000);
}

function logOf(run: string): string {
  return join(house.stateDir, 'logs', `${run}.ndjson`);
}

/** Beside deliveries, which hang until a daemon takes them. */
async function keysOf(run: string): Promise<string[]> {
  return (await redis.keys(`*${run}*`)).filter((key) => !key.startsWith('{nightshift}:bell:'));
}

/** Ten newer runs, so that age alone decides on the others. */
async function tenNewer(engine: Engine, ...jobs: string[]): Promise<void> {
  for (const job of jobs) for (let i = 0; i < 10; i += 1) await engine.create({ job, ...CLI });
}

describe('runs', () => {
  it('go with everything that belongs to them and leave no key behind', async () => {
    const rich = jobOf(async (ctx) => {
      await ctx.lease('hypervisor hv01', 'it is drained');
      await ctx.slot('migrations', 2, 'they are slow');
      await ctx.step('plan', { effect: 'read' }, async () => 'x'.repeat(100_000));
      await ctx.approval('go', { question: 'Go?', withinMs: 60_000, otherwise: 'no' });
      await ctx.call('child', 'quiet', {});
      await ctx.mail('done', { to: ['ops@example.org'], subject: 'done', text: 'done' });
      ctx.note({ subject: 'hypervisor hv01', verdict: 'done', why: 'it was asked for' });
      ctx.report({ headline: 'done' });
      ctx.progress(1, 1, 'hypervisors');
    });
    const engine = await engineOf({ rich, quiet });
    const id = await worked(engine, 'rich');
    await engine.acts.approve(id, { key: 'go', answer: 'yes', ...KIM });
    await engine.work(id);
    await engine.work(`${id}~child`);
    expect(await engine.work(id)).toBe('succeeded');
    await engine.sendMails();
    await tenNewer(engine, 'rich', 'quiet');
    await age(id, 91);
    await age(`${id}~child`, 91);
    expect((await keysOf(id)).length).toBeGreaterThan(8);
    const ended = (await engine.census()).ended;

    const forgotten = await engine.forget();

    expect(forgotten).toEqual({ ...NOTHING, runs: 2, logs: 2 });
    expect(await keysOf(id)).toEqual([]);
    expect(await redis.zrange('{nightshift}:runs', '0', '-1')).toHaveLength(20);
    expect(await redis.zrange('{nightshift}:runs:rich', '0', '-1')).toHaveLength(10);
    expect(await redis.hkeys('{nightshift}:outbox')).toEqual([]);
    expect(await redis.hkeys('{nightshift}:outbox:state')).toEqual([]);
    expect(await redis.zcard('{nightshift}:outbox:settled')).toBe(0);
    expect(readdirSync(join(house.stateDir, 'logs'))).toEqual([]);
    expect((await engine.census()).ended).toEqual(ended);
    expect(house.logged.filter((line) => line.startsWith('forgot'))).toHaveLength(1);
    expect(await engine.forget()).toEqual(NOTHING);
  });

  it('stay while the newest ten of their job, however old', async () => {
    const engine = await engineOf();
    for (let i = 0; i < 25; i += 1) await age(await worked(engine, 'quiet', `quiet~${i}`), 500 - i);

    expect((await engine.forget()).runs).toBe(15);

    const left = (await engine.runs.list({})).map(({ id }) => id);
    expect(left).toEqual(Array.from({ length: 10 }, (_, i) => `quiet~${24 - i}`));
  });

  it('stay until they have been over for long enough', async () => {
    const engine = await engineOf();
    const id = await worked(engine);
    await tenNewer(engine, 'quiet');
    await age(id, 200);
    await redis.hset(`{nightshift}:run:${id}`, 'endedAt', Date.now() - 89 * DAY_MS);

    expect((await engine.forget()).runs).toBe(0);
  });

  describe('of one family', () => {
    const starts = (how: 'start' | 'call') =>
      jobOf(async (ctx: Context) => void (await ctx[how]('child', 'waits', {})));
    const waits = jobOf((ctx) => ctx.sleep('rest', 3_600_000));

    it('stay together while a child that outlives its parent is open', async () => {
      const engine = await engineOf({ parent: starts('start'), waits });
      const id = await worked(engine, 'parent');
      await engine.work(`${id}~child`);
      await tenNewer(engine, 'parent', 'waits');
      await age(id, 200);
      await age(`${id}~child`, 200);

      const before = await engine.forget();
      await engine.acts.kill(`${id}~child`, KIM);
      const justEnded = await engine.forget();
      await age(`${id}~child`, 91);
      const after = await engine.forget();

      expect([before.runs, justEnded.runs, after.runs]).toEqual([0, 0, 2]);
    });

    it('stay together while the parent is open, whose replay asks for their end', async () => {
      const engine = await engineOf({ parent: starts('call'), waits });
      const id = await worked(engine, 'parent');
      await engine.acts.kill(`${id}~child`, KIM);
      await tenNewer(engine, 'parent', 'waits');
      await age(id, 200);
      await age(`${id}~child`, 200);

      expect((await engine.forget()).runs).toBe(0);
      expect(await engine.work(id)).toBe('succeeded');
    });
  });

  it('go all in one turn where there are many, families and others, and some that stay between them', async () => {
    const engine = await engineOf({ parent: quiet, quiet });
    for (let i = 0; i < 60; i += 1) {
      const id = `parent~${i}`;
      await engine.create({ job: 'parent', ...CLI, id });
      for (let j = 0; j < 3; j += 1) {
        await engine.create({ job: 'quiet', ...CLI, id: `${id}~${j}` });
        await redis.hset(`{nightshift}:run:${id}~${j}`, 'parent', id);
        await redis.rpush(`{nightshift}:run:${id}:children`, `${id}~${j}`);
      }
      // Every tenth family has a child that is not over.
      for (const one of [id, `${id}~0`, `${id}~1`, ...(i % 10 === 0 ? [] : [`${id}~2`])]) {
        await engine.acts.cancel(one, KIM);
      }
      for (const one of [id, `${id}~0`, `${id}~1`, `${id}~2`]) await age(one, 500 - i);
    }
    await tenNewer(engine, 'parent', 'quiet');

    expect((await engine.forget()).runs).toBe(54 * 4);
    expect((await engine.runs.list({ limit: 1000 })).length).toBe(6 * 4 + 20);
  });

  it('that a person resumes are not forgotten', async () => {
    const engine = await engineOf();
    for (const id of ['quiet~left', 'quiet~resumed']) {
      await engine.create({ job: 'quiet', ...CLI, id });
      await engine.acts.kill(id, KIM);
      await age(id, 200);
    }
    await tenNewer(engine, 'quiet');

    await engine.acts.resume('quiet~resumed', KIM);

    expect((await engine.forget()).runs).toBe(1);
    expect(await engine.work('quiet~resumed')).toBe('succeeded');
  });

  it('go once, however many daemons forget them at the same time', async () => {
    const engine = await engineOf();
    const others = await Promise.all(Array.from({ length: 9 }, () => engineOf()));
    const ids = Array.from({ length: 300 }, (_, i) => `quiet~${i}`);
    await Promise.all(ids.map((id) => engine.create({ job: 'quiet', ...CLI, id })));
    for (const id of ids) {
      await engine.acts.cancel(id, KIM);
      await age(id, 100);
    }

    const all = await Promise.all([engine, ...others].map((one) => one.forget()));

    expect(all.reduce((sum, { runs }) => sum + runs, 0)).toBe(290);
    expect((await engine.runs.list({ limit: 1000 })).length).toBe(10);
  });

  it('and their logs stay where Redis is in doubt', async () => {
    const engine = await engineOf();
    const id = await worked(engine);
    await tenNewer(engine, 'quiet');
    await age(id, 200);
    await redis.flushall();

    await expect(engine.forget()).rejects.toThrow();

    expect(existsSync(logOf(id))).toBe(true);
  });

  it('that may have been forgotten are said to be gone, others not to be there', async () => {
    const engine = await engineOf();

    expect(engine.sayNone('quiet~20200102T030405Z')).toBe(
      'there is no run quiet~20200102T030405Z any more: runs are forgotten 90 days after they ended',
    );
    expect(engine.sayNone('quiet~20990102T030405Z')).toBe('there is no run quiet~20990102T030405Z');
    expect(engine.sayNone('quiet~2099')).toBe('there is no run quiet~2099');
  });
});

describe('logs', () => {
  it('go after their own time where their run is over or gone, and stay with an open one', async () => {
    const { engine } = await house.engine(
      { quiet, waits: jobOf((ctx) => ctx.sleep('rest', 3_600_000)) },
      { keep: { logsDays: 14 } },
    );
    const open = await worked(engine, 'waits', 'waits~open');
    const over = await worked(engine, 'quiet', 'quiet~over');
    const young = await worked(engine, 'quiet', 'quiet~young');
    engine.logs.open('quiet', 'quiet~gone').close();
    for (const run of [open, over, 'quiet~gone']) {
      const then = Date.now() / 1000 - 15 * 86_400;
      utimesSync(logOf(run), then, then);
    }

    expect(await engine.forget()).toEqual({ ...NOTHING, logs: 2 });

    expect(readdirSync(join(house.stateDir, 'logs')).toSorted()).toEqual([
      `${young}.ndjson`,
      `${open}.ndjson`,
    ]);
    expect(await engine.runs.get(over)).toBeDefined();
  });
});

describe('mails', () => {
  /** As if everything settled had been settled so many days ago. */
  async function settledAgo(days: number): Promise<void> {
    for (const id of await redis.zrange('{nightshift}:outbox:settled', '0', '-1')) {
      await redis.zadd('{nightshift}:outbox:settled', Date.now() - days * DAY_MS, id);
    }
  }

  it('lose what they say, and are not sent again by a run that goes on after that', async () => {
    const asks = jobOf(async (ctx) => {
      await ctx.approval('go', { question: 'Go?', withinMs: 60 * DAY_MS, otherwise: 'no' });
    });
    const mail = { to: ['alice@example.org'], subject: 'Go?', text: 'Hello Alice' };
    const { engine } = await house.engine({ asks }, { askApproval: () => mail });
    const id = await worked(engine, 'asks');
    expect(await engine.sendMails()).toBe(1);
    await settledAgo(31);

    expect(await engine.forget()).toEqual({ ...NOTHING, mails: 1 });
    expect(JSON.stringify(await redis.hgetall('{nightshift}:outbox'))).not.toContain('lice');
    // Each look parks the run anew, with the same mail.
    await redis.zadd('{nightshift}:open', 0, id);
    expect(await engine.work(id)).toBe('waiting');

    expect(await redis.zcard('{nightshift}:outbox:due')).toBe(0);
    expect(await engine.sendMails()).toBe(0);
    expect(house.sent).toHaveLength(1);
    expect(await engine.forget()).toEqual(NOTHING);
  });

  it('that were refused lose what the server said, and keep that they were', async () => {
    const posts = jobOf((ctx) => ctx.mail('hello', { to: ['bob@example.org'], subject: 'Hi', text: 'Hi' }));
    const deliver = () => Promise.reject(new Error('no mailbox bob@example.org'));
    const { engine } = await house.engine({ posts }, { deliver });
    await worked(engine, 'posts');
    await engine.sendMails();
    await settledAgo(31);

    await engine.forget();

    expect(Object.values(await redis.hgetall('{nightshift}:outbox:state'))).toEqual(['refused']);
  });

  it('that are not out yet stay, and their run with them', async () => {
    const posts = jobOf((ctx) => ctx.mail('hello', { to: ['bob@example.org'], subject: 'Hi', text: 'Hi' }));
    const engine = await engineOf({ posts });
    const id = await worked(engine, 'posts');
    await tenNewer(engine, 'posts');
    await age(id, 200);

    expect(await engine.forget()).toEqual({ ...NOTHING, logs: 1 });
    expect(await engine.sendMails()).toBe(1);
    expect(await engine.forget()).toEqual({ ...NOTHING, runs: 1 });
    expect(await redis.hkeys('{nightshift}:outbox')).toEqual([]);
  });
});

describe('the ledger', () => {
  const minutely: CronJob = {
    job: 'quiet',
    cron: '* * * * *',
    zone: 'UTC',
    overlap: 'queue',
    catchUp: 'last',
    options: {},
    acting: true,
  };
  const DAYS_AGO_500 = Math.floor(Date.now() / 60_000) * 60_000 - 500 * DAY_MS;

  async function tick(engine: Engine, minute: number): Promise<void> {
    await engine.cron.tick(new Date(DAYS_AGO_500 + minute * 60_000 + 1000));
  }

  it('forgets old instants, and none of them runs again, whatever a daemon remembers', async () => {
    const { engine } = await house.engine({ quiet }, { schedules: [minutely] });
    for (let minute = 0; minute <= 60; minute += 1) await tick(engine, minute);
    const cursors = await redis.hgetall('{nightshift}:cursor');
    const runs = await redis.zcard('{nightshift}:runs');
    expect([runs, (await engine.cron.ledger(100)).length]).toEqual([60, 60]);

    expect((await engine.forget()).instants).toBe(60);
    expect(await engine.cron.ledger(100)).toEqual([]);
    // A daemon that read the cursor long ago, and one that never saw any.
    for (const cursor of Object.keys(cursors)) {
      for (const seen of [DAYS_AGO_500, DAYS_AGO_500 - 30 * 60_000]) {
        await redis.hset('{nightshift}:cursor', cursor, seen);
        await tick(engine, 60);
      }
    }

    expect(await redis.zcard('{nightshift}:runs')).toBe(runs);
    expect(await engine.cron.ledger(100)).toEqual([]);
    // What comes after them goes on.
    await tick(engine, 61);
    expect(await redis.zcard('{nightshift}:runs')).toBe(runs + 1);
  });

  it('keeps what is younger', async () => {
    const { engine } = await house.engine({ quiet }, { schedules: [minutely], keep: { ledgerDays: 501 } });
    for (const minute of [0, 1, 2]) await tick(engine, minute);

    expect((await engine.forget()).instants).toBe(0);
    expect(await engine.cron.ledger()).toHaveLength(2);
  });
});
