import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import type { Json } from '../../src/engine/job.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { CLI, type Context, jobOf, KIM } from './support/jobs.ts';

type Run = (ctx: Context) => Promise<Json | void>;

let house: House;
let did: string[];

beforeEach(async () => {
  house = await openHouse();
  did = [];
});
afterEach(() => house.close());

async function daemonFor(jobs: Record<string, Run>): Promise<Engine> {
  const registered = Object.fromEntries(Object.entries(jobs).map(([name, run]) => [name, jobOf(run)]));
  const { engine } = await house.engine(registered);
  await engine.start();
  return engine;
}

function inState(engine: Engine, id: string, state: string) {
  return eventually(`${id} to be ${state}`, async () => {
    const run = await engine.runs.get(id);
    return run?.state === state && run;
  });
}

describe('a run that waits', () => {
  it('holds no worker between two looks, and goes on with what it saw', async () => {
    let open = false;
    const engine = await daemonFor({
      try: async (ctx) => {
        const seen = await ctx.waitUntil(
          'door',
          { why: 'the door to open', withinMs: 60_000, everyMs: 50 },
          () => {
            did.push('looked');
            return Promise.resolve(open ? 'open' : undefined);
          },
        );
        await ctx.step('after', { effect: 'read' }, async () => void did.push(seen));
      },
    });
    const id = await engine.create({ job: 'try', ...CLI });

    const parked = await inState(engine, id, 'waiting');
    const untilMs = Date.parse(parked.waiting?.until ?? '') - Date.parse(parked.waiting?.since ?? '');
    await eventually('a second look', () => Promise.resolve(did.length > 1));
    open = true;
    await inState(engine, id, 'succeeded');

    expect(parked.waiting?.for).toBe('the door to open');
    expect(untilMs).toBe(60_000);
    expect(did.at(-1)).toBe('open');
  });

  it('fails when its time is over, saying what it waited for', async () => {
    const engine = await daemonFor({
      try: async (ctx) => {
        await ctx.waitUntil('door', { why: 'the door to open', withinMs: 30, everyMs: 10 }, () =>
          Promise.resolve(undefined),
        );
      },
    });
    const id = await engine.create({ job: 'try', ...CLI });

    const run = await inState(engine, id, 'failed');

    expect(run.error).toContain('waited in vain for the door to open');
  });

  it('counts a look that may pass as one that saw nothing, and one that will not as the end', async () => {
    let failure = Object.assign(new Error('busy'), { retryable: true });
    const engine = await daemonFor({
      try: async (ctx) => {
        await ctx.waitUntil('door', { why: 'x', withinMs: 60_000, everyMs: 10 }, () => {
          did.push('looked');
          return Promise.reject(failure);
        });
      },
    });
    const id = await engine.create({ job: 'try', ...CLI });
    await eventually('some looks', () => Promise.resolve(did.length > 2));

    failure = Object.assign(new Error('no such door'), { retryable: false });
    const run = await inState(engine, id, 'failed');

    expect(run.error).toContain('no such door');
  });

  it('ends when it is cancelled', async () => {
    const engine = await daemonFor({ try: (ctx) => ctx.sleep('night', 3_600_000) });
    const id = await engine.create({ job: 'try', ...CLI });
    await inState(engine, id, 'waiting');

    await engine.acts.cancel(id, KIM);

    await inState(engine, id, 'cancelled');
  });

  it('sleeps its time and no second time after a take-over', async () => {
    const engine = await daemonFor({
      try: async (ctx) => {
        await ctx.sleep('nap', 60);
        await ctx.step('after', { effect: 'read' }, async () => void did.push('awake'));
      },
    });
    const id = await engine.create({ job: 'try', ...CLI });

    await inState(engine, id, 'succeeded');

    expect(did).toEqual(['awake']);
  });
});

