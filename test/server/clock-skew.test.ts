import { afterAll, beforeAll, expect, it } from 'vitest';
import { jobOf } from '../engine/support/jobs.ts';
import { type Front, openFront } from './support/server.ts';

let front: Front;

beforeAll(async () => {
  front = await openFront({
    jobs: { often: jobOf(async () => {}) },
    engine: { clock: { now: () => new Date(Date.now() + 90_000), realMs: (ms) => ms, isReal: true } },
  });
  await front.engine.start();
});

afterAll(() => front.close());

it('a daemon whose clock is wrong works what it is asked for, and says why it starts nothing by itself', async () => {
  const ready = await front.ask('/readyz', { token: null });
  const schedule = await front.ask('/api/v1/schedule');
  const started = await front.post('/api/v1/jobs/often/runs', {});

  const why = "its clock is 90 s ahead of Redis's";
  expect(ready).toMatchObject({ status: 200, json: { status: 'ready', schedulesHeld: why } });
  expect(schedule.json.held).toEqual([{ daemon: expect.stringContaining(`.${process.pid}.`), why }]);
  expect(started.status).toBe(201);
  expect(front.house.logged.filter((line) => line.startsWith('nothing is started by schedule'))).toHaveLength(
    1,
  );
});
