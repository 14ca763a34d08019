import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Json } from '../../src/engine/job.ts';
import { type Context, gate, jobOf, until } from '../engine/support/jobs.ts';
import { eventually } from '../support/engine.ts';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;
let asked = 0;
let decided: Json | undefined;
const { passed: mended, open: mend } = gate();
let broken = true;

beforeAll(async () => {
  front = await openFront({
    jobs: {
      works: jobOf((ctx) =>
        ctx.step('work', { effect: 'idempotent', disruptive: true }, ({ revoked, signal }) =>
          until(AbortSignal.any([revoked, signal])),
        ),
      ),
      breaks: jobOf(async (ctx) => {
        await ctx.step('break', { effect: 'idempotent', retry: { tries: 1 } }, async () => {
          if (broken) throw Object.assign(new Error('broken'), { retryable: false });
          await mended;
        });
      }),
      reboots: jobOf(async (ctx: Context) => {
        decided = await ctx.step(
          'reboot',
          { effect: 'once', retry: { tries: 1 } },
          async (): Promise<Json> => {
            asked += 1;
            throw Object.assign(new Error('the line went dead'), { retryable: true });
          },
        );
      }),
      asks: jobOf(async (ctx) => {
        const answer = await ctx.approval('go', { question: 'Go?', withinMs: 60_000, otherwise: 'no' });
        await ctx.step('obey', { effect: 'read' }, async () => answer);
      }),
    },
    settings:
      'dryRun: false\njobs: { works: { armed: true }, breaks: { armed: true }, reboots: { armed: true } }',
  });
  await front.engine.start();
});

afterAll(() => front.close());

async function start(job: string): Promise<string> {
  const { json } = await front.post(`/api/v1/jobs/${job}/runs`, { go: true });
  return z.string().parse(json.id);
}

async function reaches(id: string, state: string): Promise<Record<string, unknown>> {
  return eventually(`${id} to be ${state}`, async () => {
    const { json } = await front.ask(`/api/v1/runs/${id}`);
    return json.state === state && json;
  });
}

/** Who did what to the run, as the audit has it. */
async function auditOf(run: string): Promise<{ act: string; by: string; why: string }[]> {
  const redis = front.house.redis.connect();
  const entries = await redis.xrange('{nightshift}:audit', '-', '+');
  redis.disconnect();
  return entries
    .map(([, fields]) => Object.fromEntries(fields.map((field, i) => [field, fields[i + 1]])))
    .filter((entry) => entry.run === run)
    .map(({ act = '', by = '', why = '' }) => ({ act, by, why }));
}

