import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Job } from '../../src/engine/job.ts';
import { jobOf } from '../engine/support/jobs.ts';
import { eventually } from '../support/engine.ts';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;

const reboot: Job = {
  summary: 'Reboot hypervisors',
  options: z.object({ limit: z.int().positive().default(5), hosts: z.array(z.string()).optional() }),
  async run(ctx) {
    await ctx.step('plan', { effect: 'read' }, async () => ['hv03']);
    ctx.note({
      subject: 'hypervisor hv11',
      verdict: 'held',
      why: 'disabled by somebody else: "disk swap, ask Kim"',
    });
    ctx.progress(13, 14, 'hypervisors');
    ctx.report({ headline: '13 of 14', sheet: { columns: ['hypervisor', 'n'], rows: [['hv03', 1]] } });
  },
};

const campaign = jobOf(async (ctx) => {
  await ctx.start('hv03', 'quiet', {});
  await ctx.start('hv19', 'waits', {});
});
const waits = jobOf((ctx) =>
  ctx.waitUntil('rest', { why: '2 GPU servers to end', withinMs: 3_600_000 }, async () => undefined),
);

beforeAll(async () => {
  front = await openFront({
    jobs: {
      reboot,
      campaign,
      waits,
      quiet: jobOf(async () => {}),
      fails: jobOf(() => Promise.reject(new Error('no'))),
    },
    settings:
      'dryRun: false\njobs: { reboot: { armed: { aggregates: [canary] }, schedule: "30 22 * * *", options: { limit: 3 } } }',
  });
  await front.engine.start();
});

afterAll(() => front.close());

async function ended(id: unknown): Promise<Record<string, unknown>> {
  return eventually(`run ${String(id)} to end`, async () => {
    const { json } = await front.ask(`/api/v1/runs/${String(id)}`);
    return ['succeeded', 'failed'].includes(String(json.state)) && json;
  });
}

