import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBLEM_TYPE, ProblemBody } from '../../src/server/problem.ts';
import { jobOf } from '../engine/support/jobs.ts';
import { type Asked, type Front, OPERATE, openFront } from './support/server.ts';

let front: Front;

beforeAll(async () => {
  front = await openFront({ jobs: { quiet: jobOf(async () => {}) }, limits: { requestMs: 300 } });
});

afterAll(() => front.close());

const RUNS = '/api/v1/jobs/quiet/runs';
const AUTH = `Authorization: Bearer ${OPERATE}\r\n`;

/** All that the server says to these bytes until it hangs up. */
async function said(bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(front.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text)).on('error', reject);
  });
}

describe('what cannot be answered', () => {
  it.each<[string, string, Asked, number, string]>([
    ['a path that names nothing', '/api/v1/nothing', {}, 404, 'not-found'],
    ['a path that is none', '/%zz', {}, 400, 'unreadable-request'],
    ['a method that it does not have', RUNS, { method: 'PUT' }, 405, 'method-not-allowed'],
    ['a method that nothing has', '/api/v1/runs', { method: 'PROPFIND' }, 404, 'not-found'],
    ['half a body', RUNS, { method: 'POST', body: '{"go":' }, 400, 'unreadable-request'],
    ['an empty body of a type', RUNS, { method: 'POST', body: '' }, 400, 'unreadable-request'],
    [
      'a prototype',
      RUNS,
      { method: 'POST', body: '{"options":{"__proto__":{"a":1}}}' },
      400,
      'unreadable-request',
    ],
    ['a deep body', RUNS, { method: 'POST', body: '['.repeat(100_000) }, 400, 'unreadable-request'],
    [
      'a deep body that is right',
      RUNS,
      { method: 'POST', body: `${'['.repeat(99_999)}${']'.repeat(99_999)}` },
      400,
      'unreadable-request',
    ],
    [
      'half a sign',
      RUNS,
      { method: 'POST', body: '{"options":{"name":"\\ud83d"}}' },
      400,
      'unreadable-request',
    ],
    ['a large body', RUNS, { method: 'POST', body: { why: 'x'.repeat(256 * 1024) } }, 413, 'body-too-large'],
    [
      'another type',
      RUNS,
      { method: 'POST', body: 'go=true', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'body-not-json',
    ],
    [
      'plain text',
      RUNS,
      { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } },
      415,
      'body-not-json',
    ],
  ])('is a problem: %s', async (_, path, asked, status, kind) => {
    const answer = await front.ask(path, asked);

    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain(PROBLEM_TYPE);
    expect(ProblemBody.strict().parse(answer.json)).toMatchObject({
      type: `urn:nightshift:problem:${kind}`,
      status,
    });
    expect(answer.json.detail).toMatch(/^[A-Z/"].*\.$/);
    expect(answer.text).not.toMatch(/FST_ERR|node_modules|\bat .*:\d+:\d+/);
  });

  it('says which methods there are', async () => {
    const jobs = await front.ask('/api/v1/jobs', { method: 'DELETE' });
    const freeze = await front.ask('/api/v1/freeze');

    expect(jobs.headers.get('allow')).toBe('GET, HEAD');
    expect(jobs.json.detail).toBe('DELETE cannot be asked of this; it has GET, HEAD.');
    expect(freeze.headers.get('allow')).toBe('POST');
  });

  it.each<[string, string | Buffer, number, string]>([
    [
      'a body that comes too slowly',
      `POST ${RUNS} HTTP/1.1\r\nHost: x\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{`,
      408,
      'request-too-slow',
    ],
    ['headers that never end', 'GET /healthz HTTP/1.1\r\nHost: x\r\n', 408, 'request-too-slow'],
    [
      'headers that are too large',
      `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    ['no HTTP', 'hello\r\n\r\n', 400, 'unreadable-request'],
    ['TLS', Buffer.from('160301020001000001fc0303', 'hex'), 400, 'unreadable-request'],
    [
      'a length that is not the only one',
      `POST ${RUNS} HTTP/1.1\r\nHost: x\r\n${AUTH}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'unreadable-request',
    ],
  ])('is a problem before it is a request: %s', async (_, bytes, status, kind) => {
    const answer = await said(bytes);
    const [head = '', body = ''] = answer.split('\r\n\r\n');

    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain(`Content-Type: ${PROBLEM_TYPE}`);
    expect(ProblemBody.strict().parse(JSON.parse(body))).toMatchObject({
      type: `urn:nightshift:problem:${kind}`,
      status,
    });
  });

  it('says nothing of the inside when the fault is ours, and leaves it in the log', async () => {
    const redis = front.house.redis.connect();
    await redis.hset('{nightshift}:run:quiet~bad', { state: 'succeeded', job: 'quiet', options: 'no JSON' });
    redis.disconnect();

    const { status, json } = await front.ask('/api/v1/runs/quiet~bad');

    const id = String(json.instance).replace('urn:nightshift:request:', '');
    expect(status).toBe(500);
    expect(json).toEqual({
      type: 'urn:nightshift:problem:internal',
      title: 'Something went wrong in Nightshift',
      status: 500,
      detail: `The log of the daemon says more; look there for request ${id}.`,
      instance: `urn:nightshift:request:${id}`,
    });
    expect(front.house.logged.filter((line) => line.includes('a request failed'))).toEqual([
      expect.stringContaining(`"request":"${id}"`),
    ]);
  });
});
