import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Outcome } from '../../src/engine/execution.ts';
import type { EngineContext, Job, StepOptions } from '../../src/engine/job.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';

/** A world whose effects can be counted and looked at, as a cloud's can. */
class World {
  readonly effects: string[] = [];
  readonly keys = new Set<string>();
  happened(what: string): boolean {
    return this.effects.includes(what);
  }
}

type Context = EngineContext<unknown> & { world: World };

function jobOf(run: (ctx: Context) => Promise<void>): Job<z.ZodType, { world: World }> {
  return { summary: 'Try something', options: z.strictObject({ n: z.int().optional() }), run };
}

const CLI = { options: {}, trigger: { kind: 'cli', by: 'kim' }, acting: true } as const;
const KIM = { by: 'kim', why: 'looked at it' };

describe('a run', () => {
  let house: House;
  let world: World;

  beforeEach(async () => {
    house = await openHouse();
    world = new World();
  });
  afterEach(() => house.close());

  async function engineFor(run: (ctx: Context) => Promise<void>, deathAt?: (point: DeathPoint) => boolean) {
    return house.engine(
      { try: jobOf(run) },
      { clients: { world }, ...(deathAt === undefined ? {} : { deathAt }) },
    );
  }

  it('does each step once, keeps what it said, and ends', async () => {
    const { engine } = await engineFor(async (ctx) => {
      const a = await ctx.step('first', { effect: 'read' }, () => Promise.resolve({ n: 1 }));
      await ctx.step(
        'second',
        { effect: 'idempotent' },
        async () => void ctx.world.effects.push(`got ${a.n}`),
      );
      ctx.note({ subject: 'thing x', verdict: 'done', why: 'it was due' });
      ctx.progress(1, 1, 'things');
    });

    const id = await engine.create({ job: 'try', ...CLI });
    const outcome = await engine.work(id);

    expect(outcome).toBe('succeeded');
    expect(world.effects).toEqual(['got 1']);
    const run = await engine.runs.get(id);
    expect(run?.steps.map(({ key, state, tries }) => `${key} ${state} ${tries}`)).toEqual([
      'first done 1',
      'second done 1',
    ]);
    expect(run?.progress).toEqual({ done: 1, total: 1, unit: 'things' });
    expect((await engine.runs.why('thing x'))?.note.why).toBe('it was due');
    expect(await engine.work(id)).toBe('refused');
  });

  describe('whose owner dies at a boundary of its step', () => {
    interface Case {
      readonly effect: 'read' | 'idempotent' | 'verify' | 'once' | 'once, verified';
      readonly at: 'before begin' | 'after begin' | 'before finish' | 'after finish';
      readonly outcome: Outcome;
      readonly effects: number;
    }
    const cases: Case[] = [
      { effect: 'read', at: 'before begin', outcome: 'succeeded', effects: 1 },
      { effect: 'read', at: 'after begin', outcome: 'succeeded', effects: 1 },
      { effect: 'read', at: 'before finish', outcome: 'succeeded', effects: 2 },
      { effect: 'read', at: 'after finish', outcome: 'succeeded', effects: 1 },
      { effect: 'idempotent', at: 'before begin', outcome: 'succeeded', effects: 1 },
      { effect: 'idempotent', at: 'after begin', outcome: 'succeeded', effects: 1 },
      { effect: 'idempotent', at: 'before finish', outcome: 'succeeded', effects: 2 },
      { effect: 'idempotent', at: 'after finish', outcome: 'succeeded', effects: 1 },
      { effect: 'verify', at: 'before begin', outcome: 'succeeded', effects: 1 },
      { effect: 'verify', at: 'after begin', outcome: 'succeeded', effects: 1 },
      { effect: 'verify', at: 'before finish', outcome: 'succeeded', effects: 1 },
      { effect: 'verify', at: 'after finish', outcome: 'succeeded', effects: 1 },
      { effect: 'once', at: 'before begin', outcome: 'succeeded', effects: 1 },
      { effect: 'once', at: 'after begin', outcome: 'needs-decision', effects: 0 },
      { effect: 'once', at: 'before finish', outcome: 'needs-decision', effects: 1 },
      { effect: 'once', at: 'after finish', outcome: 'succeeded', effects: 1 },
      { effect: 'once, verified', at: 'before begin', outcome: 'succeeded', effects: 1 },
      { effect: 'once, verified', at: 'after begin', outcome: 'needs-decision', effects: 0 },
      { effect: 'once, verified', at: 'before finish', outcome: 'succeeded', effects: 1 },
      { effect: 'once, verified', at: 'after finish', outcome: 'succeeded', effects: 1 },
    ];

    it.each(cases)('$effect, $at: $outcome, $effects effects', async ({ effect, at, outcome, effects }) => {
      const look: StepOptions<string>['verify'] = async () =>
        world.happened('acted') ? { happened: 'yes', value: 'acted' } : { happened: 'no' };
      const options: StepOptions<string> =
        effect === 'once, verified'
          ? { effect: 'once', verify: look }
          : effect === 'verify'
            ? { effect, verify: look }
            : { effect };
      const run = async (ctx: Context): Promise<void> => {
        const said = await ctx.step('act', options, async ({ idempotencyKey }) => {
          ctx.world.effects.push('acted');
          ctx.world.keys.add(idempotencyKey);
          return 'acted';
        });
        await ctx.step('after', { effect: 'read' }, async () => void ctx.world.keys.add(`after ${said}`));
      };
      const [when, script] = at.split(' ');
      const first = await engineFor(
        run,
        (point) => `${point.when} ${point.script} ${point.key}` === `${when} ${script} act`,
      );
      const second = await engineFor(run);

      const id = await first.engine.create({ job: 'try', ...CLI });
      void first.engine.work(id);
      await first.died;
      const ended = await eventually('the take-over', async () => {
        const worked = await second.engine.work(id);
        return worked !== 'refused' && worked;
      });

      expect(ended).toBe(outcome);
      expect(world.effects).toHaveLength(effects);
      const actKeys = [...world.keys].filter((key) => key.startsWith('try~'));
      expect(actKeys).toEqual(effects === 0 ? [] : [`${id}/act`]);
      expect(world.keys.has('after acted')).toBe(outcome === 'succeeded');
    });
  });

  describe('with a step whose outcome nobody saw', () => {
    async function parked(): Promise<{
      id: string;
      engine: Awaited<ReturnType<typeof engineFor>>['engine'];
    }> {
      const run = async (ctx: Context): Promise<void> => {
        const value = await ctx.step('reboot', { effect: 'once', disruptive: true }, async () => {
          ctx.world.effects.push('rebooted');
          return 'mine';
        });
        await ctx.step(
          'after',
          { effect: 'idempotent' },
          async () => void ctx.world.effects.push(`after ${value}`),
        );
      };
      const first = await engineFor(
        run,
        ({ when, script, key }) => when === 'before' && script === 'finish' && key === 'reboot',
      );
      const { engine } = await engineFor(run);
      const id = await first.engine.create({ job: 'try', ...CLI });
      void first.engine.work(id);
      await first.died;
      await eventually('parking', async () => (await engine.work(id)) === 'needs-decision');
      return { id, engine };
    }

    it.each([
      { happened: 'yes', effects: ['rebooted', 'after theirs'], outcome: 'succeeded' },
      { happened: 'no', effects: ['rebooted', 'rebooted', 'after mine'], outcome: 'succeeded' },
      { happened: 'failed', effects: ['rebooted'], outcome: 'failed' },
    ] as const)('goes on as a person decides: $happened', async ({ happened, effects, outcome }) => {
      const { id, engine } = await parked();

      await engine.acts.decide(id, { step: 'reboot', happened, value: 'theirs', ...KIM });
      const ended = await engine.work(id);

      expect(ended).toBe(outcome);
      expect(world.effects).toEqual(effects);
    });

    it('is not decided about another step, and not resumed without a decision', async () => {
      const { id, engine } = await parked();

      await expect(engine.acts.decide(id, { step: 'after', happened: 'yes', ...KIM })).rejects.toThrow(
        'what awaits a decision is "reboot"',
      );
      await expect(engine.acts.resume(id, KIM)).rejects.toThrow('step "reboot" needs a decision first');
      expect((await engine.runs.get(id))?.state).toBe('needs-decision');
    });

    it('ends when it is cancelled, without another reboot', async () => {
      const { id, engine } = await parked();

      await engine.acts.cancel(id, KIM);
      const ended = await engine.work(id);

      expect(ended).toBe('cancelled');
      expect(world.effects).toEqual(['rebooted']);
    });
  });

  describe('with steps that fail', () => {
    const QUICK = { tries: 3, firstMs: 1, maxMs: 2 };
    function failing(fields: object, times: number): (attempt: number) => void {
      return (attempt) => {
        if (attempt <= times) throw Object.assign(new Error('the cloud is busy'), fields);
      };
    }

    it.each([
      { error: 'one that says retryable', fields: { retryable: true }, tries: 3, outcome: 'succeeded' },
      { error: 'a network error', fields: { code: 'ECONNRESET' }, tries: 3, outcome: 'succeeded' },
      { error: 'one that says not retryable', fields: { retryable: false }, tries: 1, outcome: 'failed' },
      { error: 'one that says nothing', fields: {}, tries: 1, outcome: 'failed' },
    ])('tries again after $error: $tries tries', async ({ fields, tries, outcome }) => {
      const fail = failing(fields, 2);
      const { engine } = await engineFor((ctx) =>
        ctx.step('ask', { effect: 'idempotent', retry: QUICK }, async ({ attempt }) => fail(attempt)),
      );
      const id = await engine.create({ job: 'try', ...CLI });

      const ended = await engine.work(id);

      expect(ended).toBe(outcome);
      const [step] = (await engine.runs.get(id))?.steps ?? [];
      expect(step?.tries).toBe(tries);
    });

    it.each([
      { acting: true, tries: 5 },
      { acting: false, tries: 2 },
    ])('is tried $tries times where it does not say how often and acting is $acting', async (run) => {
      const { engine } = await engineFor((ctx) =>
        ctx.step('ask', { effect: 'read', retry: { firstMs: 1, maxMs: 2 } }, async ({ attempt }) =>
          failing({ retryable: true }, 9)(attempt),
        ),
      );
      const id = await engine.create({ job: 'try', ...CLI, acting: run.acting });

      await engine.work(id);

      const [step] = (await engine.runs.get(id))?.steps ?? [];
      expect(step?.tries).toBe(run.tries);
    });

    it('says what went wrong with a `once` step one time', async () => {
      const { engine } = await engineFor((ctx) =>
        ctx.step('reboot', { effect: 'once' }, () => Promise.reject(new Error('the line went dead'))),
      );
      const id = await engine.create({ job: 'try', ...CLI });

      expect(await engine.work(id)).toBe('needs-decision');

      const [step] = (await engine.runs.get(id))?.steps ?? [];
      expect(step).toMatchObject({ state: 'unknown', why: 'the line went dead' });
    });

    it('begins the evidence with what went wrong where asking the world did not help', async () => {
      const { engine } = await engineFor((ctx) =>
        ctx.step(
          'reboot',
          { effect: 'once', verify: async () => ({ happened: 'unclear', evidence: 'it is silent' }) },
          () => Promise.reject(new Error('the line went dead')),
        ),
      );
      const id = await engine.create({ job: 'try', ...CLI });

      await engine.work(id);

      const [step] = (await engine.runs.get(id))?.steps ?? [];
      expect(step?.why).toBe('the line went dead; it is silent');
    });

    it('fails again in a replay, with the same words, and leaves the job on the same way', async () => {
      const run = async (ctx: Context): Promise<void> => {
        const fails = ctx.step('move', { effect: 'idempotent' }, async () => {
          ctx.world.effects.push('tried');
          throw new Error('no valid host');
        });
        await fails.catch((error: Error) => ctx.world.effects.push(error.message));
        await ctx.step(
          'give back',
          { effect: 'idempotent' },
          async () => void ctx.world.effects.push('gave back'),
        );
      };
      const first = await engineFor(
        run,
        ({ when, script, key }) => when === 'before' && script === 'begin' && key === 'give back',
      );
      const { engine } = await engineFor(run);
      const id = await first.engine.create({ job: 'try', ...CLI });
      void first.engine.work(id);
      await first.died;

      await eventually('the end', async () => (await engine.work(id)) === 'succeeded');

      expect(world.effects).toEqual(['tried', 'no valid host', 'no valid host', 'gave back']);
    });

    it('is resumed at the step that failed; what was done before stays done, what came after is done anew', async () => {
      const { engine } = await engineFor(async (ctx) => {
        await ctx.step('first', { effect: 'idempotent' }, async () => void ctx.world.effects.push('first'));
        const proof = ctx.step('prove', { effect: 'read' }, async () => {
          ctx.world.effects.push('prove');
          if (!ctx.world.happened('repaired')) throw new Error('the kernel is the old one');
        });
        let failure: unknown;
        await proof.catch((error: unknown) => {
          failure = error;
        });
        await ctx.mail('report', { to: ['ops@example.org'], subject: failure ? 'failed' : 'fine', text: '' });
        if (failure) throw failure;
      });
      const id = await engine.create({ job: 'try', ...CLI });
      expect(await engine.work(id)).toBe('failed');

      world.effects.push('repaired');
      await engine.acts.resume(id, KIM);
      const ended = await engine.work(id);
      await engine.sendMails();

      expect(ended).toBe('succeeded');
      expect(world.effects).toEqual(['first', 'prove', 'repaired', 'prove']);
      expect(house.sent.map(({ subject }) => subject)).toEqual(['failed', 'fine']);
      expect(new Set(house.sent.map(({ messageId }) => messageId)).size).toBe(2);
      await expect(engine.acts.resume(id, KIM)).rejects.toThrow('it has succeeded');
    });

    it('sees through what its other branches have under way, and begins nothing more', async () => {
      const { engine } = await engineFor(async (ctx) => {
        const slow = ctx
          .step('slow', { effect: 'idempotent' }, async () => {
            await new Promise((resolve) => setTimeout(resolve, 50));
            ctx.world.effects.push('slow');
          })
          .then(() =>
            ctx.step('later', { effect: 'idempotent' }, async () => void ctx.world.effects.push('later')),
          );
        const fails = ctx.step('fails', { effect: 'read' }, () => Promise.reject(new Error('no')));
        await Promise.all([slow, fails]);
      });
      const id = await engine.create({ job: 'try', ...CLI });

      expect(await engine.work(id)).toBe('failed');

      expect(world.effects).toEqual(['slow']);
      const steps = (await engine.runs.get(id))?.steps.map(({ key, state }) => `${key} ${state}`);
      expect(steps).toEqual(['slow done', 'fails failed']);
    });

    it('keeps an error whose text was cut in the middle of a sign', async () => {
      const { engine } = await engineFor((ctx) =>
        ctx.step('cut', { effect: 'read' }, () => Promise.reject(new Error(`it said ${'🙂'.slice(0, 1)}`))),
      );
      const id = await engine.create({ job: 'try', ...CLI });

      expect(await engine.work(id)).toBe('failed');
      expect((await engine.runs.get(id))?.error).toContain('it said');
    });

    it('times a step out and tries again, although the function never listens', async () => {
      const { engine } = await engineFor((ctx) =>
        ctx.step('hang', { effect: 'read', timeoutMs: 20, retry: QUICK }, ({ attempt }) =>
          attempt < 2 ? new Promise<void>(() => {}) : Promise.resolve(),
        ),
      );
      const id = await engine.create({ job: 'try', ...CLI });

      expect(await engine.work(id)).toBe('succeeded');
    });

    it('does not know how a `once` step ended that timed out', async () => {
      const { engine } = await engineFor((ctx) =>
        ctx.step('hang', { effect: 'once', timeoutMs: 20 }, () => new Promise<void>(() => {})),
      );
      const id = await engine.create({ job: 'try', ...CLI });

      expect(await engine.work(id)).toBe('needs-decision');
      expect((await engine.runs.get(id))?.waiting?.for).toContain('"hang" took longer than 0.02 s');
    });
  });

  describe('whose job misuses the engine', () => {
    it.each([
      {
        fault: 'a key used twice',
        says: 'step "a" appears twice in one run',
        run: async (ctx: Context) => {
          await ctx.step('a', { effect: 'read' }, async () => {});
          await ctx.step('a', { effect: 'read' }, async () => {});
        },
      },
      {
        fault: 'verify without saying how',
        says: 'does not say how to verify it',
        run: async (ctx: Context) => {
          await ctx.step('a', { effect: 'verify' }, async () => {});
        },
      },
      {
        fault: 'a result of more than 16 MiB',
        says: 'is the most that a journal holds',
        run: async (ctx: Context) => {
          await ctx.step('a', { effect: 'read' }, async () => 'x'.repeat(17 * 1024 * 1024));
        },
      },
    ])('fails over $fault', async ({ says, run }) => {
      const { engine } = await engineFor(run);
      const id = await engine.create({ job: 'try', ...CLI });

      expect(await engine.work(id)).toBe('failed');
      expect((await engine.runs.get(id))?.error).toContain(says);
    });

    it('lets a dry run remember in a table, and tell operators, what a step has seen', async () => {
      const { engine } = await engineFor(async (ctx) => {
        await ctx.step('look', { effect: 'read' }, async (scope) => {
          scope.table('seen').set('hv1', 'up');
          scope.mail('seen', { to: ['ops@example.org'], subject: 'hv1 is up', text: 'hv1 is up' });
        });
      });

      await engine.work(await engine.create({ job: 'try', ...CLI, acting: false }));
      await engine.sendMails();

      const redis = house.redis.connect();
      expect(await redis.hgetall('{nightshift}:table:seen')).toEqual({ hv1: '"up"' });
      redis.disconnect();
      expect(house.sent.map(({ subject }) => subject)).toEqual(['hv1 is up']);
    });

    it('refuses every effect in a dry run, mails nobody and holds no lease', async () => {
      const { engine } = await engineFor(async (ctx) => {
        await ctx.lease('fleet', 'looking');
        await ctx.mail('report', { to: ['ops@example.org'], subject: 'x', text: '' });
        await ctx.step('read', { effect: 'read' }, async () => {});
        await ctx.step('act', { effect: 'idempotent' }, async () => void ctx.world.effects.push('acted'));
      });
      const id = await engine.create({ job: 'try', ...CLI, acting: false });

      expect(await engine.work(id)).toBe('failed');

      expect((await engine.runs.get(id))?.error).toBe('step "act" would change something in a dry run');
      expect(world.effects).toEqual([]);
      expect(await engine.sendMails()).toBe(0);
    });

    it('parks when another version of the job no longer asks for a step, or declares it otherwise', async () => {
      let version = 1;
      const { engine } = await engineFor(async (ctx) => {
        if (version < 3) await ctx.step('old', { effect: 'read', inputs: { version } }, async () => {});
        await ctx.step('stuck', { effect: 'once', timeoutMs: version === 1 ? 10 : 1000 }, () =>
          version === 1 ? new Promise<void>(() => {}) : Promise.resolve(),
        );
      });
      const id = await engine.create({ job: 'try', ...CLI });
      expect(await engine.work(id)).toBe('needs-decision');

      version = 2;
      await engine.acts.decide(id, { step: 'stuck', happened: 'yes', ...KIM });
      expect(await engine.work(id)).toBe('needs-decision');
      expect((await engine.runs.get(id))?.waiting?.for).toContain('"old" is declared otherwise');

      version = 3;
      await engine.acts.resume(id, KIM);
      expect(await engine.work(id)).toBe('needs-decision');
      expect((await engine.runs.get(id))?.waiting?.for).toContain('"old" was done by another version');
    });
  });

  it('keeps results over 64 KiB beside the journal, and notices when one was changed', async () => {
    const large = { rows: Array.from({ length: 20_000 }, (_, i) => `row ${i}`) };
    const run = async (ctx: Context): Promise<void> => {
      const plan = await ctx.step('plan', { effect: 'read' }, async () => {
        ctx.world.effects.push('planned');
        return large;
      });
      await ctx.step(
        'stop',
        { effect: 'once' },
        async () => void ctx.world.effects.push(String(plan.rows.length)),
      );
    };
    const first = await engineFor(
      run,
      ({ when, script, key }) => when === 'before' && script === 'begin' && key === 'stop',
    );
    const { engine } = await engineFor(run);
    const id = await first.engine.create({ job: 'try', ...CLI });
    void first.engine.work(id);
    await first.died;

    await eventually('the end', async () => (await engine.work(id)) === 'succeeded');

    expect(world.effects).toEqual(['planned', '20000']);
    const redis = house.redis.connect();
    expect(await redis.strlen(`{nightshift}:run:${id}:blob:0`)).toBeLessThan(200_000);
    redis.disconnect();
  });

  it('writes tables and mails together with the end of the step, or not at all', async () => {
    const run = async (ctx: Context): Promise<void> => {
      await ctx.step('remember', { effect: 'idempotent' }, async (scope) => {
        const table = scope.table('seen');
        const count = (await table.get<number>('hv1')) ?? 0;
        table.set('hv1', count + 1);
        ctx.world.effects.push(`sees ${await table.get<number>('hv1')}`);
        scope.mail('first', { to: ['alice@example.org'], subject: 'seen', text: '' });
      });
    };
    const first = await engineFor(run, ({ when, script }) => when === 'before' && script === 'finish');
    const { engine } = await engineFor(run);
    const id = await first.engine.create({ job: 'try', ...CLI });
    void first.engine.work(id);
    await first.died;
    await eventually('the end', async () => (await engine.work(id)) === 'succeeded');

    await engine.sendMails();

    expect(world.effects).toEqual(['sees 1', 'sees 1']);
    expect(house.sent.map(({ messageId }) => messageId)).toEqual([`<${id}.first@nightshift.test>`]);
    const redis = house.redis.connect();
    expect(await redis.hgetall('{nightshift}:table:seen')).toEqual({ hv1: '1' });
    redis.disconnect();
  });
});
