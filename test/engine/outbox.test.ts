import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { composed, MailError } from '../../src/clients/mail-message.ts';
import { REFUSALS, type Refusal } from '../../src/domain/address-marks.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Deliver, OutgoingMail } from '../../src/engine/outbox.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { CLI, gate, jobOf } from './support/jobs.ts';

describe('a mail in the outbox', () => {
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

  const job = jobOf(async (ctx) => {
    const count = Number(ctx.options.name ?? 1);
    for (let i = 0; i < count; i += 1) {
      await ctx.mail(`mail ${i}`, { to: ['alice@example.org'], subject: `No. ${i}`, text: 'Hello' });
    }
  });

  async function sender(deliver: Deliver, hideMailMs = 60_000): Promise<Engine> {
    const timings = { leaseMs: 300, renewMs: 75, reconcileMs: 100, graceMs: 200, hideMailMs };
    return (await house.engine({ mail: job }, { deliver, timings, refusals: REFUSALS })).engine;
  }

  /** Posts mails by a run; resolves with their ids. */
  async function post(engine: Engine, count = 1): Promise<string[]> {
    const run = await engine.create({ job: 'mail', ...CLI, options: { name: String(count) } });
    expect(await engine.work(run)).toBe('succeeded');
    return redis.zrange('{nightshift}:outbox:due', '0', '-1');
  }

  function stateOf(id: string): Promise<string | null> {
    return redis.hget('{nightshift}:outbox:state', id);
  }

  /** How long until it is tried again, in ms; undefined when it will not be. */
  async function dueIn(id: string): Promise<number | undefined> {
    const due = await redis.zscore('{nightshift}:outbox:due', id);
    const [seconds = 0] = await redis.time();
    return due === null ? undefined : Number(due) - seconds * 1000;
  }

  /** As if the pause before its next try were over. */
  async function becomesDue(id: string): Promise<void> {
    await redis.zadd('{nightshift}:outbox:due', 'XX', 0, id);
  }

  it('leaves once, although two engines send', async () => {
    const sent: OutgoingMail[] = [];
    const deliver: Deliver = async (mail) => {
      await redis.ping();
      sent.push(mail);
    };
    const one = await sender(deliver);
    const two = await sender(deliver);
    const ids = await post(one, 20);

    const counts = await Promise.all([one.sendMails(), two.sendMails()]);

    expect(sent.map(({ messageId }) => messageId).toSorted()).toEqual(ids.toSorted());
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(20);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(await redis.zcard('{nightshift}:outbox:due')).toBe(0);
  });

  it('whose sender dies is sent by another, the same to the byte; the dead one does not bring it back', async () => {
    const seen: OutgoingMail[] = [];
    const trying = gate();
    const waking = gate();
    const dying = await sender(async (mail) => {
      seen.push(mail);
      trying.open();
      await waking.passed;
      throw Object.assign(new Error('the connection broke'), { retryable: true });
    }, 300);
    const living = await sender(async (mail) => void seen.push(mail), 300);
    const [id = ''] = await post(dying);
    const sending = dying.sendMails();
    await trying.passed;

    expect(await living.sendMails()).toBe(0);
    await eventually('the mail to show again', async () => (await living.sendMails()) === 1);
    waking.open();
    await sending;

    const [first, second] = seen;
    expect(first).toEqual(second);
    expect(first?.messageId).toBe(id);
    const bytes = seen.map(async (mail) =>
      (await composed(mail, { from: 'ops@example.org' })).bytes.toString(),
    );
    expect(new Set(await Promise.all(bytes)).size).toBe(1);
    expect(await stateOf(id)).toBe('sent');
    expect(await dueIn(id)).toBeUndefined();
  });

  it('that is refused for good is kept with the reason and not tried again', async () => {
    let tries = 0;
    const engine = await sender(() => {
      tries += 1;
      return Promise.reject(new MailError('no such mailbox', { retryable: false }));
    });
    const [id = ''] = await post(engine);

    expect(await engine.sendMails()).toBe(0);
    expect(await engine.sendMails()).toBe(0);

    expect(tries).toBe(1);
    expect(await stateOf(id)).toBe('refused: no such mailbox');
    expect(await dueIn(id)).toBeUndefined();
    expect(await redis.hexists('{nightshift}:outbox', id)).toBe(1);
    expect(house.logged.join()).toContain('no such mailbox');
  });

  it('that cannot be sent yet is tried again after pauses that grow up to six hours, and given up in the end', async () => {
    const engine = await sender(() => Promise.reject(new MailError('greylisted', { retryable: true })));
    const [id = ''] = await post(engine);

    const pauses: (number | undefined)[] = [];
    for (let i = 0; i < 100; i += 1) {
      await becomesDue(id);
      await engine.sendMails();
      pauses.push(await dueIn(id));
    }

    const seconds = pauses.map((ms) => (ms === undefined ? undefined : Math.floor(ms / 1000)));
    expect(seconds.slice(0, 4)).toEqual([30, 60, 120, 240]);
    expect(seconds[20]).toBe(6 * 3600);
    expect(seconds[98]).toBe(6 * 3600);
    expect(seconds[99]).toBeUndefined();
    expect(await stateOf(id)).toBe('refused: greylisted');
  });

  it('of which nobody knows whether it was taken is tried twice, however often it could not be sent before', async () => {
    let tries = 0;
    const outcomes = ['not sent', 'not sent', 'unknown', 'not sent', 'unknown', 'unknown'] as const;
    const engine = await sender(() => {
      const outcome = outcomes[tries] ?? 'unknown';
      tries += 1;
      return Promise.reject(new MailError('the line went dead', { retryable: true, outcome }));
    });
    const [id = ''] = await post(engine);

    for (let i = 0; i < 10; i += 1) {
      await becomesDue(id);
      await engine.sendMails();
    }

    expect(tries).toBe(5);
    expect(await stateOf(id)).toBe('unknown: the line went dead; tried 2 times without an answer');
    expect(await dueIn(id)).toBeUndefined();
  });

  it('of which nobody knows whether it was taken is left alone for ten minutes, so that the trouble may pass', async () => {
    const engine = await sender(() =>
      Promise.reject(new MailError('the line went dead', { retryable: true, outcome: 'unknown' })),
    );
    const [id = ''] = await post(engine);

    await engine.sendMails();

    expect(Math.round((await dueIn(id))! / 60_000)).toBe(10);
  });

  it('leaves beside as many others as may be sent at once, and not more', async () => {
    const rest = gate();
    const three = gate();
    let underWay = 0;
    let most = 0;
    const deliver: Deliver = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      if (underWay === 3) three.open();
      await rest.passed;
      underWay -= 1;
    };
    const { engine } = await house.engine({ mail: job }, { deliver, mailPace: { atOnce: 3 } });
    await post(engine, 10);

    const sending = engine.sendMails();
    await three.passed;
    rest.open();

    expect(await sending).toBe(10);
    expect(most).toBe(3);
  });

  it('waits in the outbox, and no process for it, when as many as may have left within the minute', async () => {
    const sent: string[] = [];
    const deliver: Deliver = async ({ subject }) => void sent.push(subject);
    const mailPace = { perMinute: 3, atOnce: 2 };
    const one = (await house.engine({ mail: job }, { deliver, mailPace })).engine;
    const two = (await house.engine({ mail: job }, { deliver, mailPace })).engine;
    await post(one, 8);

    expect((await Promise.all([one.sendMails(), two.sendMails()])).reduce((a, b) => a + b)).toBe(3);
    expect(await one.sendMails()).toBe(0);
    expect(await redis.zcard('{nightshift}:outbox:due')).toBe(5);

    // As if a minute had passed.
    await redis.del('{nightshift}:outbox:pace');
    expect(await two.sendMails()).toBe(3);
    await redis.del('{nightshift}:outbox:pace');
    expect(await one.sendMails()).toBe(2);
    expect(sent.toSorted()).toEqual(Array.from({ length: 8 }, (_, i) => `No. ${i}`));
  });

  it('is not tried in vain with all others while nobody can be sent anything, and loses no try by it', async () => {
    let away = true;
    let tries = 0;
    const engine = await sender(() => {
      tries += 1;
      const failure = new MailError('the relay is away', { retryable: true, forAll: true });
      return away ? Promise.reject(failure) : Promise.resolve();
    });
    const ids = await post(engine, 5);
    const pauses: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      expect(await engine.sendMails()).toBe(0);
      expect(await engine.sendMails()).toBe(0);
      const [seconds = 0] = await redis.time();
      pauses.push(Number(await redis.hget('{nightshift}:outbox:closed', 'until')) / 1000 - seconds);
      await redis.hset('{nightshift}:outbox:closed', 'until', 1);
    }
    expect(tries).toBe(8);
    expect(pauses.map(Math.round).map((s) => 15 * Math.round(s / 15))).toEqual([
      15, 30, 60, 120, 240, 480, 900, 900,
    ]);
    expect(await stateOf(ids[0]!)).toBe('waiting: the relay is away');

    away = false;
    expect(await engine.sendMails()).toBe(5);

    expect(tries).toBe(13);
    expect(await redis.exists('{nightshift}:outbox:closed')).toBe(0);
  });

  it('that nobody can be sent holds up no channel', async () => {
    const posted: string[] = [];
    const engine = await sender(async ({ to }) => {
      if (!to[0]!.startsWith('webhook:')) {
        throw new MailError('the relay is away', { retryable: true, forAll: true });
      }
      posted.push(to[0]!);
    });
    await post(engine);
    const both = jobOf(async (ctx) => {
      await ctx.mail('both', { to: ['ann@example.org', 'webhook:operators'], subject: 'Both', text: 'x' });
    });
    const { engine: other } = await house.engine({ both });
    expect(await other.work(await other.create({ job: 'both', ...CLI, options: {} }))).toBe('succeeded');

    await engine.sendMails();

    expect(posted).toEqual(['webhook:operators']);
  });

  it('is tried again for those alone who need it, whichever process tries, and says in a table whom it was refused for', async () => {
    const asked: (readonly string[])[] = [];
    const answers = [
      new MailError('ann has it, bob is refused, eve is put off', {
        retryable: true,
        outcome: 'partly sent',
        taken: ['ann@example.org'],
        refused: [{ address: 'Bob@example.org', reply: '550 5.1.1 no such user' }],
      }),
      new MailError('eve is put off again', { retryable: true }),
    ];
    const deliver: Deliver = async (_, done) => {
      asked.push(done);
      const answer = answers[asked.length - 1];
      if (answer !== undefined) throw answer;
    };
    const one = await sender(deliver);
    const two = await sender(deliver);
    const [id = ''] = await post(one);

    await one.sendMails();
    await becomesDue(id);
    await two.sendMails();
    await becomesDue(id);
    expect(await one.sendMails()).toBe(1);

    const done = ['ann@example.org', 'Bob@example.org'];
    expect(asked).toEqual([[], done, done]);
    expect(await redis.hexists('{nightshift}:outbox:done', id)).toBe(0);
    expect([...(await one.acts.rows<Refusal>(REFUSALS))]).toEqual([
      [
        'bob@example.org',
        {
          address: 'Bob@example.org',
          reply: '550 5.1.1 no such user',
          mail: id,
          at: expect.stringMatching(/^2\d{3}-/),
        },
      ],
    ]);
  });

  it('that names itself leaves once, whichever runs post it, and says which mails it follows', async () => {
    const notice = jobOf(async (ctx) => {
      await ctx.mail('alice', {
        to: ['alice@example.org'],
        subject: 'Still 2 servers',
        text: 'Hello',
        id: 'patch-compliance.alice.reminder.20261204',
        thread: ['patch-compliance.alice.first.20261127', 'patch-compliance.alice.a b.20261201'],
      });
    });
    const { engine } = await house.engine({ notice });
    for (let i = 0; i < 2; i += 1) {
      const run = await engine.create({ job: 'notice', ...CLI, options: {} });
      expect(await engine.work(run)).toBe('succeeded');
      await engine.sendMails();
    }

    expect(house.sent).toHaveLength(1);
    const { messageId, headers, ...mail } = house.sent[0]!;
    expect(messageId).toBe('<patch-compliance.alice.reminder.20261204@nightshift.test>');
    expect(headers).toMatchObject({
      References: expect.stringMatching(
        /^<patch-compliance\.alice\.first\.20261127@nightshift\.test> <patch-compliance\.alice\.a-b\.20261201\.[0-9a-f]{8}@nightshift\.test>$/,
      ),
      'In-Reply-To': expect.stringMatching(/^<patch-compliance\.alice\.a-b\.20261201\./),
    });
    expect(mail).toEqual({ to: ['alice@example.org'], subject: 'Still 2 servers', text: 'Hello' });
  });
});
