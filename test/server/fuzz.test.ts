import { Agent, METHODS, request } from 'node:http';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROBLEM_TYPE, ProblemBody } from '../../src/server/problem.ts';
import { CLI, jobOf } from '../engine/support/jobs.ts';
import { type Front, OPERATE, openFront, READ } from './support/server.ts';

const REQUESTS = 10_000;
const SEED = 20261124;
const AT_ONCE = 16;
const QUEUED = 200;

let front: Front;

beforeAll(async () => {
  front = await openFront({
    jobs: { quiet: jobOf(async (ctx) => ctx.log.info('done')) },
    limits: { perMinute: 1e9, strangersPerMinute: 1e9, followers: 1e6 },
  });
  await front.engine.create({ job: 'quiet', ...CLI, id: 'quiet~done' });
  await front.engine.work('quiet~done');
  await Promise.all(
    Array.from({ length: QUEUED }, (_, i) => front.engine.create({ job: 'quiet', ...CLI, id: `quiet~${i}` })),
  );
});

afterAll(() => front.close());

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const weighted = <T>(...choices: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** What may stand in a path, and in a header, as it is. */
const PATH_SIGNS = 'a z 0 9 - _ . ~ ! $ & ( ) * + , ; = : @ % / ? # " < > [ ] { } | ^ `'.split(' ');
const HEADER_SIGNS = ['a', 'z', '0', '9', '-', '=', ',', ';', ':', '/', '*', '"', ' ', '\t', '~', 'é', 'ÿ'];

const plain = fc.string({ unit: fc.constantFrom(...PATH_SIGNS), maxLength: 30 });
const sign = fc.string({ unit: 'binary', maxLength: 20 });
const word = weighted(
  [3, fc.constantFrom('quiet~done', 'quiet~2099', 'quiet')],
  [3, fc.nat(QUEUED - 1).map((i) => `quiet~${i}`)],
  [2, fc.constantFrom('hypervisor hv1', '__proto__', 'constructor', '..')],
  [1, sign],
  [1, fc.string({ maxLength: 600 })],
).map((text) => encodeURIComponent(text.toWellFormed()));

/** Whatever may be in a body, and now and then something else. */
const or = (arbitrary: fc.Arbitrary<unknown>) =>
  weighted<unknown>(
    [20, arbitrary],
    [1, fc.jsonValue()],
    [1, sign],
    [1, fc.constantFrom('\ud800', 'x\udc00')],
  );
const some = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] });
const why = or(fc.string());
const BODIES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  runs: some({ go: or(fc.boolean()), options: or(some({ name: or(fc.string()) })) }),
  decide: fc.record(
    {
      step: or(fc.constant('plan')),
      happened: or(fc.constantFrom('yes', 'no', 'failed')),
      value: fc.jsonValue(),
      why,
    },
    { requiredKeys: ['step', 'happened'] },
  ),
  approve: fc.record(
    { key: or(sign), answer: or(fc.constantFrom('yes', 'no')), why },
    { requiredKeys: ['key', 'answer'] },
  ),
};

interface Target {
  readonly method: string;
  readonly path: string;
}

const look = (path: fc.Arbitrary<string>): fc.Arbitrary<Target> =>
  path.map((path) => ({ method: 'GET', path }));
const act = (path: fc.Arbitrary<string>): fc.Arbitrary<Target> =>
  path.map((path) => ({ method: 'POST', path }));

const target = weighted(
  [
    100,
    look(
      fc
        .tuple(fc.constantFrom('runs/:', 'runs/:/log', 'why/:', 'jobs', 'runs'), word)
        .map(([route, name]) => `/api/v1/${route.replace(':', name)}`),
    ),
  ],
  [
    125,
    act(
      fc
        .tuple(fc.constantFrom('cancel', 'kill', 'resume', 'decide', 'approve'), word)
        .map(([act, name]) => `/api/v1/runs/${name}/${act}`),
    ),
  ],
  [40, act(word.map((name) => `/api/v1/jobs/${name}/runs`))],
  [1, act(fc.constantFrom('/api/v1/freeze', '/api/v1/halt', '/api/v1/thaw'))],
  [
    15,
    look(fc.constantFrom('/', '/healthz', '/readyz', '/metrics', '/api/openapi.json', '//', '/API/V1/RUNS')),
  ],
  [20, look(plain.map((text) => `/${encodeURI(text.toWellFormed())}`))],
  [15, look(fc.constantFrom('/%', '/%zz', '/%00', '/%c3%28', '/api/v1/../../etc/passwd', '/;/?#', '*'))],
);

const query = weighted(
  [9, fc.constant('')],
  [
    2,
    fc
      .dictionary(
        fc.constantFrom('limit', 'state', 'job', 'cursor', 'follow'),
        weighted(
          [1, fc.constantFrom('1', '-1', 'failed', 'quiet', 'WzEsImEiXQ', '9'.repeat(400))],
          [2, sign],
        ),
      )
      .map((pairs) => `?${new URLSearchParams(pairs).toString()}`),
  ],
  [1, plain.map((text) => `?${encodeURI(text)}&limit=1&limit=2&limit[]=3&__proto__=1`)],
);

