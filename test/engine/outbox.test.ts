import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { composed, MailError } from '../../src/clients/mail-message.ts';
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
    return (await house.engine({ mail: job }, { deliver, timings })).engine;
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
    const bytes = seen.map(async (mail) => (await composed(mail, 'ops@example.org')).bytes.toString());
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

  it('of which nobody knows whether it was taken is tried three times, however often it could not be sent before', async () => {
    let tries = 0;
    const outcomes = [
      'not sent',
      'not sent',
      'unknown',
      'not sent',
      'unknown',
      'unknown',
      'unknown',
    ] as const;
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

    expect(tries).toBe(6);
    expect(await stateOf(id)).toBe('unknown: the line went dead; tried 3 times without an answer');
    expect(await dueIn(id)).toBeUndefined();
  });
});
