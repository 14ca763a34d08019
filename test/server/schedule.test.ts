import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CronJob } from '../../src/engine/cron.ts';
import { jobOf } from '../engine/support/jobs.ts';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;

const at = (job: string, cron: string): CronJob => ({
  job,
  cron,
  zone: 'UTC',
  overlap: 'skip',
  catchUp: 'none',
  options: {},
  acting: false,
});
const MINUTE = Math.floor(Date.now() / 60_000) * 60_000;

beforeAll(async () => {
  front = await openFront({
    jobs: { often: jobOf(async () => {}), yearly: jobOf(async () => {}) },
    engine: { schedules: [at('often', '* * * * *'), at('yearly', '0 0 1 1 *')] },
  });
  // Three minutes with a daemon that looks at each.
  for (const minutesAgo of [3, 2, 1, 0]) {
    await front.engine.cron.tick(new Date(MINUTE - minutesAgo * 60_000 + 1000));
  }
});

afterAll(() => front.close());

interface Row {
  readonly job: string;
  readonly at: string;
}

describe('GET /schedule', () => {
  it('says what is ahead and what became of the past, with the reason', async () => {
    const { status, json } = await front.ask('/api/v1/schedule', { token: READ });

    expect(status).toBe(200);
    const [last, middle, first] = json.past as object[];
    expect(json.past).toHaveLength(3);
    expect(first).toEqual({
      job: 'often',
      at: new Date(MINUTE - 2 * 60_000).toISOString(),
      run: expect.stringMatching(/^often~/),
    });
    const run = (first as { run: string }).run;
    expect(middle).toMatchObject({ job: 'often', leftOut: `skipped: ${run} was not over` });
    expect(last).toMatchObject({ at: new Date(MINUTE).toISOString() });
    expect(json).toEqual({ ahead: expect.anything(), past: await front.engine.cron.ledger(), held: [] });
  });

  it('shows as many as are asked for, soonest and newest first', async () => {
    const { json } = await front.ask('/api/v1/schedule?next=2&limit=1', { token: READ });

    const ahead = json.ahead as Row[];
    expect(ahead.map(({ job }) => job)).toEqual(['often', 'often', 'yearly', 'yearly']);
    expect(ahead.map((row) => row.at)).toEqual(ahead.map((row) => row.at).toSorted());
    expect((json.past as Row[]).map((row) => row.at)).toEqual([new Date(MINUTE).toISOString()]);
  });

  it.each([['next=0'], ['next=101'], ['limit=1001'], ['limit=some'], ['nxt=3']])(
    'refuses %s',
    async (query) => {
      expect((await front.ask(`/api/v1/schedule?${query}`)).status).toBe(422);
    },
  );
});
