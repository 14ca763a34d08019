import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import type { RunFilter, RunPlace } from '../../src/engine/runs.ts';
import { type House, openHouse } from '../support/engine.ts';
import { CLI, jobOf, KIM } from './support/jobs.ts';

let house: House;
let engine: Engine;
let newestFirst: string[];

const IDS = Array.from({ length: 230 }, (_, i) => `${i % 3 === 0 ? 'thirds' : 'others'}~${i}`);

beforeAll(async () => {
  house = await openHouse();
  const quiet = jobOf(async () => {});
  ({ engine } = await house.engine({ thirds: quiet, others: quiet }));
  // Made at once, so that many share their millisecond.
  await Promise.all(
    IDS.map((id) => engine.create({ job: id.startsWith('thirds') ? 'thirds' : 'others', ...CLI, id })),
  );
  newestFirst = (await engine.runs.list({ limit: 1000 })).map(({ id }) => id);
});

afterAll(() => house.close());

async function idsByPages(filter: RunFilter): Promise<string[]> {
  const ids: string[] = [];
  let next: RunPlace | undefined;
  do {
    const page = await engine.runs.page(filter, next);
    expect(page.runs.length).toBeLessThanOrEqual(filter.limit ?? 50);
    ids.push(...page.runs.map(({ id }) => id));
    next = page.next;
  } while (next !== undefined);
  return ids;
}

describe('pages of runs', () => {
  it.each([1, 7, 100, 229, 230, 1000])('of %i hold every run once, in order', async (limit) => {
    const ids = await idsByPages({ limit });

    expect(ids).toEqual(newestFirst);
    expect(ids.toSorted()).toEqual(IDS.toSorted());
  });

  it('of one job hold its runs only', async () => {
    expect(await idsByPages({ job: 'thirds', limit: 10 })).toEqual(
      newestFirst.filter((id) => id.startsWith('thirds')),
    );
  });

  it('of one state hold those that are in it, however rare', async () => {
    const rare = [newestFirst[3], newestFirst[120], newestFirst.at(-1)] as string[];
    for (const id of rare) await engine.acts.cancel(id, KIM);

    expect(await idsByPages({ state: 'cancelled', limit: 2 })).toEqual(rare);
    expect(await idsByPages({ state: 'failed' })).toEqual([]);
  });

  it('go on where they were when runs were made or forgotten meanwhile', async () => {
    const first = await engine.runs.page({ limit: 10 });
    const last = first.runs.at(-1)?.id ?? '';
    const redis = house.redis.connect();
    await redis.zrem('{nightshift}:runs', last);
    await engine.create({ job: 'others', ...CLI, id: 'others~late' });

    const second = await engine.runs.page({ limit: 10 }, first.next);
    await redis.zadd('{nightshift}:runs', first.next?.atMs ?? 0, last);
    await redis.zrem('{nightshift}:runs', 'others~late');
    redis.disconnect();

    expect(second.runs.map(({ id }) => id)).toEqual(newestFirst.slice(10, 20));
  });
});
