import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Effect, EngineContext, Job, Verdict } from '../../src/engine/job.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';

/** A world in which effects can be counted. */
interface World {
  effects: string[];
}

function job(
  run: (ctx: EngineContext<Record<string, never>> & { world: World }) => Promise<void>,
): Job<z.ZodType, { world: World }> {
  return { summary: 'Try something', options: z.strictObject({}), run: run as never };
}

describe('a run', () => {
  let house: House;
  let world: World;
  beforeEach(async () => {
    house = await openHouse();
    world = { effects: [] };
  });
  afterEach(() => house.close());

  const create = { options: {}, trigger: { kind: 'cli' }, acting: true } as const;

  it('does each step once and ends', async () => {
    const { engine } = await house.engine(
      {
        try: job(async (ctx) => {
          const a = await ctx.step('first', { effect: 'read' }, () => Promise.resolve({ n: 1 }));
          await ctx.step('second', { effect: 'idempotent' }, () =>
            Promise.resolve(void world.effects.push(`got ${a.n}`)),
          );
          ctx.note({ subject: 'thing x', verdict: 'done', why: 'it was due' });
        }),
      },
      { clients: { world } },
    );

    const id = await engine.create({ job: 'try', ...create });
    const outcome = await engine.work(id);

    expect(outcome).toBe('succeeded');
    expect(world.effects).toEqual(['got 1']);
    const run = await engine.runs.get(id);
    expect(run?.steps.map(({ key, state, tries }) => `${key} ${state} ${tries}`)).toEqual([
      'first done 1',
      'second done 1',
    ]);
    expect((await engine.runs.why('thing x'))?.note.why).toBe('it was due');
  });
});