describe('an approval', () => {
  const asks: Run = async (ctx) => {
    const { answer, by } = await ctx.approval('go', {
      question: 'Shall it go on?',
      withinMs: 60_000,
      otherwise: 'no',
    });
    did.push(`${answer} by ${by}`);
  };

  it('is waited for, and the first answer holds', async () => {
    const engine = await daemonFor({ try: asks });
    const id = await engine.create({ job: 'try', ...CLI });
    await inState(engine, id, 'waiting');

    await engine.acts.approve(id, { key: 'go', answer: 'yes', ...KIM });
    const second = await engine.acts.approve(id, { key: 'go', answer: 'no', by: 'lee', why: 'rather not' });
    await inState(engine, id, 'succeeded');

    expect(second.by).toBe('kim');
    expect(did.at(-1)).toBe('yes by kim');
  });

  it('may be given before it is asked, even before there is the run', async () => {
    const engine = await daemonFor({ try: asks });

    await engine.acts.approve('try~20261124T030000Z', { key: 'go', answer: 'yes', ...KIM });
    await engine.create({ job: 'try', ...CLI, id: 'try~20261124T030000Z' });
    await inState(engine, 'try~20261124T030000Z', 'succeeded');

    expect(did).toEqual(['yes by kim']);
  });

  it('takes its default when the time is over', async () => {
    const engine = await daemonFor({
      try: async (ctx) => {
        const { answer, by } = await ctx.approval('go', { question: 'Well?', withinMs: 20, otherwise: 'no' });
        did.push(`${answer} by ${by}`);
      },
    });
    const id = await engine.create({ job: 'try', ...CLI });

    await inState(engine, id, 'succeeded');

    expect(did.at(-1)).toBe('no by nobody');
  });
});

describe('what a run is about to wait for', () => {
  /** An engine that parks a run of `job` only after `meanwhile`. */
  async function lateToPark(
    jobs: Record<string, Run>,
    job: string,
    meanwhile: (engine: Engine) => Promise<unknown>,
  ) {
    const registered = Object.fromEntries(Object.entries(jobs).map(([name, run]) => [name, jobOf(run)]));
    let late = true;
    const { engine } = await house.engine(registered, {
      around: (call) => async (name, args, blob) => {
        if (late && name === 'park' && 'run' in args && /^[^~]*~[^~]*$/.test(String(args.run))) {
          late = false;
          await meanwhile(engine);
        }
        return call(name, args, blob);
      },
    });
    await engine.start();
    return engine.create({ job, ...CLI }).then((id) => ({ engine, id }));
  }

  it('is not missed when it is the end of a child', async () => {
    const jobs = {
      parent: async (ctx: Context) => (await ctx.call('hv07', 'child', {})).state,
      child: () => Promise.resolve(),
    };
    const { engine, id } = await lateToPark(jobs, 'parent', (engine) =>
      eventually('the child to end', async () => {
        const [child] = await engine.runs.list({ job: 'child' });
        return child?.state === 'succeeded';
      }),
    );

    expect((await inState(engine, id, 'succeeded')).result).toBe('succeeded');
  });

  it('is not missed when it is an answer', async () => {
    const jobs = {
      asks: async (ctx: Context) =>
        (await ctx.approval('go', { question: 'Go on?', withinMs: 60_000, otherwise: 'no' })).answer,
    };
    const { engine, id } = await lateToPark(jobs, 'asks', async (engine) => {
      const [run] = await engine.runs.list({ job: 'asks' });
      await engine.acts.approve(run?.id ?? '', { key: 'go', answer: 'yes', ...KIM });
    });

    expect((await inState(engine, id, 'succeeded')).result).toBe('yes');
  });
});

describe('a subject that a run has in hand', () => {
  it('is known with that run and those that wait for it, until the run has ended', async () => {
    let over = false;
    const hold = async (ctx: Context) => {
      await ctx.lease('thing x', 'mends it');
      ctx.note({ subject: 'thing x', verdict: 'waits', why: 'not mended yet' });
      const wait = { why: 'its end', withinMs: 60_000, everyMs: 20 };
      await ctx.waitUntil('end', wait, () => Promise.resolve(over || undefined));
    };
    const engine = await daemonFor({ one: hold, two: hold });
    const first = await engine.create({ job: 'one', ...CLI });
    await inState(engine, first, 'waiting');
    const second = await engine.create({ job: 'two', ...CLI });
    await inState(engine, second, 'waiting');

    const turn = { why: 'mends it', since: expect.stringMatching(/^\d{4}-.*Z$/) };
    expect(await engine.runs.why('thing x')).toMatchObject({
      run: first,
      held: { run: first, ...turn },
      queue: [{ run: second, ...turn }],
    });

    over = true;
    await inState(engine, first, 'succeeded');
    await inState(engine, second, 'succeeded');
    const after = await engine.runs.why('thing x');
    expect([after?.run, after?.held, after?.queue]).toEqual([second, undefined, []]);
  });
});

