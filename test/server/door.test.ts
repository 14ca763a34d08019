import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { jobOf } from '../engine/support/jobs.ts';
import { type Front, type FrontOptions, OPERATE, openFront, READ, TOKENS } from './support/server.ts';

const QUIET = { quiet: jobOf(async () => {}) };
const tls = (name: string): string =>
  new URL(`../clients/openstack/samples/tls/${name}.pem`, import.meta.url).pathname;

const opened: Front[] = [];

async function open(options: FrontOptions = {}): Promise<Front> {
  const front = await openFront({ jobs: QUIET, ...options });
  opened.push(front);
  return front;
}

afterEach(async () => {
  for (const front of opened.splice(0)) await front.close();
});

const OPEN = ['/healthz', '/readyz'];
const LOOKS = [
  '/api/v1/jobs',
  '/api/v1/runs',
  '/api/v1/runs/quiet~1',
  '/api/v1/runs/quiet~1/log',
  '/api/v1/why/x',
  '/api/openapi.json',
  '/metrics',
];
const ACTS = [
  '/api/v1/jobs/quiet/runs',
  ...['cancel', 'kill', 'resume', 'decide', 'approve'].map((act) => `/api/v1/runs/quiet~1/${act}`),
  '/api/v1/freeze',
  '/api/v1/halt',
  '/api/v1/thaw',
];

describe('the door', () => {
  let front: Front;

  beforeAll(async () => {
    front = await openFront({ jobs: QUIET, limits: { strangersPerMinute: 1000 } });
  });

  afterAll(() => front.close());

  const passed = (status: number): boolean => status !== 401 && status !== 403;

  it.each([
    ...OPEN.flatMap((path) => [
      ['nobody', 'GET', path, true] as const,
      ['a stranger', 'GET', path, true] as const,
    ]),
    ...LOOKS.flatMap((path) => [
      ['nobody', 'GET', path, false] as const,
      ['a stranger', 'GET', path, false] as const,
      ['a reader', 'GET', path, true] as const,
      ['a reader', 'HEAD', path, true] as const,
      ['an operator', 'GET', path, true] as const,
    ]),
    ...ACTS.flatMap((path) => [
      ['nobody', 'POST', path, false] as const,
      ['a stranger', 'POST', path, false] as const,
      ['a reader', 'POST', path, false] as const,
      ['an operator', 'POST', path, true] as const,
    ]),
    ['nobody', 'GET', '/nothing', false] as const,
    ['nobody', 'DELETE', '/api/v1/runs', false] as const,
    ['a reader', 'DELETE', '/api/v1/runs', false] as const,
  ])('for %s at %s %s is open: %s', async (who, method, path, isOpen) => {
    const token = { nobody: null, 'a stranger': 'guessed', 'a reader': READ, 'an operator': OPERATE }[who];

    const { status, headers } = await front.ask(path, { method, token });

    expect(passed(status)).toBe(isOpen);
    if (status === 401) expect(headers.get('www-authenticate')).toBe('Bearer realm="nightshift"');
  });

  it('keeps every route that there is shut for strangers, but those about health', async () => {
    const { json } = await front.ask('/api/openapi.json');
    const paths = Object.entries(json.paths as Record<string, object>);

    const let_in: string[] = [];
    for (const [path, operations] of paths) {
      for (const method of Object.keys(operations)) {
        const { status } = await front.ask(path.replaceAll(/\{\w+\}/g, 'x'), {
          method: method.toUpperCase(),
          token: null,
        });
        if (status !== 401) let_in.push(path);
      }
    }

    expect(paths.length).toBeGreaterThan(15);
    expect(let_in.toSorted()).toEqual(OPEN.toSorted());
  });

  it('says what is missing, and never what was sent', async () => {
    const none = await front.ask('/api/v1/jobs', { token: null });
    const wrong = await front.ask('/api/v1/jobs', { token: 'guessed' });

    expect(none.json.detail).toContain('Send the header `Authorization: Bearer TOKEN`');
    expect(wrong.json.detail).toBe(
      'This token is none of those that http.tokens of the configuration names.',
    );
    expect(front.house.logged.join()).not.toContain('guessed');
  });
});

describe('without any token in the configuration', () => {
  it('nobody may ask, and everybody hears how to make one', async () => {
    const front = await open({ http: 'tokens: []' });

    const asked = await front.ask('/api/v1/runs', { token: OPERATE });
    const health = await front.ask('/healthz', { token: null });
    const ready = await front.ask('/readyz', { token: null });

    expect(asked.status).toBe(401);
    expect(asked.json.detail).toContain('make one with `nightshift token NAME --may operate`');
    expect([health.status, ready.status]).toEqual([200, 200]);
  });
});

describe('the number of requests', () => {
  it('of one token is limited, and each has its own; health is always answered', async () => {
    const front = await open({ limits: { perMinute: 5, strangersPerMinute: 3 } });
    const statuses = async (times: number, token: string | null, path = '/api/v1/jobs') => {
      const answers = await Promise.all(Array.from({ length: times }, () => front.ask(path, { token })));
      return answers.map(({ status }) => status).toSorted((a, b) => a - b);
    };

    expect(await statuses(7, OPERATE)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(await statuses(1, READ)).toEqual([200]);
    expect(await statuses(5, 'guess')).toEqual([401, 401, 401, 429, 429]);
    expect(new Set(await statuses(20, null, '/healthz'))).toEqual(new Set([200]));

    const { headers, json } = await front.ask('/api/v1/jobs');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(json.detail).toMatch(/^5 requests in a minute are the most here; ask again in \d+ s\.$/);
  });
});

describe('where it listens', () => {
  it('speaks TLS with the certificate of the configuration', async () => {
    const front = await open({
      http: `${TOKENS}, tls: { cert: ${tls('server')}, key: "file:${tls('server-key')}" }`,
    });

    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asking = request(`${front.url}/healthz`, { ca: readFileSync(tls('ca')) }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asking.on('error', reject).end();
    });

    expect(front.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(status).toBe(200);
  });

  it('says in one line what is wrong with the certificate', async () => {
    await expect(
      openFront({ http: `tls: { cert: gone.pem, key: "file:${tls('server-key')}" }` }),
    ).rejects.toThrow(/^http\.tls\.cert: .*gone\.pem does not exist$/);
    await expect(
      openFront({ http: `tls: { cert: ${tls('server-key')}, key: "file:${tls('server')}" }` }),
    ).rejects.toThrow(/^http\.tls: the certificate and its key cannot be used: /);
  });

  it('says in one line that the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };

    await expect(open({ http: `listen: "127.0.0.1:${port}"` })).rejects.toThrow(
      new RegExp(`^http\\.listen: 127\\.0\\.0\\.1:${port} cannot be listened on: .*EADDRINUSE`),
    );
    taken.close();
  });
});
