import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CronJob } from '../../src/engine/cron.ts';
import type { Json } from '../../src/engine/job.ts';
import { openVirtualEngine, type VirtualEngine } from '../../src/engine/virtual-engine.ts';
import { type House, openHouse } from '../support/engine.ts';
import { CLI, type Context, jobOf } from './support/jobs.ts';

const START = Date.UTC(2026, 10, 24, 12);
const HOUR_MS = 3_600_000;

let house: House;
let opened: VirtualEngine<object>[];
beforeEach(async () => {
  house = await openHouse();
  opened = [];
});
afterEach(async () => {
  for (const { engine } of opened) await engine.close();
  await house.close();
});

/** A world in which nothing happens by itself. */
const NOTHING = { waiting: 0, nextAt: undefined, advance: () => undefined };

async function open(
  run: (ctx: Context) => Promise<Json | void>,
  schedules: readonly CronJob[] = [],
): Promise<VirtualEngine<object>> {
  const virtual = await openVirtualEngine<object>(
    {
      redis: { ...house.redis, close: async () => {} },
      stateDir: house.stateDir,
      jobs: new Map([['try', { name: 'try', job: jobOf(run), definition: 'sha256:test' }]]),
      clientsFor: () => Promise.resolve({}),
      deliver: () => Promise.resolve(),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      mailHost: 'nightshift.test',
      schedules,
    },
    { startAt: START, beside: NOTHING },
  );
  opened.push(virtual);
  return virtual;
}

it('a run that waits for days is woken by the clock of its engine, and by no other', async () => {
  const looks: string[] = [];
  const { engine, clock, play } = await open(async (ctx) => {
    await ctx.waitUntil('day', { why: 'a day', withinMs: 100 * HOUR_MS, everyMs: HOUR_MS }, async (scope) => {
      looks.push(scope.now().toISOString());
      return looks.length === 30 ? true : undefined;
    });
  });
  const run = await engine.create({ job: 'try', ...CLI });

  await play({ run });

  expect((await engine.runs.get(run))?.state).toBe('succeeded');
  expect(looks).toHaveLength(30);
  expect(looks[1]).toBe('2026-11-24T13:00:00.000Z');
  expect(clock.now().getTime()).toBe(START + 29 * HOUR_MS);
});

it('goes no further than it was asked to, and goes on from there', async () => {
  const { engine, clock, play } = await open((ctx) => ctx.sleep('two hours', 2 * HOUR_MS));
  const run = await engine.create({ job: 'try', ...CLI });

  await play({ upTo: START + HOUR_MS });
  const between = await engine.runs.get(run);
  await play({ run });

  expect(between?.state).toBe('waiting');
  expect((await engine.runs.get(run))?.state).toBe('succeeded');
  expect(clock.now().getTime()).toBe(START + 2 * HOUR_MS);
});

it('makes runs of a schedule at its instants, and leaves out those that find one under way', async () => {
  const began: string[] = [];
  const schedule = { cron: '0 22 * * *', zone: 'UTC', overlap: 'skip', catchUp: 'none' } as const;
  const { engine, play } = await open(
    async (ctx) => {
      await ctx.step('begin', { effect: 'read' }, async ({ now }) => void began.push(now().toISOString()));
      await ctx.sleep('a day and more', 30 * HOUR_MS);
    },
    [{ ...schedule, job: 'try', options: {}, acting: true }],
  );

  await play({ upTo: START + 4 * 24 * HOUR_MS });

  const ledger = await engine.cron.ledger();
  expect(began).toEqual(['2026-11-24T22:00:00.000Z', '2026-11-26T22:00:00.000Z']);
  expect(ledger.map(({ at, leftOut }) => [at, leftOut?.split(':')[0]])).toEqual([
    ['2026-11-27T22:00:00.000Z', 'skipped'],
    ['2026-11-26T22:00:00.000Z', undefined],
    ['2026-11-25T22:00:00.000Z', 'skipped'],
    ['2026-11-24T22:00:00.000Z', undefined],
  ]);
});

it('gives up when it is called off', async () => {
  const { engine, play } = await open((ctx) => ctx.sleep('a year', 8760 * HOUR_MS));
  await engine.create({ job: 'try', ...CLI });

  await expect(play({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
});