describe('a lease that a run has given up', () => {
  it('is not taken again by a replay, so that it does not wait for who has it now', async () => {
    let open = false;
    const engine = await daemonFor({
      passes: async (ctx) => {
        for (const round of [1, 2]) {
          await ctx.lease('desk', 'writes');
          await ctx.step(
            `write ${round}`,
            { effect: 'idempotent' },
            async () => void did.push(`wrote ${round}`),
          );
          await ctx.release('desk');
        }
        const wait = { why: 'the door to open', withinMs: 60_000, everyMs: 20 };
        await ctx.waitUntil('door', wait, () => Promise.resolve(open || undefined));
      },
      sits: async (ctx) => {
        await ctx.lease('desk', 'reads');
        const wait = { why: 'its end', withinMs: 60_000, everyMs: 20 };
        await ctx.waitUntil('end', wait, () => Promise.resolve(undefined));
      },
    });
    const id = await engine.create({ job: 'passes', ...CLI });
    await inState(engine, id, 'waiting');
    const other = await engine.create({ job: 'sits', ...CLI });
    await inState(engine, other, 'waiting');

    open = true;
    await inState(engine, id, 'succeeded');

    expect(did).toEqual(['wrote 1', 'wrote 2']);
    expect((await engine.runs.get(other))?.waiting?.for).toBe('its end');
  });

  it('is asked for again by two who pass it many times in turn, and both come to their end', async () => {
    const engine = await daemonFor({
      passes: async (ctx) => {
        for (let round = 1; round <= 4; round += 1) {
          await ctx.lease('desk', 'writes');
          await ctx.step(`write ${round}`, { effect: 'idempotent' }, async () => void did.push(`${round}`));
          await ctx.release('desk');
          await ctx.sleep(`after ${round}`, 1);
        }
      },
    });
    const ids = [
      await engine.create({ job: 'passes', ...CLI }),
      await engine.create({ job: 'passes', ...CLI }),
    ];

    for (const id of ids) await inState(engine, id, 'succeeded');

    expect(did.toSorted()).toEqual(['1', '1', '2', '2', '3', '3', '4', '4']);
  });
});

describe('an answer that a person gave to one run', () => {
  it('can be read by another, and is none to it', async () => {
    const engine = await daemonFor({
      one: async () => 'asks nothing',
      two: async (ctx) =>
        ctx.step('read', { effect: 'read' }, async ({ answer }) => [
          (await answer('go')) ?? null,
          (await answer('go', 'one~20261124T030000Z')) ?? null,
        ]),
    });
    await engine.create({ job: 'one', id: 'one~20261124T030000Z', ...CLI });
    await engine.acts.approve('one~20261124T030000Z', { key: 'go', answer: 'no', ...KIM });

    const id = await engine.create({ job: 'two', ...CLI });

    expect((await inState(engine, id, 'succeeded')).result).toEqual([null, { answer: 'no', ...KIM }]);
  });
});

