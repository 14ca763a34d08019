import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, type Gate, gate, jobOf, KIM } from '../engine/support/jobs.ts';
import { eventually } from '../support/engine.ts';
import { openEvents, type SentEvent } from './support/events.ts';
import { type Front, OPERATE, openFront } from './support/server.ts';

let front: Front;
let writing: Gate;

const HEADERS = { authorization: `Bearer ${OPERATE}` };

beforeAll(async () => {
  front = await openFront({
    jobs: {
      talks: jobOf(async (ctx) => {
        for (let i = 0; i < 20; i += 1) ctx.log.info(`line ${i}: ü 🙂`, { rest: 'x'.repeat(i * 10) });
      }),
      writes: jobOf(async (ctx) => {
        for (let i = 0; i < 1500; i += 1) {
          ctx.log.info(`line ${i} ü🙂`, { rest: 'y'.repeat(i % 97) });
          if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        }
        await writing.passed;
        ctx.log.info('the last line');
      }),
      waits: jobOf(() => writing.passed),
    },
    limits: { lookMs: 5, heartbeatMs: 50, followers: 3 },
  });
  await front.engine.start();
});

afterAll(() => front.close());

async function run(job: string): Promise<string> {
  const id = await front.engine.create({ job, ...CLI });
  return id;
}

async function finished(job: string): Promise<{ id: string; log: Buffer }> {
  const id = await run(job);
  await eventually('it to end', async () => (await front.engine.runs.state(id)) === 'succeeded');
  return { id, log: front.engine.logs.read(id, 0, 1 << 24).text };
}

describe('the log of a run', () => {
  it('is read whole', async () => {
    const { id, log } = await finished('talks');

    const { status, headers, text } = await front.ask(`/api/v1/runs/${id}/log`);

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect(headers.get('accept-ranges')).toBe('bytes');
    expect(headers.get('content-length')).toBe(String(log.length));
    expect(text).toBe(log.toString());
    expect(text.trim().split('\n')).toHaveLength(20);
  });

  it('is empty while nothing was logged', async () => {
    writing = gate();
    const id = await run('waits');

    const whole = await front.ask(`/api/v1/runs/${id}/log`);
    const more = await front.ask(`/api/v1/runs/${id}/log`, { headers: { range: 'bytes=0-' } });
    writing.open();

    expect(whole).toMatchObject({ status: 200, text: '' });
    expect(more.status).toBe(416);
    expect(more.headers.get('content-range')).toBe('bytes */0');
    expect(more.json.detail).toBe('The log has 0 bytes now.');
  });

  it('is read by ranges of bytes, which add up to the whole', async () => {
    const { id, log } = await finished('talks');
    const parts: Buffer[] = [];

    for (let at = 0; at < log.length; at += 700) {
      const answer = await fetch(`${front.url}/api/v1/runs/${id}/log`, {
        headers: { ...HEADERS, range: `bytes=${at}-${at + 699}` },
      });
      const part = Buffer.from(await answer.arrayBuffer());
      expect(answer.status).toBe(206);
      expect(answer.headers.get('content-range')).toBe(`bytes ${at}-${at + part.length - 1}/${log.length}`);
      parts.push(part);
    }
    const tail = await front.ask(`/api/v1/runs/${id}/log`, { headers: { range: 'bytes=-5' } });
    const behind = await front.ask(`/api/v1/runs/${id}/log`, {
      headers: { range: `bytes=${log.length}-` },
    });

    expect(Buffer.concat(parts)).toEqual(log);
    expect(tail.text).toBe(log.subarray(-5).toString());
    expect(behind.status).toBe(416);
  });

  it('is announced by HEAD and not sent', async () => {
    const { id, log } = await finished('talks');

    const { status, headers, text } = await front.ask(`/api/v1/runs/${id}/log`, { method: 'HEAD' });

    expect(status).toBe(200);
    expect(headers.get('content-length')).toBe(String(log.length));
    expect(text).toBe('');
  });
});

