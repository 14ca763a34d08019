import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Alert } from '../../src/engine/alerts.ts';
import type { CronJob } from '../../src/engine/cron.ts';
import type { Engine, EngineOptions } from '../../src/engine/engine.ts';
import type { Mail } from '../../src/engine/job.ts';
import { type DeathPoint, eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { CLI, gate, jobOf, KIM } from './support/jobs.ts';
import { redisServer } from './support/redis-server.ts';

const OPS = ['ops@example.org'];
const HOUR_MS = 3_600_000;

/** A mail that says all that the engine said. */
function tell(alert: Alert): Mail {
  return { to: OPS, subject: alert.kind, text: JSON.stringify(alert) };
}

let house: House;
let redis: Redis;
/** Jobs fail while their name is in here. */
const broken = new Set<string>();

const tries = jobOf(async ({ options: { name = 'try' } }) => {
  if (broken.has(name)) throw new Error(`${name} is broken`);
});
const starts = jobOf(async (ctx) => {
  for (const name of ['bad', 'good']) await ctx.start(name, 'try', { name });
});
const calls = jobOf(async (ctx) => {
  await ctx.call('bad', 'try', { name: 'bad' });
});
const JOBS = { try: tries, other: tries, starts, calls };

beforeEach(async () => {
  house = await openHouse();
  redis = house.redis.connect();
  broken.clear();
});
afterEach(async () => {
  redis.disconnect();
  await house.close();
});

type Options = Partial<EngineOptions<object>> & { deathAt?: (point: DeathPoint) => boolean };

async function teller(options: Options = {}): Promise<TestEngine<object>> {
  return house.engine(JOBS, { sayAlert: tell, ...options });
}

/** Has a run of a job that fails, or not; its id. */
async function have(engine: Engine, how: 'failed' | 'succeeded', job = 'try'): Promise<string> {
  if (how === 'failed') broken.add(job);
  else broken.delete(job);
  const run = await engine.create({ job, ...CLI, options: { name: job } });
  expect(await engine.work(run)).toBe(how);
  return run;
}

/** What was told so far, in the order in which it happened. */
function told(): Alert[] {
  return house.sent.map(({ text }) => JSON.parse(text) as Alert).toSorted((a, b) => a.at - b.at);
}

/** Puts a time of a run or a job back, as if it had been written so long ago. */
async function age(key: string, field: string, ms: number): Promise<void> {
  const then = Number(await redis.hget(key, field)) - ms;
  await redis.hset(key, field, String(then));
}

describe('a job that fails', () => {
  it('is told once, and once when it works again, however many of its runs failed', async () => {
    const { engine } = await teller();

    const runs = [];
    for (const how of ['succeeded', 'failed', 'failed', 'succeeded', 'succeeded'] as const) {
      runs.push(await have(engine, how));
      await engine.sendMails();
    }

    expect(told()).toMatchObject([
      { kind: 'failing', job: 'try', run: runs[1], state: 'failed', failures: 1, why: 'try is broken' },
      { kind: 'recovered', job: 'try', run: runs[3], failures: 2 },
    ]);
    const [first, last] = house.sent;
    expect(first?.headers['X-Nightshift-Run']).toBe(runs[1]);
    expect(last?.headers).toMatchObject({ 'In-Reply-To': first?.messageId, References: first?.messageId });
    expect(await redis.hlen('{nightshift}:alerts')).toBe(0);
  });

  it('shows how it does', async () => {
    const { engine } = await teller();
    expect((await engine.health()).get('try')).toEqual({ state: 'ok' });

    await have(engine, 'failed');
    const run = await have(engine, 'failed');
    expect((await engine.health()).get('try')).toMatchObject({
      state: 'failing',
      failures: 2,
      run,
      error: 'try is broken',
    });

    await have(engine, 'succeeded');
    expect((await engine.health()).get('try')).toEqual({
      state: 'ok',
      since: expect.stringMatching(/Z$/) as string,
    });
  });

  it('is told again after a day, two, four, and then once a week, and not meanwhile', async () => {
    const { engine } = await teller();
    await have(engine, 'failed');
    const days = [];
    for (let day = 1; day <= 30; day += 1) {
      await age('{nightshift}:alert:try', 'remindAt', 24 * HOUR_MS);
      await have(engine, 'failed');
      await engine.sendMails();
      days.push(...house.sent.splice(0).flatMap(({ subject }) => (subject === 'reminder' ? [day] : [])));
    }

    expect(days).toEqual([1, 3, 7, 14, 21, 28]);
  });

  it('is told again after it worked', async () => {
    const { engine } = await teller();
    for (const how of ['failed', 'succeeded', 'failed', 'succeeded'] as const) await have(engine, how);
    await engine.sendMails();

    expect(told().map(({ kind }) => kind)).toEqual(['failing', 'recovered', 'failing', 'recovered']);
    expect(new Set(house.sent.map(({ messageId }) => messageId)).size).toBe(4);
  });

  it('works again when the run that failed is resumed and succeeds', async () => {
    const { engine } = await teller();
    let fails = true;
    const steps = jobOf(async (ctx) => {
      await ctx.step('look', { effect: 'read', retry: { tries: 1 } }, async () => {
        if (fails) throw Object.assign(new Error('it is dark'), { retryable: false });
      });
    });
    const { engine: other } = await house.engine({ steps }, { sayAlert: tell });
    const run = await other.create({ job: 'steps', ...CLI });
    expect(await other.work(run)).toBe('failed');
    fails = false;
    await other.acts.resume(run, KIM);
    expect(await other.work(run)).toBe('succeeded');
    await engine.sendMails();

    expect(told()).toMatchObject([
      { kind: 'failing', failedStep: 'look', why: 'it is dark' },
      { kind: 'recovered', run },
    ]);
  });

  it.each([
    ['before', 'end'],
    ['after', 'end'],
    ['before', 'settle-alert'],
    ['after', 'settle-alert'],
  ] as const)('is told once although the process dies just %s it sends "%s"', async (when, script) => {
    const dying = await teller({ deathAt: (point) => point.when === when && point.script === script });
    const living = await teller();
    broken.add('try');
    const run = await dying.engine.create({ job: 'try', ...CLI, options: { name: 'try' } });
    void dying.engine.work(run).then(() => dying.engine.sendMails());
    await dying.died;

    await eventually('the run to end', async () => {
      await living.engine.work(run);
      return (await living.engine.runs.state(run)) === 'failed';
    });
    await living.engine.sendMails();
    await living.engine.sendMails();

    expect(told()).toMatchObject([{ kind: 'failing', run }]);
  });

  it('is told once, although ten engines look at the same time', async () => {
    const engines = await Promise.all(Array.from({ length: 10 }, () => teller()));
    const jobs = ['try', 'other'];
    for (const job of jobs) await have((engines[0] as TestEngine<object>).engine, 'failed', job);

    await Promise.all(engines.map(({ engine }) => engine.sendMails()));

    expect(told().map(({ job }) => job)).toEqual(jobs);
  });

  it('that cannot be told keeps up no other, and no mail; a version that has words for it tells it', async () => {
    const { engine: old } = await teller({
      sayAlert: (alert) => {
        if (alert.job === 'try') throw new Error('no words');
        return tell(alert);
      },
    });
    await have(old, 'failed', 'try');
    await have(old, 'failed', 'other');
    await old.start();
    await eventually('the mail', async () => house.sent.length > 0);
    await eventually('the word', async () => house.logged.some((line) => line.includes('no words')));
    await old.close();
    expect(told().map(({ job }) => job)).toEqual(['other']);

    await (await teller()).engine.sendMails();
    expect(told().map(({ job }) => job)).toEqual(['try', 'other']);
  });

  it('is told when Redis is back, once, although it went away in between', async () => {
    const server = await redisServer();
    const away = await openHouse({ url: server.socket });
    try {
      const jobs = { try: jobOf(() => Promise.reject(new Error('broken'))) };
      const engines = await Promise.all([1, 2].map(() => away.engine(jobs, { sayAlert: tell })));
      const [first, second] = engines.map(({ engine }) => engine) as [Engine, Engine];
      const run = await first.create({ job: 'try', ...CLI });
      expect(await first.work(run)).toBe('failed');
      await server.stop();
      const sending = [first.sendMails(), second.sendMails()];
      await server.start();
      await Promise.all(sending);

      expect(away.sent.map(({ subject }) => subject)).toEqual(['failing']);
    } finally {
      await away.close();
      await server.remove();
    }
  });
});

describe('no word on a job', () => {
  it('is a run that somebody cancelled or killed', async () => {
    const { engine } = await teller();
    const { passed, open } = gate();
    const { engine: slow } = await house.engine({ slow: jobOf(() => passed) }, { sayAlert: tell });
    const cancelled = await engine.create({ job: 'try', ...CLI });
    await engine.acts.cancel(cancelled, KIM);
    const killed = await slow.create({ job: 'slow', ...CLI });
    const working = slow.work(killed);
    await eventually('it to run', async () => (await slow.runs.state(killed)) === 'running');
    await slow.acts.kill(killed, KIM);
    open();
    await working;
    await engine.sendMails();

    expect(told()).toEqual([]);
  });

  it('is a dry run that a person asked for: neither its failure nor its success', async () => {
    const { engine } = await teller();
    broken.add('dry');
    const dry = { ...CLI, job: 'try', acting: false, options: { name: 'dry' } };
    expect(await engine.work(await engine.create(dry))).toBe('failed');
    await have(engine, 'failed');
    broken.delete('dry');
    expect(await engine.work(await engine.create(dry))).toBe('succeeded');
    await engine.sendMails();

    expect(told().map(({ kind }) => kind)).toEqual(['failing']);
  });

  it('is a run that another called, but one that it only started is', async () => {
    const { engine } = await teller();
    await engine.start();
    broken.add('bad');
    const called = await engine.create({ job: 'calls', ...CLI });
    await eventually('the caller to end', async () => (await engine.runs.state(called)) === 'succeeded');
    expect([...(await engine.health()).values()].map(({ state }) => state)).not.toContain('failing');

    const started = await engine.create({ job: 'starts', ...CLI });
    await eventually('both to end', async () => {
      const states = await Promise.all(
        ['bad', 'good'].map((name) => engine.runs.state(`${started}~${name}`)),
      );
      return states.join() === 'failed,succeeded';
    });
    await eventually('the mail', async () => house.sent.length > 0);

    // Its sibling says nothing of what comes next.
    expect(told()).toMatchObject([{ kind: 'failing', run: `${started}~bad` }]);
    expect((await engine.health()).get('try')).toMatchObject({ state: 'failing' });
  });
});

describe('a dry run by schedule', () => {
  it('tells that the job fails: nobody looks on', async () => {
    const { engine } = await teller();
    broken.add('try');
    const trigger = { kind: 'cron', instant: '2026-11-24T22:30:00.000Z' } as const;
    const run = await engine.create({ job: 'try', options: {}, trigger, acting: false });
    await engine.work(run);
    await engine.sendMails();

    expect(told()).toMatchObject([{ kind: 'failing', run }]);
  });
});

describe('a run that is taken out of the way', () => {
  it('fails its job when it is quarantined', async () => {
    const dying = await teller({ deathAt: ({ when, script }) => when === 'after' && script === 'claim' });
    const run = await dying.engine.create({ job: 'try', ...CLI });
    void dying.engine.work(run);
    await dying.died;
    const { engine } = await teller({ mostLosses: 0 });
    await eventually('quarantine', async () => {
      await engine.work(run);
      return (await engine.runs.state(run)) === 'quarantined';
    });
    await engine.sendMails();

    expect(told()).toMatchObject([{ kind: 'failing', run, state: 'quarantined' }]);
  });

  it('fails its job when it took longer than it may', async () => {
    const { engine } = await house.engine({ brief: jobOf(async () => {}, 1) }, { sayAlert: tell });
    const run = await engine.create({ job: 'brief', ...CLI });
    await redis.hset(`{nightshift}:run:${run}`, 'deadline', '1');
    await engine.start();
    await eventually('the mail', async () => house.sent.length > 0);

    expect(told()).toMatchObject([{ kind: 'failing', run, why: 'the run took longer than it may' }]);
  });
});

describe('an outage', () => {
  const minutely: CronJob = {
    job: 'try',
    cron: '* * * * *',
    zone: 'UTC',
    overlap: 'queue',
    catchUp: 'none',
    options: {},
    acting: true,
  };
  const start = new Date('2027-01-01T00:00:30Z').getTime();
  const minute = (n: number): Date => new Date(start + n * 60_000);

  it('is told once with all that was missed, although ten engines come back at once', async () => {
    const schedules = [minutely];
    const daemons = await Promise.all(Array.from({ length: 10 }, () => teller({ schedules })));
    const tick = (n: number) => Promise.all(daemons.map(({ engine }) => engine.cron.tick(minute(n))));
    await tick(0);
    await tick(1);
    await tick(31);
    await tick(32);
    await Promise.all(daemons.map(({ engine }) => engine.sendMails()));

    expect(told()).toMatchObject([
      { kind: 'missed', job: 'try', missed: 29, first: minute(1.5).getTime(), last: minute(29.5).getTime() },
    ]);
  });

  it('says that the latest instant is run late where that is so', async () => {
    const { engine } = await teller({ schedules: [{ ...minutely, catchUp: 'last' }] });
    for (const n of [0, 5, 6, 20]) await engine.cron.tick(minute(n));
    await engine.sendMails();

    expect(told()).toMatchObject([
      { kind: 'missed', missed: 4, late: true },
      { kind: 'missed', missed: 13, late: true },
    ]);
  });

  it('is none when only the schedule was changed', async () => {
    const before = await teller({ schedules: [minutely] });
    await before.engine.cron.tick(minute(0));
    const after = await teller({ schedules: [{ ...minutely, cron: '*/2 * * * *' }] });
    await after.engine.cron.tick(minute(30));
    await after.engine.sendMails();

    expect(told()).toEqual([]);
    expect(await after.engine.cron.ledger()).toEqual([]);
  });
});

describe('a run that waits', () => {
  const MOST = { waits: 24 * HOUR_MS, calls: 24 * HOUR_MS };
  const waits = jobOf(async (ctx) => {
    if (ctx.options.name === 'until') {
      await ctx.waitUntil('rain', { why: 'rain', withinMs: 240 * HOUR_MS }, () => Promise.resolve(undefined));
    }
    await ctx.lease('hypervisor hv01', 'drains it');
    if (ctx.options.name === 'holds') await ctx.sleep('a while', 1e9);
  });
  const calls = jobOf(async (ctx) => void (await ctx.call('it', 'waits', { name: 'until' })));

  async function daemon(): Promise<Engine> {
    const { engine } = await house.engine({ waits, calls }, { sayAlert: tell, longWaitMs: MOST });
    return engine;
  }

  /** Has a run that waits, since so many hours. */
  async function waiting(engine: Engine, name: string, hours: number, job = 'waits'): Promise<string> {
    const run = await engine.create({ job, ...CLI, options: { name } });
    expect(await engine.work(run)).toBe('waiting');
    await age(`{nightshift}:run:${run}`, 'waitingSince', hours * HOUR_MS);
    return run;
  }

  /** Lets the daemon look at the open runs once more, from now on. */
  async function looked(engine: Engine): Promise<void> {
    const canary = await engine.create({ job: 'waits', ...CLI, options: { name: 'canary' } });
    await engine.work(canary);
    const key = `{nightshift}:run:${canary}`;
    await age(key, 'waitingSince', 30 * HOUR_MS);
    await eventually('a look', async () => (await redis.hexists(key, 'overstayed')) === 1);
    await engine.sendMails();
    await eventually('the mail of it', async () =>
      told().some((alert) => 'run' in alert && alert.run === canary),
    );
  }

  it('for longer than its job should is told once, and again when it waits anew', async () => {
    const engine = await daemon();
    await waiting(engine, 'holds', 0);
    const run = await waiting(engine, 'queues', 25);
    await engine.start();
    const ofRun = () => told().filter((alert) => 'run' in alert && alert.run === run);
    await looked(engine);
    await looked(engine);

    expect(ofRun()).toMatchObject([
      { kind: 'waiting', state: 'waiting', why: expect.stringContaining('hv01') as string },
    ]);

    await age(`{nightshift}:run:${run}`, 'waitingSince', HOUR_MS);
    await looked(engine);
    expect(ofRun()).toHaveLength(2);
  });

  it('is not told while it waits for less, or as long as it was promised, or for a child that does', async () => {
    const engine = await daemon();
    await waiting(engine, 'holds', 0);
    const quiet = [await waiting(engine, 'queues', 23), await waiting(engine, 'until', 200)];
    const parent = await waiting(engine, '', 30, 'calls');
    await engine.work(`${parent}~it`);
    await engine.start();
    await looked(engine);

    const named = told().map((alert) => ('run' in alert ? alert.run : ''));
    for (const run of [...quiet, parent]) expect(named).not.toContain(run);
  });

  it('is told when the time that it was promised has been over for an hour', async () => {
    const engine = await daemon();
    await waiting(engine, 'holds', 0);
    const run = await waiting(engine, 'queues', 1);
    await redis.hset(`{nightshift}:run:${run}`, 'waitingUntil', String(Date.now() - 2 * HOUR_MS));
    await engine.start();
    await looked(engine);

    expect(told().find((alert) => 'run' in alert && alert.run === run)).toMatchObject({ kind: 'waiting' });
  });
});

describe('a run that needs a decision', () => {
  const unsure = jobOf(async (ctx) => {
    const dark = { happened: 'unclear', evidence: 'it is dark' } as const;
    const options = { effect: 'verify', retry: { tries: 1 }, verify: () => Promise.resolve(dark) } as const;
    await ctx.step('reboot', options, () => Promise.reject(new Error('broken pipe')));
  });

  it('is told by the mail that asks, and by no other', async () => {
    const askOperators = (): Mail => ({ to: OPS, subject: 'did it happen?', text: '{}' });
    const { engine } = await house.engine({ unsure }, { sayAlert: tell, askOperators });
    const run = await engine.create({ job: 'unsure', ...CLI });
    expect(await engine.work(run)).toBe('needs-decision');
    await engine.sendMails();

    expect(house.sent.map(({ subject }) => subject)).toEqual(['did it happen?']);
  });

  it('is told where it has no question of its own', async () => {
    const { engine: maker } = await teller();
    const run = await maker.create({ job: 'try', ...CLI });
    const { engine } = await house.engine({}, { sayAlert: tell });
    expect(await engine.work(run)).toBe('needs-decision');
    await engine.sendMails();

    expect(told()).toMatchObject([
      { kind: 'undecided', job: 'try', run, why: expect.stringContaining('try') as string },
    ]);
  });
});

describe('a mail to several ways', () => {
  it('is an item of the outbox for each, so that one that fails does not repeat the others', async () => {
    const tried: string[] = [];
    const { engine } = await teller({
      sayAlert: (alert) => ({ ...tell(alert), to: [...OPS, 'kim@example.org', 'webhook:operators'] }),
      deliver: async ({ to, messageId }) => {
        tried.push(`${to.join(' ')} ${messageId.replace(/\.\d+/, '')}`);
        if (to.includes('webhook:operators')) throw Object.assign(new Error('503'), { retryable: true });
      },
    });
    const run = await have(engine, 'failed');
    for (let i = 0; i < 3; i += 1) {
      await engine.sendMails();
      for (const id of await redis.zrange('{nightshift}:outbox:due:channels', '0', '-1')) {
        await redis.zadd('{nightshift}:outbox:due:channels', 0, id);
      }
    }

    expect(tried.toSorted()).toEqual([
      `ops@example.org kim@example.org <${run}.failing@nightshift.test>`,
      ...Array.from(
        { length: 3 },
        () => `webhook:operators <${run}.failing.webhook-operators@nightshift.test>`,
      ),
    ]);
  });
});