describe('a child run', () => {
  it('is made once and waited for; its parent holds no worker meanwhile', async () => {
    let release = false;
    const engine = await daemonFor({
      parent: async (ctx) => {
        const end = await ctx.call('hv07', 'child', {});
        await ctx.step('after', { effect: 'read' }, async () => void did.push(`${end.id} ${end.state}`));
      },
      child: async (ctx) => {
        await ctx.waitUntil('it', { why: 'its turn', withinMs: 60_000, everyMs: 20 }, () =>
          Promise.resolve(release || undefined),
        );
      },
    });
    const id = await engine.create({ job: 'parent', ...CLI });
    const child = `${id}~hv07`;
    const parent = await inState(engine, id, 'waiting');
    await inState(engine, child, 'waiting');

    release = true;
    await inState(engine, id, 'succeeded');

    expect(parent.waiting?.for).toBe(`${child} to end`);
    expect((await engine.runs.get(child))?.parent).toBe(id);
    expect(did).toEqual([`${child} succeeded`]);
  });

  it('hands what it returned to the run that waits for it', async () => {
    const engine = await daemonFor({
      parent: async (ctx) => (await ctx.call('hv07', 'child', {})).result,
      child: () => Promise.resolve({ verdict: 'done', drainMs: 12 }),
    });
    const id = await engine.create({ job: 'parent', ...CLI });

    const { result } = await inState(engine, id, 'succeeded');

    expect(result).toEqual({ verdict: 'done', drainMs: 12 });
  });

  it('fails when it returns more than a run may', async () => {
    const engine = await daemonFor({ job: () => Promise.resolve('x'.repeat(70_000)) });
    const id = await engine.create({ job: 'job', ...CLI });

    const { error } = await inState(engine, id, 'failed');

    expect(error).toBe('a job may return 65536 bytes, and this one returned 70002');
  });

  it('outlives a parent that only started it, and is cancelled with one that waits for it', async () => {
    const engine = await daemonFor({
      starts: async (ctx) => void (await ctx.start('hv01', 'child', {})),
      calls: async (ctx) => void (await ctx.call('hv02', 'child', {})),
      child: (ctx) => ctx.sleep('long', 3_600_000),
    });
    const starter = await engine.create({ job: 'starts', ...CLI });
    const caller = await engine.create({ job: 'calls', ...CLI });
    await inState(engine, starter, 'succeeded');
    await inState(engine, `${starter}~hv01`, 'waiting');
    await inState(engine, `${caller}~hv02`, 'waiting');

    await engine.acts.cancel(caller, KIM);

    await inState(engine, `${caller}~hv02`, 'cancelled');
    await inState(engine, caller, 'succeeded');
    expect((await engine.runs.get(`${starter}~hv01`))?.state).toBe('waiting');
  });
});

describe('a slot', () => {
  it('is given up when its run parks, and has to be had again', async () => {
    const go = new Set<string>();
    const engine = await daemonFor({
      try: async (ctx) => {
        const { name = '' } = ctx.options as { name?: string };
        await ctx.slot('drain', 1, 'drains');
        await ctx.step('begin', { effect: 'read' }, async () => void did.push(`${name} begins`));
        await ctx.waitUntil('go', { why: 'its signal', withinMs: 60_000, everyMs: 20 }, () =>
          Promise.resolve(go.has(name) || undefined),
        );
        await ctx.step('end', { effect: 'read' }, async () => void did.push(`${name} ends`));
      },
    });
    const first = await engine.create({ job: 'try', ...CLI, options: { name: 'a' } });
    await inState(engine, first, 'waiting');
    const second = await engine.create({ job: 'try', ...CLI, options: { name: 'b' } });
    await eventually('b to begin', () => Promise.resolve(did.includes('b begins')));

    go.add('b');
    await inState(engine, second, 'succeeded');
    go.add('a');
    await inState(engine, first, 'succeeded');

    expect(did).toEqual(['a begins', 'b begins', 'b ends', 'a ends']);
  });

  it('is never had by more than its places at once', async () => {
    let inside = 0;
    let most = 0;
    const engine = await daemonFor({
      try: async (ctx) => {
        await ctx.slot('drain', 2, 'drains');
        await ctx.step('work', { effect: 'read' }, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setTimeout(resolve, 20));
          inside -= 1;
        });
      },
    });
    const ids = await Promise.all(Array.from({ length: 8 }, () => engine.create({ job: 'try', ...CLI })));

    await Promise.all(ids.map((id) => inState(engine, id, 'succeeded')));

    expect(most).toBe(2);
  });
});

it('quarantines a run whose owners are lost one after the other with nothing done between', async () => {
  const jobs = { try: jobOf((ctx) => ctx.step('poison', { effect: 'idempotent' }, async () => {})) };
  const doomed = await Promise.all(
    Array.from({ length: 4 }, () =>
      house.engine(jobs, { deathAt: ({ when, script }) => when === 'after' && script === 'begin' }),
    ),
  );
  const { engine } = await house.engine(jobs);
  const id = await engine.create({ job: 'try', ...CLI });
  for (const { engine: owner, died } of doomed) {
    void eventually('the claim', async () => (await owner.work(id)) !== 'refused').catch(() => {});
    await died;
  }

  await eventually('the quarantine', async () => {
    await engine.work(id);
    return (await engine.runs.get(id))?.state === 'quarantined';
  });

  expect((await engine.runs.get(id))?.error).toContain('4 owners were lost');
});
