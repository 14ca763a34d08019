import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CLI, type Gate, gate, jobOf } from '../engine/support/jobs.ts';
import { privatePid } from '../engine/support/redis-server.ts';
import { eventually } from '../support/engine.ts';
import { openEvents } from './support/events.ts';
import { type Answer, type Front, OPERATE, openFront } from './support/server.ts';

let front: Front;
let talking: Gate;

beforeAll(async () => {
  talking = gate();
  front = await openFront({
    jobs: {
      quiet: jobOf(async () => {}),
      talks: jobOf(async (ctx) => {
        ctx.log.info('before');
        await talking.passed;
        ctx.log.info('meanwhile');
      }),
    },
    limits: { lookMs: 20 },
  });
});

afterAll(() => front.close());

function freeze(): void {
  process.kill(privatePid(front.house.stateDir), 'SIGSTOP');
}

function goOn(): void {
  process.kill(privatePid(front.house.stateDir), 'SIGCONT');
}

async function timed(asking: Promise<Answer>): Promise<Answer & { tookMs: number }> {
  const began = performance.now();
  return { ...(await asking), tookMs: performance.now() - began };
}

describe('while Redis does not answer', () => {
  beforeEach(freeze);
  afterEach(goOn);

  it.each([
    ['GET', '/readyz'],
    ['GET', '/api/v1/runs'],
    ['GET', '/api/v1/runs/quiet~1'],
    ['GET', '/api/v1/runs/quiet~1/log'],
    ['GET', '/api/v1/why/x'],
    ['POST', '/api/v1/jobs/quiet/runs'],
    ['POST', '/api/v1/runs/quiet~1/cancel'],
    ['POST', '/api/v1/freeze'],
  ])('%s %s says so within a second, and that nothing was done', async (method, path) => {
    const { status, headers, json, tookMs } = await timed(front.ask(path, { method }));

    expect(status).toBe(503);
    expect(tookMs).toBeLessThan(1000);
    expect(headers.get('retry-after')).toBe('2');
    expect(json).toMatchObject({ type: 'urn:nightshift:problem:unavailable' });
    expect(json.detail).toContain('Redis does not answer, so nothing');
  });

  it('says so to many at once, each within a second', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => timed(front.ask('/api/v1/runs'))));

    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([503]));
    expect(Math.max(...all.map(({ tookMs }) => tookMs))).toBeLessThan(1500);
  });

  it('lives, lists its jobs and its description, and counts what it knows', async () => {
    const answers = await Promise.all(
      ['/healthz', '/api/v1/jobs', '/api/openapi.json', '/metrics'].map((path) => front.ask(path)),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers[3]?.text).toMatch(/^nightshift_redis_up 0$/m);
    expect(answers[3]?.text).not.toMatch(/^nightshift_(runs|daemons|mails_waiting|frozen|job_failing)\b/m);
  });
});

describe('when Redis is back', () => {
  it('carries out nothing of what was refused, and answers again', async () => {
    freeze();
    const refused = await front.post('/api/v1/jobs/quiet/runs', { options: { name: 'refused' } });
    goOn();

    const { status } = await eventually('an answer', async () => {
      const answer = await front.ask('/readyz');
      return answer.status === 200 && answer;
    });
    const started = await front.post('/api/v1/jobs/quiet/runs', { options: { name: 'asked again' } });

    expect(refused.status).toBe(503);
    expect(status).toBe(200);
    expect(started.status).toBe(201);
    const runs = await front.engine.runs.list({ job: 'quiet' });
    expect(runs.map(({ options }) => options)).toEqual([{ name: 'asked again' }]);
  });

  it('has kept a followed log going', async () => {
    const id = await front.engine.create({ job: 'talks', ...CLI });
    const working = front.engine.work(id);
    const headers = { authorization: `Bearer ${OPERATE}` };
    const stream = await openEvents(`${front.url}/api/v1/runs/${id}/log`, headers);
    const first = await stream.next();

    freeze();
    talking.open();
    const second = await stream.next();
    goOn();
    const end = await stream.next();
    await working;

    expect(first?.data).toContain('"message":"before"');
    expect(second?.data).toContain('"message":"meanwhile"');
    expect(end).toEqual({ event: 'end', data: '{"state":"succeeded"}' });
  });
});

describe('when Redis is not the one we knew', () => {
  it('refuses to start anything, says why and what to do, and still shows what is there', async () => {
    const other = await openFront({ jobs: { quiet: jobOf(async () => {}) } });
    const { json: run } = await other.post('/api/v1/jobs/quiet/runs');
    const redis = other.house.redis.connect();
    await redis.hset('{nightshift}:meta', 'epoch', 'another');

    const started = await other.post('/api/v1/jobs/quiet/runs');
    const ready = await other.ask('/readyz');
    const shown = await other.ask(`/api/v1/runs/${String(run.id)}`);
    const metrics = await other.ask('/metrics');
    redis.disconnect();
    await other.close();

    expect(started.status).toBe(503);
    expect(started.json.detail).toMatch(/nightshift accept-redis\.?$/);
    expect(ready.status).toBe(503);
    expect(ready.json.detail).toContain('lost some of what Nightshift had written there');
    expect(shown.json).toMatchObject({ id: run.id, state: 'queued' });
    expect(metrics.text).toMatch(/^nightshift_redis_doubted 1$/m);
  });
});
