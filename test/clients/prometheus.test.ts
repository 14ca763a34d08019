import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openPrometheus } from '../../src/clients/prometheus.ts';
import { HAS_PROMETHEUS, startPrometheus } from '../support/monitoring.ts';
import { makeCertificate } from '../support/smtp.ts';

describe.skipIf(!HAS_PROMETHEUS)('a query to Prometheus (prometheus is installed)', () => {
  let server: Awaited<ReturnType<typeof startPrometheus>>;
  let prometheus: ReturnType<typeof openPrometheus>;
  beforeAll(async () => {
    server = await startPrometheus();
    prometheus = openPrometheus({ url: `${server.url}/` });
  });
  afterAll(() => server.stop());

  it.each([
    { query: 'vector(2.5)', samples: [{ labels: {}, value: 2.5 }] },
    { query: '7', samples: [{ labels: {}, value: 7 }] },
    { query: 'vector(0) / 0', samples: [{ labels: {}, value: Number.NaN }] },
    { query: '-1 / vector(0)', samples: [{ labels: {}, value: -Infinity }] },
    {
      query: 'label_replace(vector(1), "site", "a", "", "")',
      samples: [{ labels: { site: 'a' }, value: 1 }],
    },
    { query: 'no_such_series', samples: [] },
  ])('$query', async ({ query, samples }) => {
    expect(await prometheus.query(query)).toEqual(samples);
  });

  it('that it does not understand is refused for good, in its own words', async () => {
    await expect(prometheus.query('sum(')).rejects.toMatchObject({
      name: 'MonitoringError',
      retryable: false,
      status: 400,
      message: expect.stringContaining('parse error'),
    });
  });

  it('for a range has no single value', async () => {
    await expect(prometheus.query('prometheus_build_info[1m]')).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('something unexpected'),
    });
  });
});

describe('whoever answers as Prometheus', () => {
  const ANSWER = '{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}';
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  async function listen(server: Server): Promise<string> {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it.each([
    { who: 'nobody', credential: {}, header: undefined },
    { who: 'a token', credential: { token: 's3cret' }, header: 'Bearer s3cret' },
    {
      who: 'a user',
      credential: { login: { user: 'ns', password: 's3cret' } },
      header: 'Basic bnM6czNjcmV0',
    },
  ])('sees $who sign in, below the path that it is served under', async ({ credential, header }) => {
    const seen: IncomingMessage[] = [];
    const at = await listen(
      createServer((request, response) => void (seen.push(request), response.end(ANSWER))),
    );

    await openPrometheus({ url: `http://${at}/prom/`, ...credential }).query('1 + 1');

    expect(seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/prom/api/v1/query?query=1+%2B+1', header],
    ]);
  });

  it('shows a certificate of the authority that is named, or gets nothing', async () => {
    const { ca, key, cert } = makeCertificate();
    let asked = 0;
    const at = await listen(
      createSecureServer({ key, cert }, (_, response) => {
        asked += 1;
        response.end(ANSWER);
      }),
    );
    const url = `https://${at}`;

    await expect(openPrometheus({ url, token: 's3cret' }).query('1')).rejects.toMatchObject({
      message: expect.not.stringContaining('s3cret'),
    });
    expect(asked).toBe(0);
    expect(await openPrometheus({ url, ca }).query('1')).toEqual([{ labels: {}, value: 1 }]);
  });

  it.each([
    { status: 503, retryable: true },
    { status: 429, retryable: true },
    { status: 401, retryable: false },
  ])('and answers $status may be asked again: $retryable', async ({ status, retryable }) => {
    const at = await listen(createServer((_, response) => void response.writeHead(status).end('not now')));

    await expect(openPrometheus({ url: `http://${at}` }).query('1')).rejects.toMatchObject({
      retryable,
      status,
      message: `Prometheus at ${at}: GET /api/v1/query was answered ${status}: not now`,
    });
  });

  it('and hangs is given up, and may be asked again', async () => {
    const at = await listen(createServer(() => {}));

    await expect(openPrometheus({ url: `http://${at}`, timeoutMs: 50 }).query('1')).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('got no answer: it took longer than 0.05 s'),
    });
  });

  it('and is a page for people is not understood', async () => {
    const at = await listen(createServer((_, response) => void response.end('<html>Sign in</html>')));

    await expect(openPrometheus({ url: `http://${at}` }).query('1')).rejects.toMatchObject({
      retryable: false,
    });
  });
});
