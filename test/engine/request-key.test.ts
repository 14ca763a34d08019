import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEPT_MS } from '../../src/engine/request-key.ts';
import { type House, openHouse } from '../support/engine.ts';
import { CLI, jobOf } from './support/jobs.ts';

let house: House;

beforeEach(async () => {
  house = await openHouse();
});

afterEach(() => house.close());

const quiet = jobOf(async () => {});
const asked = { by: 'kim', key: 'tonight', asks: { job: 'quiet', options: { a: 1, b: 2 } } } as const;

describe('a request with a key', () => {
  it('makes one run, however often and by whichever engine it is asked', async () => {
    const [first, second] = await Promise.all([house.engine({ quiet }), house.engine({ quiet })]);
    const ask = () => ({ job: 'quiet', ...CLI, request: asked });

    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? first : second).engine.create(ask())),
    );

    expect(new Set(ids).size).toBe(1);
    expect(await first.engine.runs.list({})).toHaveLength(1);
    expect(await second.engine.runOf(asked)).toBe(ids[0]);
  });

  it('is the same request whatever the order of its words', async () => {
    const { engine } = await house.engine({ quiet });
    const id = await engine.create({ job: 'quiet', ...CLI, request: asked });

    const turned = { ...asked, asks: { options: { b: 2, a: 1 }, job: 'quiet' } };

    expect(await engine.runOf(turned)).toBe(id);
    expect(await engine.create({ job: 'quiet', ...CLI, request: turned })).toBe(id);
  });

  it('is refused with other words, and names the run that the key stands for', async () => {
    const { engine } = await house.engine({ quiet });
    const id = await engine.create({ job: 'quiet', ...CLI, request: asked });

    const other = { ...asked, asks: { job: 'quiet', options: { a: 1, b: 3 } } };

    await expect(engine.runOf(other)).rejects.toMatchObject({ name: 'KeyReused', run: id });
    await expect(engine.create({ job: 'quiet', ...CLI, request: other })).rejects.toMatchObject({
      name: 'KeyReused',
      run: id,
    });
    expect(await engine.runs.list({})).toHaveLength(1);
  });

  it.each([
    ['another key', { ...asked, key: 'tomorrow' }],
    ['the same key of somebody else', { ...asked, by: 'lee' }],
  ])('is new with %s', async (_, other) => {
    const { engine } = await house.engine({ quiet });
    const id = await engine.create({ job: 'quiet', ...CLI, request: asked });

    expect(await engine.runOf(other)).toBeUndefined();
    expect(await engine.create({ job: 'quiet', ...CLI, request: other })).not.toBe(id);
  });

  it('leaves nothing behind when the run could not be made', async () => {
    const { engine } = await house.engine({ quiet });

    await expect(
      engine.create({ job: 'quiet', ...CLI, options: { name: 1 }, request: asked }),
    ).rejects.toThrow();

    expect(await engine.runOf(asked)).toBeUndefined();
  });

  it('is forgotten after a day, and its key is kept in no readable form', async () => {
    const { engine } = await house.engine({ quiet });
    const redis = house.redis.connect();
    await engine.create({ job: 'quiet', ...CLI, request: asked });

    const [key = '', ...more] = await redis.keys('*:request:*');
    const leftMs = await redis.pttl(key);
    redis.disconnect();

    expect(more).toEqual([]);
    expect(key).not.toContain('tonight');
    expect(leftMs).toBeGreaterThan(KEPT_MS - 60_000);
    expect(leftMs).toBeLessThanOrEqual(KEPT_MS);
  });
});
