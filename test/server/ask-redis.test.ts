import { describe, expect, it } from 'vitest';
import { askRedis } from '../../src/server/ask-redis.ts';

/** A Redis that answers, or is silent until it is back. */
function redis() {
  let back = Promise.withResolvers<void>();
  back.resolve();
  let probes = 0;
  return {
    leave: () => {
      back = Promise.withResolvers<void>();
    },
    comeBack: () => back.resolve(),
    probes: () => probes,
    probe: async () => {
      probes += 1;
      await back.promise;
    },
  };
}

const QUICK = { silenceMs: 20, answerMs: 10_000 };

describe('a question to Redis', () => {
  it('gets its answer', async () => {
    const ask = askRedis({ probe: redis().probe, ...QUICK });

    expect(await ask(async () => 'answer')).toBe('answer');
    await expect(ask(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('is not asked while Redis is silent, and probes do not pile up', async () => {
    const server = redis();
    const ask = askRedis({ probe: server.probe, ...QUICK });
    server.leave();
    let asked = 0;

    const all = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        ask(async () => {
          asked += 1;
        }),
      ),
    );

    expect(all.every((one) => one.status === 'rejected')).toBe(true);
    expect(all[0]).toMatchObject({ reason: { name: 'RedisAway', asked: false } });
    expect(asked).toBe(0);
    expect(server.probes()).toBe(1);

    server.comeBack();
    expect(await ask(async () => 'answer')).toBe('answer');
  });

  it('is given up when Redis falls silent while it is asked, and its late failure harms nobody', async () => {
    const server = redis();
    const ask = askRedis({ probe: server.probe, ...QUICK });
    const late = Promise.withResolvers<never>();

    const asking = ask(() => {
      server.leave();
      return late.promise;
    });

    await expect(asking).rejects.toMatchObject({ name: 'RedisAway', asked: true });
    late.reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('is waited for however long it takes while Redis answers others', async () => {
    const server = redis();
    const ask = askRedis({ probe: server.probe, ...QUICK });
    const slow = Promise.withResolvers<string>();

    const asking = ask(() => slow.promise);
    while (server.probes() < 4) await new Promise((resolve) => setImmediate(resolve));
    slow.resolve('answer');

    expect(await asking).toBe('answer');
  });

  it('is given up in the end', async () => {
    const ask = askRedis({ probe: redis().probe, silenceMs: 10, answerMs: 50 });

    await expect(ask(() => new Promise(() => {}))).rejects.toMatchObject({ name: 'RedisAway', asked: true });
  });
});
