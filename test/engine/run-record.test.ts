import { afterAll, beforeAll, expect, it } from 'vitest';
import { Runs } from '../../src/engine/runs.ts';
import { type House, openHouse } from '../support/engine.ts';
import { CLI, type Context, jobOf } from './support/jobs.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

it('shows no run that waits for a child which has ended, even if it ends while it is read', async () => {
  const { engine } = await house.engine({
    parent: jobOf(async (ctx: Context) => void (await ctx.call('hv07', 'child', {}))),
    child: jobOf(async () => {}),
  });
  await engine.create({ job: 'parent', ...CLI, id: 'p' });
  await engine.work('p');
  const redis = house.redis.connect();
  const hgetall = redis.hgetall.bind(redis);
  redis.hgetall = async (key: string) => {
    if (key.endsWith(':run:p~hv07')) await engine.work('p~hv07');
    return hgetall(key);
  };

  const run = await new Runs(redis, '{nightshift}').get('p');

  redis.disconnect();
  expect(run).toMatchObject({ state: 'queued', children: [{ id: 'p~hv07', state: 'succeeded' }] });
});
