import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import type { Call } from '../../src/engine/scripts.ts';
import { eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { CLI, type Context, gate, jobOf, KIM, until } from './support/jobs.ts';

type Run = (ctx: Context) => Promise<void>;

let house: House;
let redis: Redis;
let did: string[];

beforeEach(async () => {
  house = await openHouse();
  redis = house.redis.connect();
  did = [];
});
afterEach(async () => {
  redis.disconnect();
  await house.close();
});

async function engineFor(run: Run, options: { timeoutMs?: number; around?: (call: Call) => Call } = {}) {
  const { timeoutMs, ...others } = options;
  const test: TestEngine<object> = await house.engine({ try: jobOf(run, timeoutMs) }, others);
  return test.engine;
}

function create(engine: Engine, name?: string): Promise<string> {
  return engine.create({ job: 'try', ...CLI, options: name === undefined ? {} : { name } });
}

async function stateOf(engine: Engine, id: string): Promise<string | undefined> {
  return (await engine.runs.get(id))?.state;
}

async function inState(engine: Engine, id: string, state: string): Promise<void> {
  await eventually(`${id} to be ${state}`, async () => (await stateOf(engine, id)) === state);
}

/** A step that says when it began and goes on when it is let. */
function held(begun: () => void, go: Promise<void>) {
  return async () => {
    begun();
    await go;
  };
}

describe('a lease', () => {
  it.each([
    { holder: 'ends', away: undefined },
    { holder: 'is cancelled', away: (engine: Engine, id: string) => engine.acts.cancel(id, KIM) },
    { holder: 'is killed', away: (engine: Engine, id: string) => engine.acts.kill(id, KIM) },
    { holder: 'gives it up early', away: undefined },
  ])('goes to whoever asked first when its holder $holder', async ({ holder, away }) => {
    const holding = gate();
    const leave = gate();
    const after = gate();
    const engine = await engineFor(async (ctx) => {
      const { name = '' } = ctx.options;
      await ctx.lease('hypervisor hv1', `${name} drains it`);
      did.push(`${name} has it`);
      if (name !== 'first') return;
      await ctx.step('work', { effect: 'idempotent', disruptive: true }, async ({ revoked, signal }) => {
        holding.open();
        await Promise.race([leave.passed, until(revoked), until(signal)]);
      });
      if (holder !== 'gives it up early') return;
      await ctx.release('hypervisor hv1');
      await ctx.step('rest', { effect: 'read' }, () => after.passed);
    });
    await engine.start();
    const first = await create(engine, 'first');
    await holding.passed;
    const second = await create(engine, 'second');
    await inState(engine, second, 'waiting');
    const third = await create(engine, 'third');
    await inState(engine, third, 'waiting');
    expect((await engine.runs.get(third))?.waiting?.for).toBe(
      `"hypervisor hv1", which ${first} has (first drains it)`,
    );

    if (away === undefined) leave.open();
    else await away(engine, first);

    await inState(engine, third, 'succeeded');
    expect(did).toEqual(['first has it', 'second has it', 'third has it']);
    expect(await stateOf(engine, second)).toBe('succeeded');
    after.open();
    await eventually(
      'nobody to hold it',
      async () => (await redis.exists('{nightshift}:lease:hypervisor hv1')) === 0,
    );
  });

  it('is not waited for by the run that has it, nor by a dry run', async () => {
    const engine = await engineFor(async (ctx) => {
      await ctx.lease('fleet', 'once');
      await ctx.lease('fleet', 'twice');
      await ctx.step('inside', { effect: 'read' }, async () => {
        if (!ctx.acting) return;
        const dry = await engine.create({ job: 'try', ...CLI, acting: false });
        did.push(`dry run ${await engine.work(dry)}`);
      });
    });
    const id = await create(engine);

    expect(await engine.work(id)).toBe('succeeded');
    expect(did).toEqual(['dry run succeeded']);
  });

  it('stays with a run whose owner died, and is there when the run goes on', async () => {
    const run: Run = async (ctx) => {
      await ctx.lease('fleet', 'mine');
      await ctx.step('work', { effect: 'idempotent' }, async () => void did.push(ctx.runId));
    };
    const first = await house.engine(
      { try: jobOf(run) },
      { deathAt: ({ when, script }) => when === 'before' && script === 'finish' },
    );
    const engine = await engineFor(run);
    const dead = await first.engine.create({ job: 'try', ...CLI });
    void first.engine.work(dead);
    await first.died;
    const other = await create(engine);

    expect(await engine.work(other)).toBe('waiting');
    await eventually('the take-over', async () => (await engine.work(dead)) === 'succeeded');
    expect(await engine.work(other)).toBe('succeeded');
    expect(did).toEqual([dead, dead, other]);
  });

  it('holds up one branch of a run only; the run parks when the other has nothing more to do', async () => {
    const release = gate();
    const working = gate();
    const finish = gate();
    const engine = await engineFor(async (ctx) => {
      if (ctx.options.name === 'holder') {
        await ctx.lease('hv1', 'held');
        await ctx.step('hold', { effect: 'read' }, held(working.open, release.passed));
        return;
      }
      await Promise.all([
        ctx.lease('hv1', 'wanted').then(() => did.push('has hv1')),
        ctx
          .step('one', { effect: 'idempotent' }, async () => void did.push('one'))
          .then(() => ctx.step('two', { effect: 'idempotent' }, () => finish.passed))
          .then(() => did.push('two')),
      ]);
    });
    const holder = await create(engine, 'holder');
    const holding = engine.work(holder);
    await working.passed;
    const id = await create(engine);
    const first = engine.work(id);
    await eventually('step two', async () => (await engine.runs.get(id))?.steps.length === 2);
    expect(await stateOf(engine, id)).toBe('running');
    finish.open();

    expect(await first).toBe('waiting');
    expect(did).toEqual(['one', 'two']);

    release.open();
    await holding;
    expect(await engine.work(id)).toBe('succeeded');
    expect(did.toSorted()).toEqual(['has hv1', 'one', 'two', 'two']);
  });

  it('that comes free while another branch still works is not slept through', async () => {
    const finish = gate();
    const working = gate();
    const engine = await engineFor(async (ctx) => {
      const { name } = ctx.options;
      if (name !== undefined) {
        await ctx.lease(name, 'held');
        await ctx.step('hold', { effect: 'once' }, () => new Promise<void>(() => {}));
      }
      await Promise.all([
        ctx.lease('hv1', 'wanted').then(() => did.push('has hv1')),
        ctx.lease('hv2', 'wanted').then(() => did.push('has hv2')),
        ctx.step('work', { effect: 'idempotent' }, held(working.open, finish.passed)),
      ]);
    });
    const holders = [await create(engine, 'hv1'), await create(engine, 'hv2')] as const;
    for (const holder of holders) void engine.work(holder);
    await eventually(
      'both held',
      async () => (await redis.exists('{nightshift}:lease:hv1', '{nightshift}:lease:hv2')) === 2,
    );
    const id = await create(engine);
    const first = engine.work(id);
    await working.passed;
    await eventually('both wanted', async () => (await redis.zcard('{nightshift}:lease:hv2:queue')) === 1);
    await engine.acts.kill(holders[1], KIM);
    finish.open();

    expect(await first).toBe('queued');
    expect(await engine.work(id)).toBe('waiting');
    expect(did).toEqual(['has hv2']);
    await engine.acts.kill(holders[0], KIM);
    expect(await engine.work(id)).toBe('succeeded');
  });

  it('is no longer queued for by a run that is cancelled, which puts back what it holds', async () => {
    const stay = gate();
    const holding = gate();
    const engine = await engineFor(async (ctx) => {
      if (ctx.options.name === 'holder') {
        await ctx.lease('hv1', 'held');
        await ctx.step('hold', { effect: 'read' }, held(holding.open, stay.passed));
        return;
      }
      try {
        await ctx.lease('hv1', 'wanted');
      } finally {
        await ctx.step('put back', { effect: 'idempotent' }, async () => void did.push('put back'));
      }
    });
    const holder = engine.work(await create(engine, 'holder'));
    await holding.passed;
    const id = await create(engine);
    expect(await engine.work(id)).toBe('waiting');

    await engine.acts.cancel(id, KIM);
    expect(await engine.work(id)).toBe('cancelled');

    expect(did).toEqual(['put back']);
    expect(await redis.zcard('{nightshift}:lease:hv1:queue')).toBe(0);
    stay.open();
    expect(await holder).toBe('succeeded');
    expect(await redis.exists('{nightshift}:lease:hv1')).toBe(0);
  });
});

describe('a freeze', () => {
  it('holds back what disrupts and lets the rest go on, until the thaw', async () => {
    const engine = await engineFor(async (ctx) => {
      await ctx.step('put back', { effect: 'idempotent' }, async () => void did.push('put back'));
      await ctx.step(
        'disrupt',
        { effect: 'idempotent', disruptive: true },
        async () => void did.push('disrupted'),
      );
    });
    await engine.acts.setMode('freeze', { by: 'kim', why: 'a storm' });
    const id = await create(engine);

    expect(await engine.work(id)).toBe('waiting');
    expect(did).toEqual(['put back']);
    expect((await engine.runs.get(id))?.waiting?.for).toBe('the end of the freeze: kim: a storm');
    expect(await engine.acts.mode()).toMatchObject({ mode: 'freeze', why: 'kim: a storm' });

    await engine.acts.setMode('', KIM);
    expect(await engine.work(id)).toBe('succeeded');
    expect(did).toEqual(['put back', 'disrupted']);
  });
});

describe('a halt', () => {
  it('revokes what disrupts under way; after the thaw the world is asked how it ended', async () => {
    const under = gate();
    const engine = await engineFor(async (ctx) => {
      await ctx.step(
        'migrate',
        {
          effect: 'verify',
          disruptive: true,
          verify: async () => {
            did.push('asked');
            return { happened: 'no' };
          },
        },
        async ({ revoked, attempt }) => {
          did.push(`migrates, try ${attempt}`);
          under.open();
          if (attempt === 1) await until(revoked).finally(() => did.push('aborted'));
        },
      );
    });
    const id = await create(engine);
    const working = engine.work(id);
    await under.passed;

    await engine.acts.setMode('halt', KIM);

    expect(await working).toBe('waiting');
    expect((await engine.runs.get(id))?.waiting?.for).toContain('the end of the halt');
    expect(await engine.work(id)).toBe('refused');
    await engine.acts.setMode('', KIM);
    expect(await engine.work(id)).toBe('succeeded');
    expect(did).toEqual(['migrates, try 1', 'aborted', 'asked', 'migrates, try 2']);
  });

  it('leaves a `once` step alone, and what does not disrupt', async () => {
    const both = gate();
    let begun = 0;
    const go = gate();
    const step = async ({ revoked }: { revoked: AbortSignal }): Promise<void> => {
      begun += 1;
      if (begun === 2) both.open();
      await go.passed;
      did.push(revoked.aborted ? 'revoked' : 'left alone');
    };
    const engine = await engineFor(async (ctx) => {
      await Promise.all([
        ctx.step('reboot', { effect: 'once', disruptive: true }, step),
        ctx.step('uncordon', { effect: 'idempotent' }, step),
      ]);
    });
    const working = engine.work(await create(engine));
    await both.passed;

    await engine.acts.setMode('halt', KIM);
    const before = await renewals();
    await eventually('the halt to be heard', async () => (await renewals()) > before + 200);
    go.open();

    expect(await working).toBe('succeeded');
    expect(did).toEqual(['left alone', 'left alone']);
  });

  /** Grows by the time between renewals: the latest end of a lease. */
  async function renewals(): Promise<number> {
    const [, score = '0'] = await redis.zrange('{nightshift}:open', '0', '0', 'WITHSCORES');
    return Number(score);
  }
});

describe('a cancel', () => {
  it('ends a run that never began, at once', async () => {
    const engine = await engineFor(async () => void did.push('ran'));
    const id = await create(engine);

    expect(await engine.acts.cancel(id, KIM)).toBe('cancelled');

    expect(await engine.work(id)).toBe('refused');
    expect(did).toEqual([]);
    await expect(engine.acts.cancel(id, KIM)).rejects.toThrow('has ended already (cancelled)');
  });

  it('revokes what disrupts under way and refuses what would; what puts back goes on', async () => {
    const under = gate();
    const run: Run = async (ctx) => {
      try {
        await ctx.step('migrate', { effect: 'idempotent', disruptive: true }, async ({ revoked }) => {
          under.open();
          await until(revoked);
        });
      } catch (error) {
        did.push((error as Error).message);
        const next = ctx.step(
          'next',
          { effect: 'idempotent', disruptive: true },
          async () => void did.push('next'),
        );
        await next.catch((refusal: Error) => did.push(refusal.name));
        await ctx.step('uncordon', { effect: 'idempotent' }, async () => void did.push('uncordoned'));
        throw error;
      }
    };
    const engine = await engineFor(run);
    const other = await engineFor(run);
    const id = await create(engine);
    const working = engine.work(id);
    await under.passed;

    await other.acts.cancel(id, KIM);

    expect(await working).toBe('cancelled');
    expect(did).toEqual(['cancelled by kim: looked at it', 'Cancelled', 'uncordoned']);
    await expect(engine.acts.resume(id, KIM)).rejects.toThrow(
      'it was cancelled and has put back what it held',
    );
  });

  it('is not forgotten when it comes while the run parks', async () => {
    const parking = gate();
    const cancelled = gate();
    const around =
      (call: Call): Call =>
      async (name, args, blob) => {
        if (name === 'park') {
          parking.open();
          await cancelled.passed;
        }
        return call(name, args, blob);
      };
    const run: Run = async (ctx) => {
      await ctx.step('reboot', { effect: 'once' }, () => Promise.reject(new Error('the line went dead')));
    };
    const engine = await engineFor(run, { around });
    const other = await engineFor(run);
    const id = await create(engine);
    const working = engine.work(id);
    await parking.passed;
    await other.acts.cancel(id, KIM);
    cancelled.open();

    expect(await working).toBe('queued');
    expect(await other.work(id)).toBe('cancelled');
  });

  it('does not wait for the pause before another try', async () => {
    const tried = gate();
    const engine = await engineFor(async (ctx) => {
      const retry = { tries: 3, firstMs: 60_000, maxMs: 60_000 };
      await ctx.step('migrate', { effect: 'idempotent', disruptive: true, retry }, async () => {
        setImmediate(tried.open);
        throw Object.assign(new Error('the cloud is busy'), { retryable: true });
      });
    });
    const id = await create(engine);
    const working = engine.work(id);
    await tried.passed;

    await engine.acts.cancel(id, KIM);

    expect(await working).toBe('cancelled');
  });
});

describe('a kill', () => {
  it('ends a run whose owner hangs; the owner stops at its next word and writes nothing more', async () => {
    const under = gate();
    const thawed = gate();
    // The first owner's every word to Redis hangs from its first `finish` on, as if the process were frozen.
    let frozen = false;
    const around =
      (call: Call): Call =>
      async (name, args, blob) => {
        frozen ||= name === 'finish';
        if (frozen) {
          under.open();
          await thawed.passed;
        }
        return call(name, args, blob);
      };
    const run: Run = async (ctx) => {
      await ctx.step('one', { effect: 'idempotent' }, async () => void did.push('one'));
      ctx.note({ subject: 'thing', verdict: 'done', why: 'it says' });
      await ctx.step('two', { effect: 'idempotent' }, async () => void did.push('two'));
    };
    const owner = await engineFor(run, { around });
    const other = await engineFor(run);
    const id = await create(other);
    const working = owner.work(id);
    await under.passed;

    expect(await other.acts.kill(id, KIM)).toEqual(['one']);
    const killed = await other.runs.get(id);
    thawed.open();

    expect(await working).toBe('lost');
    expect(await other.runs.get(id)).toEqual(killed);
    expect(killed).toMatchObject({ state: 'cancelled', error: 'killed by kim: looked at it' });
    expect(did).toEqual(['one']);
    expect(house.logged.join('\n')).toContain('another owner');
  });

  it('leaves a run that can be resumed: the step under way is settled by its effect', async () => {
    const under = gate();
    const engine = await engineFor(async (ctx) => {
      await ctx.step('cordon', { effect: 'idempotent' }, async () => void did.push('cordoned'));
      await ctx.step(
        'migrate',
        {
          effect: 'verify',
          verify: async () => {
            did.push('asked');
            return { happened: 'yes', value: undefined };
          },
        },
        ({ signal }) => {
          did.push('migrates');
          under.open();
          return until(signal);
        },
      );
    });
    const id = await create(engine);
    const working = engine.work(id);
    await under.passed;
    expect(await engine.acts.kill(id, KIM)).toEqual(['migrate']);
    expect(await working).toBe('lost');

    await engine.acts.resume(id, KIM);

    expect(await engine.work(id)).toBe('succeeded');
    expect(did).toEqual(['cordoned', 'migrates', 'asked']);
    expect((await engine.runs.get(id))?.error).toBeUndefined();
  });
});

describe('a decision', () => {
  it('may come from any process; the run goes on wherever somebody works', async () => {
    const run: Run = async (ctx) => {
      await ctx.step('reboot', { effect: 'once' }, () => Promise.reject(new Error('the line went dead')));
      await ctx.step('after', { effect: 'read' }, async () => void did.push('after'));
    };
    const daemon = await engineFor(run);
    const desk = await engineFor(run);
    await daemon.start();
    const id = await create(desk);
    await inState(desk, id, 'needs-decision');

    await desk.acts.decide(id, { step: 'reboot', happened: 'yes', ...KIM });

    await inState(desk, id, 'succeeded');
    expect(did).toEqual(['after']);
  });

  it('does not bring a cancelled run back', async () => {
    const engine = await engineFor((ctx) =>
      ctx.step('reboot', { effect: 'once' }, () => Promise.reject(new Error('the line went dead'))),
    );
    const id = await create(engine);
    expect(await engine.work(id)).toBe('needs-decision');
    await engine.acts.cancel(id, KIM);
    expect(await engine.work(id)).toBe('cancelled');

    await expect(engine.acts.decide(id, { step: 'reboot', happened: 'yes', ...KIM })).rejects.toThrow(
      'has ended already (cancelled)',
    );
    expect(await stateOf(engine, id)).toBe('cancelled');
  });
});

describe('a deadline', () => {
  it('of a step is kept by another engine when the owner outlives it', async () => {
    const under = gate();
    const stuck = gate();
    const around =
      (call: Call): Call =>
      async (name, args, blob) => {
        if (name === 'finish') {
          under.open();
          await stuck.passed;
        }
        return call(name, args, blob);
      };
    const retry = { tries: 1, firstMs: 1, maxMs: 1 };
    const run: Run = async (ctx) => {
      await ctx.step('ask', { effect: 'read', timeoutMs: 50, retry }, async () => void did.push('asked'));
    };
    const owner = await engineFor(run, { around });
    const id = await create(owner);
    const working = owner.work(id);
    await under.passed;
    const other = await engineFor(run);
    await other.start();

    await inState(other, id, 'succeeded');
    stuck.open();

    expect(await working).toBe('lost');
    expect(did).toEqual(['asked', 'asked']);
    expect(await audited(id)).toContain('seize');
  });

  it('of a run revokes what disrupts and refuses more, and leaves time to put back', async () => {
    const engine = await engineFor(
      async (ctx) => {
        const options = { effect: 'idempotent', disruptive: true } as const;
        try {
          await ctx.step('migrate', options, ({ revoked }) => until(revoked));
        } finally {
          const next = ctx.step('next', options, async () => void did.push('next'));
          await next.catch((error: Error) => did.push(error.name));
          await ctx.step('put back', { effect: 'idempotent' }, async () => void did.push('put back'));
        }
      },
      { timeoutMs: 150 },
    );
    const id = await create(engine);

    expect(await engine.work(id)).toBe('failed');
    expect(did).toEqual(['Cancelled', 'put back']);
    expect((await engine.runs.get(id))?.error).toContain('the run took longer than it may');
  });

  it('of a run is kept by another engine when the owner outlives it or is gone', async () => {
    const under = gate();
    const run: Run = (ctx) =>
      ctx.step('hang', { effect: 'read' }, async () => {
        under.open();
        await new Promise<void>(() => {});
      });
    const owner = await engineFor(run, { timeoutMs: 100 });
    const id = await create(owner);
    const working = owner.work(id);
    await under.passed;
    const other = await engineFor(run);
    await other.start();

    await inState(other, id, 'failed');

    expect(await working).toBe('lost');
    expect((await other.runs.get(id))?.error).toBe('the run took longer than it may');
  });
});

describe('a word whose answer was lost', () => {
  /** As ioredis does: sent again, although it was carried out. */
  const twice =
    (call: Call): Call =>
    async (name, args, blob) => {
      if (name === 'kill' || name === 'cancel' || name === 'amend') await call(name, args, blob);
      return call(name, args, blob);
    };

  it('is confirmed: cancel, of a run that never began', async () => {
    const engine = await engineFor(async () => {}, { around: twice });
    const id = await create(engine);

    expect(await engine.acts.cancel(id, KIM)).toBe('cancelled');
    await expect(engine.acts.cancel(id, KIM)).rejects.toThrow('has ended already');
  });

  it('is confirmed: kill, with the steps that were under way, and resume', async () => {
    const under = gate();
    const engine = await engineFor(
      (ctx) =>
        ctx.step('hang', { effect: 'idempotent' }, async ({ signal, attempt }) => {
          if (attempt > 1) return;
          under.open();
          await until(signal);
        }),
      { around: twice },
    );
    const id = await create(engine);
    const working = engine.work(id);
    await under.passed;

    expect(await engine.acts.kill(id, KIM)).toEqual(['hang']);
    expect(await working).toBe('lost');
    await engine.acts.resume(id, KIM);

    expect((await engine.runs.get(id))?.resumes).toBe(1);
    expect(await engine.work(id)).toBe('succeeded');
  });
});

describe('a deadline that passes', () => {
  it('begins anew when a person resumes the run', async () => {
    let fails = true;
    const engine = await engineFor(
      (ctx) =>
        ctx.step('look', { effect: 'read' }, async () => {
          if (fails) throw new Error('no');
          await new Promise<void>(() => {});
        }),
      { timeoutMs: 500 },
    );
    const id = await create(engine);
    expect(await engine.work(id)).toBe('failed');
    fails = false;

    await engine.acts.resume(id, KIM);
    await engine.start();

    await inState(engine, id, 'failed');
    expect((await engine.runs.get(id))?.error).toBe('the run took longer than it may');
  });

  it('while everybody is busy leaves the run to whoever is free next, with time to put back', async () => {
    const busy = gate();
    const { engine } = await house.engine(
      {
        hold: jobOf((ctx) => ctx.lease('hv1', 'held').then(() => ctx.sleep('rest', 3_600_000))),
        want: jobOf(async (ctx) => {
          try {
            await ctx.lease('hv1', 'wanted');
          } finally {
            await ctx.step('put back', { effect: 'idempotent' }, async () => void did.push('put back'));
          }
        }, 300),
        block: jobOf((ctx) => ctx.step('work', { effect: 'read' }, () => busy.passed)),
      },
      { concurrency: 1 },
    );
    expect(await engine.work(await engine.create({ job: 'hold', ...CLI }))).toBe('waiting');
    const id = await engine.create({ job: 'want', ...CLI });
    expect(await engine.work(id)).toBe('waiting');
    const blocking = await engine.create({ job: 'block', ...CLI });
    await engine.start();
    await inState(engine, blocking, 'running');

    await eventually('the grace to be over', async () => {
      const expiredAt = await redis.hget(`{nightshift}:run:${id}`, 'expiredAt');
      return expiredAt !== null && Date.now() - Number(expiredAt) > 600;
    });
    expect(await stateOf(engine, id)).toBe('queued');
    busy.open();

    await inState(engine, id, 'failed');
    expect(did).toEqual(['put back']);
  });

  it('while the run waits wakes it, so that it puts back what it holds', async () => {
    const hold = jobOf(async (ctx) => {
      await ctx.lease('hv1', 'held');
      await ctx.step('hold', { effect: 'once' }, () => Promise.reject(new Error('the line went dead')));
    });
    const want = jobOf(async (ctx) => {
      try {
        await ctx.lease('hv1', 'wanted');
      } finally {
        await ctx.step('put back', { effect: 'idempotent' }, async () => void did.push('put back'));
      }
    }, 300);
    const { engine } = await house.engine({ hold, want });
    expect(await engine.work(await engine.create({ job: 'hold', ...CLI }))).toBe('needs-decision');
    const id = await engine.create({ job: 'want', ...CLI });
    expect(await engine.work(id)).toBe('waiting');

    await engine.start();

    await inState(engine, id, 'failed');
    expect(did).toEqual(['put back']);
    expect((await engine.runs.get(id))?.error).toContain('the run took longer than it may');
  });
});

describe('many runs made at once', () => {
  it('have a name each, however many a second makes', async () => {
    const engine = await engineFor(async () => {});
    // With four characters of chance, two of 700 in one second all but surely meet.
    const ids = await Promise.all(Array.from({ length: 700 }, () => create(engine)));

    expect(new Set(ids).size).toBe(700);
  });
});

describe('a run asked for twice at once', () => {
  it('is worked once, and the other asker is refused', async () => {
    const engine = await engineFor(async (ctx) => {
      await ctx.step('one', { effect: 'idempotent' }, async () => void did.push('one'));
    });
    const id = await create(engine);

    const both = await Promise.all([engine.work(id), engine.work(id)]);

    expect(both).toEqual(['succeeded', 'refused']);
    expect(did).toEqual(['one']);
  });
});

describe('a word that is sent again because its answer was lost', () => {
  it('changes nothing: the run ends, waits, is decided about and mails as if each were said once', async () => {
    const around =
      (call: Call): Call =>
      async (name, args, blob) => {
        await call(name, args, blob);
        return call(name, args, blob);
      };
    const engine = await engineFor(
      async (ctx) => {
        await ctx.lease('fleet', 'mine');
        await ctx.step('one', { effect: 'idempotent' }, async () => void did.push('one'));
        ctx.note({ subject: 'thing', verdict: 'done', why: 'it says' });
        await ctx.mail('report', { to: ['ops@example.org'], subject: 'x', text: '' });
        await ctx.step('reboot', { effect: 'once' }, () => Promise.reject(new Error('the line went dead')));
        await ctx.release('fleet');
        await ctx.step('two', { effect: 'once' }, async () => void did.push('two'));
      },
      { around },
    );
    const id = await create(engine);

    expect(await engine.work(id)).toBe('needs-decision');
    await engine.acts.decide(id, { step: 'reboot', happened: 'yes', ...KIM });
    expect(await engine.work(id)).toBe('succeeded');

    expect(did).toEqual(['one', 'two']);
    const run = await engine.runs.get(id);
    expect(run?.steps.map(({ key, tries }) => `${key} ${tries}`)).toEqual([
      'one 1',
      'mail report 1',
      'reboot 1',
      'two 1',
    ]);
    expect(await redis.hlen('{nightshift}:outbox')).toBe(1);
    expect(await redis.exists('{nightshift}:lease:fleet')).toBe(0);
  });
});

describe('a hand-over', () => {
  it('does not wait for a job that never returns from something that is no step', async () => {
    const stuck = gate();
    const engine = await engineFor(async (ctx) => {
      await ctx.step('one', { effect: 'read' }, async () => {});
      stuck.open();
      await new Promise<void>(() => {});
    });
    const working = engine.work(await create(engine));
    await stuck.passed;

    await engine.handOver();

    expect(await working).toBe('queued');
  });

  it('does not wait for the pause before another try', async () => {
    const tried = gate();
    const run: Run = async (ctx) => {
      const retry = { tries: 3, firstMs: 60_000, maxMs: 60_000 };
      await ctx.step('ask', { effect: 'read', retry }, async ({ attempt }) => {
        did.push(`try ${attempt}`);
        if (attempt > 1) return;
        setImmediate(tried.open);
        throw Object.assign(new Error('the cloud is busy'), { retryable: true });
      });
    };
    const leaving = await engineFor(run);
    const staying = await engineFor(run);
    const id = await create(leaving);
    const working = leaving.work(id);
    await tried.passed;

    await leaving.handOver();

    expect(await working).toBe('queued');
    expect(await staying.work(id)).toBe('succeeded');
    expect(did).toEqual(['try 1', 'try 2']);
  });

  it('stops a step that was just about to begin, and waits for a `once` step', async () => {
    const beginning = gate();
    const answered = gate();
    const around =
      (call: Call): Call =>
      async (name, args, blob) => {
        const answer = await call(name, args, blob);
        if (name !== 'begin' || !('key' in args) || args.key !== 'about to') return answer;
        beginning.open();
        await answered.passed;
        return answer;
      };
    const go = gate();
    const run: Run = async (ctx) => {
      await Promise.all([
        ctx.step('once', { effect: 'once' }, async () => {
          await go.passed;
          did.push('once');
        }),
        ctx.step('about to', { effect: 'idempotent' }, async () => void did.push('about to')),
      ]);
    };
    const leaving = await engineFor(run, { around });
    const staying = await engineFor(run);
    const id = await create(leaving);
    const working = leaving.work(id);
    await beginning.passed;
    const handedOver = leaving.handOver();
    await eventually('it to leave', async () => leaving.leaving);
    answered.open();
    go.open();
    await handedOver;

    expect(await working).toBe('queued');
    expect(did).toEqual(['once']);
    expect(await staying.work(id)).toBe('succeeded');
    expect(did).toEqual(['once', 'about to']);
  });

  it('does not wait longer than it may for a `once` step: nobody has seen how that ends', async () => {
    const under = gate();
    const run: Run = (ctx) =>
      ctx.step('reboot', { effect: 'once' }, async () => {
        under.open();
        await new Promise<void>(() => {});
      });
    const timings = { leaseMs: 300, renewMs: 75, reconcileMs: 100, graceMs: 200, drainMs: 100 };
    const { engine: leaving } = await house.engine({ try: jobOf(run) }, { timings });
    const staying = await engineFor(run);
    const id = await create(leaving);
    const working = leaving.work(id);
    await under.passed;

    await leaving.handOver();

    expect(await working).toBe('lost');
    await eventually('the take-over', async () => (await staying.work(id)) === 'needs-decision');
  });
});

describe('steps side by side', () => {
  it('keep their large results apart, also in a resumed run', async () => {
    const rows = (name: string): string[] => Array.from({ length: 10_000 }, (_, i) => `${name} row ${i}`);
    let broken = true;
    const engine = await engineFor(async (ctx) => {
      const read = (key: string): Promise<string[]> =>
        ctx.step(key, { effect: 'once' }, async () => rows(key));
      await ctx.step('early', { effect: 'read' }, async () => {});
      const failing = ctx.step('fails', { effect: 'read' }, async () => {
        if (broken) throw new Error('not yet');
      });
      const failed = await failing.then(
        () => undefined,
        (error: Error) => error,
      );
      await ctx.step('dropped', { effect: 'read' }, async () => {});
      const both = await Promise.all([read('a'), read('b')]);
      did.push(both.map(([first]) => first).join());
      if (failed !== undefined) throw failed;
      const more = await Promise.all([read('c'), read('d')]);
      did.push(more.map(([first]) => first).join());
      await ctx.step('stop', { effect: 'once' }, () => Promise.reject(new Error('look again')));
      did.push('all');
    });
    const id = await create(engine);
    expect(await engine.work(id)).toBe('failed');
    broken = false;
    await engine.acts.resume(id, KIM);
    expect(await engine.work(id)).toBe('needs-decision');

    await engine.acts.decide(id, { step: 'stop', happened: 'yes', ...KIM });

    expect(await engine.work(id)).toBe('succeeded');
    const seen = ['a row 0,b row 0', 'c row 0,d row 0'];
    expect(did).toEqual([seen[0], ...seen, ...seen, 'all']);
  });
});

describe('the audit', () => {
  it('keeps who asked for what, and why', async () => {
    const engine = await engineFor((ctx) =>
      ctx.step('reboot', { effect: 'once' }, () => Promise.reject(new Error('the line went dead'))),
    );
    const id = await create(engine);
    await engine.work(id);
    await engine.acts.decide(id, { step: 'reboot', happened: 'no', ...KIM });
    await engine.work(id);
    await engine.acts.kill(id, { by: 'lee', why: 'enough' });
    await engine.acts.setMode('halt', KIM);
    await engine.acts.setMode('', KIM);

    expect(await audited(id)).toEqual([
      'create',
      'claim',
      'needs-decision',
      'decide',
      'claim',
      'needs-decision',
      'kill',
    ]);
    expect(await audited('')).toEqual(['halt', 'thaw']);
    const entries = await redis.xrange('{nightshift}:audit', '-', '+');
    const kill = entries.find(([, fields]) => fields.includes('kill'))?.[1];
    expect(kill).toEqual(['run', id, 'act', 'kill', 'by', 'lee', 'why', 'killed by lee: enough']);
  });
});

/** What was done to a run, in order. */
async function audited(run: string): Promise<(string | undefined)[]> {
  const entries = await redis.xrange('{nightshift}:audit', '-', '+');
  return entries.filter(([, [, id]]) => id === run).map(([, fields]) => fields[3]);
}
