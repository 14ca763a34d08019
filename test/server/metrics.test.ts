import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gate, jobOf } from '../engine/support/jobs.ts';
import { eventually } from '../support/engine.ts';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;
const { passed, open } = gate();

beforeAll(async () => {
  front = await openFront({
    jobs: {
      holds: jobOf(async (ctx) => {
        await ctx.lease('hypervisor hv01', 'drains it');
        await ctx.step('hold', { effect: 'idempotent' }, () => passed);
      }),
      fails: jobOf(() => Promise.reject(new Error('broken'))),
      mails: jobOf((ctx) => ctx.mail('done', { to: ['ops@example.org'], subject: 'done', text: 'done' })),
    },
    settings:
      'dryRun: false\njobs: { holds: { armed: true }, fails: { armed: true }, mails: { armed: true } }',
    engine: { deliver: () => Promise.reject(Object.assign(new Error('full'), { retryable: true })) },
  });
  await front.engine.start();
});

afterAll(async () => {
  open();
  await front.close();
});

/** Samples by name and labels. */
async function figures(): Promise<Record<string, number>> {
  const { status, headers, text } = await front.ask('/metrics', { token: READ });
  expect(status).toBe(200);
  expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('the figures for monitors', () => {
  it('say 0 where nothing is, so that a rule can be written before anything happens', async () => {
    expect(await figures()).toMatchObject({
      'nightshift_runs{job="holds",state="needs-decision"}': 0,
      'nightshift_runs{job="mails",state="running"}': 0,
      'nightshift_job_failing{job="fails"}': 0,
      nightshift_redis_up: 1,
      nightshift_redis_doubted: 0,
      nightshift_frozen: 0,
      nightshift_steps_under_way: 0,
      nightshift_lease_waits: 0,
      nightshift_mails_waiting: 0,
      nightshift_daemons: 1,
    });
  });

  it('follow what happens', async () => {
    for (const job of ['holds', 'holds', 'mails']) {
      await front.post(`/api/v1/jobs/${job}/runs`, { go: true });
    }
    await front.post('/api/v1/freeze');

    const seen = await eventually('the run that waits', async () => {
      const now = await figures();
      const ended = now['nightshift_runs_ended_total{job="mails",state="succeeded"}'] === 1;
      return ended && now['nightshift_runs{job="holds",state="waiting"}'] === 1 && now;
    });

    expect(seen).toMatchObject({
      'nightshift_runs{job="holds",state="running"}': 1,
      nightshift_frozen: 1,
      nightshift_steps_under_way: 1,
      nightshift_lease_waits: 1,
      nightshift_mails_waiting: 1,
      'nightshift_http_request_duration_seconds_count{method="POST",route="/api/v1/jobs/:job/runs",status="201"}': 3,
    });
  });

  it('say which job fails, and so does the list of jobs', async () => {
    const { json: run } = await front.post('/api/v1/jobs/fails/runs', { go: true });

    const seen = await eventually('the failure', async () => {
      const now = await figures();
      return now['nightshift_job_failing{job="fails"}'] === 1 && now;
    });
    expect(seen).toMatchObject({ 'nightshift_job_failing{job="mails"}': 0 });
    const { json } = await front.ask('/api/v1/jobs', { token: READ });
    expect(json.jobs).toContainEqual(
      expect.objectContaining({
        name: 'fails',
        health: { state: 'failing', since: expect.any(String), failures: 1, run: run.id, error: 'broken' },
      }),
    );
  });

  it('name routes, not paths, so that nobody can make more of them', async () => {
    for (let i = 0; i < 20; i += 1) {
      await front.ask(`/api/v1/runs/holds~${i}`);
      await front.ask(`/nothing/${i}`);
    }

    const counts = Object.entries(await figures()).filter(
      ([name]) => name.includes('seconds_count') && name.includes('404'),
    );

    expect(Object.fromEntries(counts)).toEqual({
      'nightshift_http_request_duration_seconds_count{method="GET",route="/api/v1/runs/:id",status="404"}': 20,
      'nightshift_http_request_duration_seconds_count{method="GET",route="none",status="404"}': 20,
    });
  });
});