describe('starting a run', () => {
  it('answers with the run, says where it is found, and carries it out', async () => {
    const started = await front.post('/api/v1/jobs/reboot/runs', { options: { hosts: ['hv03'] }, go: true });

    expect(started.status).toBe(201);
    expect(started.headers.get('location')).toBe(`/api/v1/runs/${String(started.json.id)}`);
    expect(started.json).toMatchObject({
      job: 'reboot',
      trigger: { kind: 'http', by: 'kim' },
      options: { limit: 3, hosts: ['hv03'] },
      acting: true,
      definition: 'sha256:test',
    });

    const run = await ended(started.json.id);

    expect(run).toMatchObject({
      state: 'succeeded',
      progress: { done: 13, total: 14, unit: 'hypervisors' },
      notes: [{ subject: 'hypervisor hv11', verdict: 'held' }],
      report: { headline: '13 of 14', sheet: { columns: ['hypervisor', 'n'], rows: [['hv03', 1]] } },
      steps: [{ key: 'plan', state: 'done', effect: 'read', tries: 1 }],
      claims: 1,
      resumes: 0,
    });
    // What the engine knows of a run is what is told, to the last field.
    expect(run).toEqual(JSON.parse(JSON.stringify(await front.engine.runs.get(String(run.id)))));
  });

  it('shows what became of the runs that it started', async () => {
    const id = 'campaign~1';
    await front.engine.create({ job: 'campaign', options: {}, trigger: { kind: 'cli' }, acting: true, id });
    const run = await eventually('the children to be where they get', async () => {
      const { json } = await front.ask(`/api/v1/runs/${id}`, { token: READ });
      const states = (json.children as { state: string }[]).map(({ state }) => state);
      return states.join() === 'succeeded,waiting' && json;
    });

    const quiet = await front.engine.runs.get(`${id}~hv03`);
    const waiting = (await front.engine.runs.get(`${id}~hv19`))?.waiting;
    expect(run.children).toEqual([
      { id: `${id}~hv03`, state: 'succeeded', for: null, since: quiet?.endedAt, until: null },
      {
        id: `${id}~hv19`,
        state: 'waiting',
        for: '2 GPU servers to end',
        since: waiting?.since,
        until: new Date(Date.parse(waiting?.since ?? '') + 3_600_000).toISOString(),
      },
    ]);
  });

  it.each([
    ['with no body at all', undefined, {}],
    ['with an empty body', {}, {}],
    ['with options only', { options: { limit: 1 } }, { limit: 1 }],
  ])('%s is a dry run, and says how to act', async (_, body, options) => {
    const { status, json } = await front.post('/api/v1/jobs/reboot/runs', body);

    expect(status).toBe(201);
    expect(json).toMatchObject({
      acting: false,
      dryRunBecause: 'to act, send "go": true',
      options: { limit: 3, ...options },
    });
  });

  it('says why it does not act all the same', async () => {
    const { json } = await front.post('/api/v1/jobs/quiet/runs', { go: true });

    expect(json).toMatchObject({ acting: false, dryRunBecause: 'quiet is not armed' });
  });

  it.each([
    [
      'an option that the job does not have',
      'reboot',
      { options: { limt: 1 } },
      'options.limt: unknown option, did you mean `limit`?',
      ['options.limt'],
    ],
    [
      'several faults at once',
      'reboot',
      { options: { limit: 0, hosts: 'hv03' } },
      'options.limit: 0 is too small: more than 0; options.hosts: "hv03" is no list.',
      ['options.limit', 'options.hosts'],
    ],
    ['another word', 'reboot', { goo: true }, 'goo: unknown key, did you mean `go`?', ['goo']],
    ['a word for a yes', 'reboot', { go: 'yes' }, 'go: "yes" is neither true nor false.', ['go']],
    ['a list for a body', 'reboot', [], 'body: a mapping (key: value) belongs here.', ['body']],
  ])('is refused with %s', async (_, job, body, detail, paths) => {
    const before = await front.engine.runs.list({ limit: 1000 });

    const { status, headers, json } = await front.post(`/api/v1/jobs/${job}/runs`, body);

    expect(status).toBe(422);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(json).toMatchObject({ type: 'urn:nightshift:problem:faulty-request', status: 422, detail });
    expect((json.faults as { path: string }[]).map(({ path }) => path)).toEqual(paths);
    expect(await front.engine.runs.list({ limit: 1000 })).toHaveLength(before.length);
  });

  it('of a job that is not there names the one that was meant', async () => {
    const { status, json } = await front.post('/api/v1/jobs/rebot/runs');

    expect(status).toBe(404);
    expect(json.detail).toBe('rebot: unknown job, did you mean `reboot`?');
  });
});

describe('an Idempotency-Key', () => {
  const ask = (key: string, body: unknown, job = 'quiet') =>
    front.post(`/api/v1/jobs/${job}/runs`, body, { 'idempotency-key': key });

  it('with the same body starts one run, however often and however many at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => ask('same', { options: { name: 'a' } })));
    const later = await ask('same', { go: false, options: { name: 'a' } });

    expect(new Set(all.map(({ json }) => json.id)).size).toBe(1);
    expect(later.status).toBe(200);
    expect(later.json.id).toBe(all[0]?.json.id);
    expect(await ended(later.json.id)).toMatchObject({ claims: 1 });
  });

  it.each([
    ['other options', { options: { name: 'b' } }, 'quiet'],
    ['another wish to act', { options: { name: 'a' }, go: true }, 'quiet'],
    ['another job', { options: { name: 'a' } }, 'fails'],
  ])('with %s is refused and names the run that it stands for', async (what, body, job) => {
    const first = await ask(`other ${what}`.replaceAll(' ', '-'), { options: { name: 'a' } });

    const second = await ask(`other ${what}`.replaceAll(' ', '-'), body, job);

    expect(first.status).toBe(201);
    expect(second.status).toBe(422);
    expect(second.json.type).toBe('urn:nightshift:problem:key-reused');
    expect(second.json.detail).toContain(String(first.json.id));
  });

  it('is free again when the request was refused', async () => {
    expect((await ask('refused', { options: { nam: 'a' } })).status).toBe(422);

    expect((await ask('refused', { options: { name: 'a' } })).status).toBe(201);
  });

  it.each(['', 'a b', 'x'.repeat(201)])('of another form is refused: %j', async (key) => {
    const { status, json } = await ask(key, {});

    expect(status).toBe(422);
    expect(json.faults).toMatchObject([{ path: 'header.idempotency-key' }]);
  });
});