describe('saying what a run shall do', () => {
  it('cancels it: it stops and puts back, and the audit knows who asked', async () => {
    const id = await start('works');
    await reaches(id, 'running');

    const { status, json } = await front.post(`/api/v1/runs/${id}/cancel`, { why: 'wrong night' });
    const run = await reaches(id, 'cancelled');

    expect(status).toBe(200);
    expect(json).toMatchObject({ id, cancel: 'kim: wrong night' });
    expect(run.cancel).toBe('kim: wrong night');
    expect(await auditOf(id)).toContainEqual({ act: 'cancel', by: 'kim', why: 'wrong night' });
    expect(await auditOf(id)).toContainEqual({ act: 'create', by: 'kim', why: '' });
  });

  it('finds no run in what else is kept of one', async () => {
    const id = await start('works');
    await eventually('its step to begin', async () => (await front.engine.census()).stepsUnderWay === 1);

    const found = await Promise.all(
      ['steps', 'journal', 'notes', 'leases'].map((part) => front.ask(`/api/v1/runs/${id}:${part}`)),
    );
    await front.post(`/api/v1/runs/${id}/kill`);

    expect(found.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  });

  it('kills it, and tells what was under way', async () => {
    const id = await start('works');
    await eventually('its step to begin', async () => {
      const { json } = await front.ask(`/api/v1/runs/${id}`);
      return (json.steps as unknown[]).length === 1;
    });

    const { status, json } = await front.post(`/api/v1/runs/${id}/kill`);

    expect(status).toBe(200);
    expect(json).toMatchObject({
      state: 'cancelled',
      error: 'killed by kim: no reason given',
      steps: [{ key: 'work', state: 'begun' }],
    });
    expect(await auditOf(id)).toContainEqual({
      act: 'kill',
      by: 'kim',
      why: 'killed by kim: no reason given',
    });
  });

  it('resumes it', async () => {
    const id = await start('breaks');
    await reaches(id, 'failed');
    broken = false;
    mend();

    const { status } = await front.post(`/api/v1/runs/${id}/resume`, { why: 'mended' });

    expect(status).toBe(200);
    expect(await reaches(id, 'succeeded')).toMatchObject({ resumes: 1 });
    expect(await auditOf(id)).toContainEqual({ act: 'resume', by: 'kim', why: 'mended' });
  });

  it('decides what became of a step that nobody saw', async () => {
    const id = await start('reboots');
    await reaches(id, 'needs-decision');
    const early = await front.post(`/api/v1/runs/${id}/resume`);

    const decision = { step: 'reboot', happened: 'yes', value: { boot: 2 }, why: 'saw it on the console' };
    const { status } = await front.post(`/api/v1/runs/${id}/decide`, decision);
    await reaches(id, 'succeeded');

    expect(early.status).toBe(409);
    expect(early.json.detail).toContain('step "reboot" needs a decision first');
    expect(status).toBe(200);
    expect(decided).toEqual({ boot: 2 });
    expect(asked).toBe(1);
    expect(await auditOf(id)).toContainEqual({ act: 'decide', by: 'kim', why: 'saw it on the console' });
  });

  it('answers its question, and the first answer holds', async () => {
    const id = await start('asks');
    await reaches(id, 'waiting');

    const first = await front.post(`/api/v1/runs/${id}/approve`, {
      key: 'go',
      answer: 'yes',
      why: 'looks good',
    });
    await reaches(id, 'succeeded');

    expect(first.status).toBe(200);
    expect(first.json).toEqual({ answer: 'yes', by: 'kim', why: 'looks good' });
    const late = await front.post(`/api/v1/runs/${id}/approve`, { key: 'go', answer: 'no' });
    expect(late.status).toBe(409);
    expect(late.json.detail).toBe(`${id} has ended already (succeeded).`);
  });

  it('answers before the run is there, and does not answer otherwise later', async () => {
    const path = '/api/v1/runs/asks~20991124T030000Z/approve';

    const first = await front.post(path, { key: 'go', answer: 'no', why: 'not that night' });
    const again = await front.post(path, { key: 'go', answer: 'no' });
    const other = await front.post(path, { key: 'go', answer: 'yes' });

    expect(first.json).toEqual({ answer: 'no', by: 'kim', why: 'not that night' });
    expect(again.json).toEqual(first.json);
    expect(other.status).toBe(409);
    expect(other.json.detail).toBe(
      'kim has answered no before (not that night), and the first answer holds.',
    );
    expect((await front.post('/api/v1/runs/nothing~1/approve', { key: 'go', answer: 'no' })).status).toBe(
      404,
    );
  });

  it.each([
    ['cancel', {}, /has ended already \(succeeded\)/],
    ['kill', {}, /has ended already \(succeeded\)/],
    ['resume', {}, /cannot be resumed: it has succeeded; start a new run/],
    ['decide', { step: 'plan', happened: 'yes' }, /no step of it awaits a decision/],
  ])('is refused for a run that is over: %s', async (act, body, detail) => {
    const id = (await front.engine.runs.list({ state: 'succeeded', limit: 1 }))[0]?.id;

    const { status, json } = await front.post(`/api/v1/runs/${id}/${act}`, body);

    expect(status).toBe(409);
    expect(json.type).toBe('urn:nightshift:problem:refused');
    expect(json.detail).toMatch(detail);
  });

  it.each([
    ['cancel', { reason: 'x' }, ['reason']],
    ['kill', { why: 7 }, ['why']],
    ['resume', { why: 'x'.repeat(1001) }, ['why']],
    ['decide', undefined, ['body']],
    ['decide', { happened: 'maybe' }, ['step', 'happened']],
    ['approve', { key: '', answer: 'perhaps' }, ['key', 'answer']],
  ])('is refused when it is said wrong: %s %j', async (act, body, paths) => {
    const { status, json } = await front.post(`/api/v1/runs/works~1/${act}`, body);

    expect(status).toBe(422);
    expect((json.faults as { path: string }[]).map(({ path }) => path)).toEqual(paths);
  });
});

describe('saying what the installation shall do', () => {
  it.each([
    ['freeze', 'freeze'],
    ['halt', 'halt'],
    ['thaw', ''],
  ])('%s answers with how it is then', async (act, mode) => {
    const { status, json } = await front.post(`/api/v1/${act}`, { why: 'storm' });

    expect(status).toBe(200);
    expect(json).toMatchObject({ mode, why: mode === '' ? '' : 'kim: storm', since: expect.any(String) });
    expect(await auditOf('')).toContainEqual({ act, by: 'kim', why: mode === '' ? '' : 'kim: storm' });
  });

  it('holds disruptions back and lets them go on', async () => {
    await front.post('/api/v1/freeze');
    const id = await start('works');
    const waiting = await reaches(id, 'waiting');

    await front.post('/api/v1/thaw');
    await reaches(id, 'running');
    await front.post(`/api/v1/runs/${id}/cancel`);

    expect(waiting.waiting).toMatchObject({ for: expect.stringContaining('kim: no reason given') });
  });

  it.each(['freeze', 'halt', 'thaw', 'runs/x/cancel', 'runs/x/kill', 'jobs/works/runs'])(
    'is not for a token that may only read: %s',
    async (path) => {
      const { status, json } = await front.ask(`/api/v1/${path}`, { method: 'POST', token: READ });

      expect(status).toBe(403);
      expect(json.detail).toBe('The token lee may only read; this needs one with `may: operate`.');
    },
  );

  it('says in the log of the daemon who asked for what', () => {
    expect(front.house.logged).toContainEqual(
      'asked over HTTP {"by":"kim","method":"POST","path":"/api/v1/halt","status":200}',
    );
    expect(front.house.logged).toContainEqual(
      'asked over HTTP {"by":"lee","method":"POST","path":"/api/v1/halt","status":403}',
    );
  });
});