const header = fc.string({ unit: fc.constantFrom(...HEADER_SIGNS), maxLength: 40 });
const headers = fc
  .tuple(
    weighted(
      [20, fc.constant(`Bearer ${OPERATE}`)],
      [2, fc.constant(`Bearer ${READ}`)],
      [1, header],
      [1, fc.constant('')],
    ),
    fc.dictionary(
      fc.constantFrom(
        'accept',
        'range',
        'last-event-id',
        'idempotency-key',
        'if-none-match',
        'x-forwarded-for',
        'content-encoding',
        'host',
        'cookie',
      ),
      weighted(
        [2, header],
        [
          1,
          fc.constantFrom(
            'text/event-stream',
            'application/json',
            'bytes=0-',
            'bytes=5-2',
            '0',
            'a-key',
            'gzip',
          ),
        ],
      ),
      { maxKeys: 4 },
    ),
    weighted([9, fc.constant('application/json')], [1, header]),
  )
  .map(([authorization, rest, type]) => ({ ...rest, 'content-type': type, authorization }));

const junk = weighted<string | undefined>(
  [2, fc.constant(undefined)],
  [2, fc.jsonValue().map((value) => JSON.stringify(value))],
  [2, fc.string()],
  [
    1,
    fc.constantFrom(
      '{"why":"\\ud800"}',
      '{"why":1e999}',
      `${'['.repeat(5000)}${']'.repeat(5000)}`,
      '{"__proto__":{}}',
      '{"why":"\\u0000"}',
      '{"options":{"name":"\\udc00"}}',
      '\ufeff{}',
      `{"why":"${'x'.repeat(300_000)}"}`,
    ),
  ],
);

/** What the path would like to get, as a rule. */
function bodyFor({ method, path }: Target): fc.Arbitrary<string | undefined> {
  if (method !== 'POST') return weighted([5, fc.constant(undefined)], [1, junk]);
  const wanted = BODIES[path.split('/').at(-1) ?? ''] ?? some({ why });
  return weighted([4, wanted.map((value) => JSON.stringify(value))], [1, junk]);
}

const method = fc.constantFrom(...METHODS.filter((method) => method !== 'CONNECT'));

const shot: fc.Arbitrary<Shot> = fc
  .tuple(target, weighted<string | undefined>([9, fc.constant(undefined)], [1, method]), query, headers)
  .chain(([{ path, ...rest }, other, asked, headers]) =>
    bodyFor({ ...rest, path }).map((body) => ({
      method: other ?? rest.method,
      path: `${path}${asked}`,
      headers,
      body,
    })),
  );

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

async function fire({
  method,
  path,
  headers,
  body,
}: Shot): Promise<{ status: number; type: string; text: string }> {
  const { hostname, port } = new URL(front.url);
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const asking = request(
      { agent, hostname, port, method, path, headers: { ...headers, ...length }, timeout: 30_000 },
      (answer) => {
        const status = answer.statusCode ?? 0;
        const type = answer.headers['content-type'] ?? '';
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          // A log of a run that goes on has no end.
          if (type.startsWith('text/event-stream')) {
            answer.destroy();
            resolve({ status, type, text });
          }
        });
        answer.on('end', () => resolve({ status, type, text })).on('error', reject);
      },
    );
    asking.on('timeout', () => asking.destroy(new Error('no answer'))).on('error', reject);
    asking.end(body);
  });
}

it(`${REQUESTS} requests of any kind are answered, none with an error of ours`, async () => {
  const shots = fc.sample(shot, { seed: SEED, numRuns: REQUESTS });
  const statuses = new Map<number, number>();
  const faults: unknown[] = [];

  async function work(): Promise<void> {
    for (let next = shots.pop(); next !== undefined; next = shots.pop()) {
      const { status, type, text } = await fire(next).catch((error: unknown) => ({
        status: 0,
        type: '',
        text: String(error),
      }));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const isRight =
        status < 400
          ? status >= 200
          : status < 500 &&
            type.includes(PROBLEM_TYPE) &&
            (next.method === 'HEAD' || ProblemBody.strict().safeParse(asJson(text)).success);
      if (!isRight) faults.push({ ...next, status, text: text.slice(0, 300) });
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  agent.destroy();

  expect(faults).toEqual([]);
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(REQUESTS);
  // The shots reach everything that can go wrong, and much that goes right.
  for (const status of [200, 201, 400, 401, 403, 404, 405, 409, 413, 415, 422]) {
    expect(statuses.get(status) ?? 0).toBeGreaterThan(5);
  }
  expect(front.house.logged.filter((line) => line.startsWith('a request failed'))).toEqual([]);
  expect((await front.ask('/readyz')).status).toBe(200);
}, 120_000);

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