describe('looking at runs', () => {
  it('lists the jobs with where they act and what they take', async () => {
    const { json } = await front.ask('/api/v1/jobs', { token: READ });

    expect(json.jobs).toHaveLength(5);
    expect(json.jobs).toContainEqual({
      name: 'reboot',
      summary: 'Reboot hypervisors',
      armed: { aggregates: ['canary'] },
      schedule: '30 22 * * *',
      configured: { limit: 3 },
      options: expect.objectContaining({
        properties: expect.objectContaining({ limit: expect.objectContaining({ default: 5 }) }),
      }),
      definition: 'sha256:test',
      health: { state: 'ok' },
    });
  });

  it('lists runs newest first, page by page, of a job and in a state', async () => {
    const ids: unknown[] = [];
    for (let i = 0; i < 7; i += 1) ids.unshift((await front.post('/api/v1/jobs/fails/runs')).json.id);
    for (const id of ids) await ended(id);

    const pages: unknown[][] = [];
    let next: string | undefined = '';
    while (next !== undefined) {
      const cursor = next === '' ? '' : `&cursor=${next}`;
      const { status, json } = await front.ask(`/api/v1/runs?job=fails&state=failed&limit=3${cursor}`);
      expect(status).toBe(200);
      pages.push((json.runs as { id: string }[]).map(({ id }) => id));
      next = json.next as string | undefined;
    }

    expect(pages.flat()).toEqual(ids);
    expect(pages.slice(0, 2).map((page) => page.length)).toEqual([3, 3]);
    expect((await front.ask('/api/v1/runs?job=quiet&state=failed')).json).toEqual({ runs: [] });
  });

  it.each([
    ['limit=0', 'query.limit', '0 is too small: at least 1'],
    ['limit=201', 'query.limit', '201 is too large: at most 200'],
    ['limit=some', 'query.limit', '"some" is no number'],
    ['limit=1&limit=2', 'query.limit', 'a list is no number'],
    ['state=done', 'query.state', expect.stringContaining('"done" is none of queued, running')],
    ['job=rebot', 'query.job', 'unknown job, did you mean `reboot`?'],
    ['cursor=x', 'query.cursor', 'is no `next` of a page; leave it out for the first'],
    ['jobs=reboot', 'query.jobs', 'unknown key, did you mean `job`?'],
  ])('refuses ?%s', async (query, path, message) => {
    const { status, json } = await front.ask(`/api/v1/runs?${query}`);

    expect(status).toBe(422);
    expect(json.faults).toEqual([{ path, message }]);
  });

  it.each(['reboot~1', 'reboot~1:journal', '..%2F..%2Fetc%2Fpasswd', '%00', 'ü', 'x'.repeat(400)])(
    'does not find the run %s, nor its log, nor acts on it',
    async (id) => {
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/log'],
        ['POST', '/cancel'],
      ] as const) {
        const { status, json } = await front.ask(`/api/v1/runs/${id}${path}`, { method });
        expect(status).toBe(404);
        expect(json.detail).toContain('There is no run');
      }
    },
  );

  it('says why something is as it is', async () => {
    const { json: run } = await front.post('/api/v1/jobs/reboot/runs');
    await ended(run.id);

    const { status, json } = await front.ask('/api/v1/why/hypervisor%20hv11', { token: READ });

    expect(status).toBe(200);
    expect(json).toMatchObject({
      at: expect.any(String),
      note: { subject: 'hypervisor hv11', verdict: 'held' },
      queue: [],
    });
    expect((await front.ask('/api/v1/why/hypervisor/hv11', { token: READ })).json).toEqual(json);
  });

  it('says so when nobody has said anything', async () => {
    const { status, json } = await front.ask('/api/v1/why/hypervisor%20hv%2F99');

    expect(status).toBe(404);
    expect(json.detail).toBe('No run has said anything about "hypervisor hv/99".');
  });
});