describe('following a log', () => {
  it('loses no byte and repeats none, however often the line drops while it is written', async () => {
    writing = gate();
    const id = await run('writes');
    const url = `${front.url}/api/v1/runs/${id}/log`;
    const lines: string[] = [];
    let last = '0';
    let drops = 0;
    let end: SentEvent | undefined;
    while (end === undefined) {
      const stream = await openEvents(url, {
        ...HEADERS,
        ...(last === '0' ? {} : { 'last-event-id': last }),
      });
      expect(stream.status).toBe(200);
      // Hangs up after a number of lines that differs each time, and at last when the end is told.
      for (let left = 1 + ((drops * 37) % 150); left > 0; left -= 1) {
        const event = await stream.next();
        if (event?.event === 'end') {
          end = event;
          break;
        }
        if (event?.data === undefined) {
          left += 1;
          if (lines.length === 1500) writing.open();
          continue;
        }
        lines.push(event.data);
        last = event.id ?? last;
      }
      stream.hangUp();
      drops += 1;
    }
    const log = front.engine.logs.read(id, 0, 1 << 24).text;

    expect(drops).toBeGreaterThan(10);
    expect(JSON.parse(end.data ?? '')).toEqual({ state: 'succeeded' });
    expect(`${lines.join('\n')}\n`).toBe(log.toString());
    expect(Number(last)).toBe(log.length);
  });

  it('tells whoever comes back after the end not to come back', async () => {
    const { id, log } = await finished('talks');
    const url = `${front.url}/api/v1/runs/${id}/log`;

    const over = await openEvents(url, { ...HEADERS, 'last-event-id': String(log.length) });
    const late = await openEvents(url, HEADERS);
    const events: SentEvent[] = [];
    for (let event = await late.next(); event !== undefined; event = await late.next()) events.push(event);

    expect(over.status).toBe(204);
    expect(events).toHaveLength(21);
    expect(events.at(-1)).toEqual({ event: 'end', data: '{"state":"succeeded"}' });
  });

  it('sends no half a line, and lines of any length', async () => {
    writing = gate();
    const id = await run('waits');
    await eventually('it to be worked', async () => (await front.engine.runs.state(id)) === 'running');
    const file = join(front.house.stateDir, 'logs', `${id}.ndjson`);
    const long = JSON.stringify({ message: 'z'.repeat(700_000) });
    const stream = await openEvents(`${front.url}/api/v1/runs/${id}/log`, HEADERS);

    appendFileSync(file, '{"half":');
    const silence = [await stream.next(), await stream.next()];
    appendFileSync(file, `1}\n${long}\n`);
    const events: (SentEvent | undefined)[] = [];
    while (events.length < 2) {
      const event = await stream.next();
      if (event?.data !== undefined) events.push(event);
    }
    stream.hangUp();
    writing.open();

    expect(silence).toEqual([{}, {}]);
    expect(events).toEqual([
      { id: '11', data: '{"half":1}' },
      { id: String(12 + long.length), data: long },
    ]);
  });

  it('ends when the run is killed', async () => {
    writing = gate();
    const id = await run('waits');
    const stream = await openEvents(`${front.url}/api/v1/runs/${id}/log`, HEADERS);

    await front.engine.acts.kill(id, KIM);
    let event = await stream.next();
    while (event !== undefined && event.event === undefined) event = await stream.next();
    writing.open();

    expect(event).toEqual({ event: 'end', data: '{"state":"cancelled"}' });
    expect(await stream.next()).toBeUndefined();
  });

  it('is for so many at once, and the place of one who leaves is free', async () => {
    writing = gate();
    const id = await run('waits');
    const url = `${front.url}/api/v1/runs/${id}/log`;
    const streams = await Promise.all([1, 2, 3].map(() => openEvents(url, HEADERS)));

    const fourth = await front.ask(`/api/v1/runs/${id}/log`, { headers: { accept: 'text/event-stream' } });
    streams[0]?.hangUp();
    const freed = await eventually('a place', async () => {
      const stream = await openEvents(url, HEADERS);
      return stream.status === 200 && stream;
    });
    for (const stream of [...streams, freed]) stream.hangUp();
    await Promise.allSettled(
      Array.from({ length: 50 }, async (_, ms) => {
        const headers = { ...HEADERS, accept: 'text/event-stream' };
        const signal = AbortSignal.timeout(ms % 10);
        await (await fetch(url, { headers, signal })).text();
      }),
    );
    const last = await eventually('all places', async () => {
      const all = await Promise.all([1, 2, 3].map(() => openEvents(url, HEADERS)));
      for (const stream of all) stream.hangUp();
      return all.every(({ status }) => status === 200);
    });
    writing.open();

    expect(fourth.status).toBe(429);
    expect(fourth.json.detail).toBe('3 logs are followed already; try again later.');
    expect(last).toBe(true);
  });

  it.each(['-1', 'x', '1e3', '9'.repeat(16)])('refuses %j as the id of an event', async (id) => {
    const { id: run } = await finished('talks');

    const { status, json } = await front.ask(`/api/v1/runs/${run}/log`, {
      headers: { accept: 'text/event-stream', 'last-event-id': id },
    });

    expect(status).toBe(422);
    expect(json.faults).toMatchObject([{ path: 'header.last-event-id' }]);
  });

  it('ends when the server closes, without claiming that the run is over', async () => {
    writing = gate();
    const other = await openFront({
      jobs: { waits: jobOf(() => writing.passed) },
      limits: { lookMs: 60_000 },
    });
    const id = await other.engine.create({ job: 'waits', ...CLI });
    const stream = await openEvents(`${other.url}/api/v1/runs/${id}/log`, HEADERS);

    const began = performance.now();
    await other.close();
    const tookMs = performance.now() - began;
    const event = await stream.next();

    expect(event).toBeUndefined();
    expect(tookMs).toBeLessThan(3000);
  });
});
