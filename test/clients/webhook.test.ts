import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Post, ping, WebhookError, webhook } from '../../src/clients/webhook.ts';
import { makeCertificate } from '../support/smtp.ts';

const POST: Post = {
  id: 'run~1.failing.1@nightshift.test',
  subject: '[nightshift] try fails – since today',
  text: 'why\n',
  run: 'run~1',
  at: '2026-11-24T22:41:00.000Z',
};

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let seen: Seen[];
let answer: (response: ServerResponse, request: IncomingMessage) => void;

beforeEach(async () => {
  seen = [];
  answer = (response) => response.writeHead(204).end();
  server = createServer((request, response) => void listen(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

async function listen(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  seen.push({ method: request.method, url: request.url, headers: request.headers, body });
  answer(response, request);
}

function urlOf(path = '/hook/s3cret-token?key=s3cret', at = server): string {
  return `http://127.0.0.1:${(at.address() as AddressInfo).port}${path}`;
}

/** What the call throws; its message never holds the token. */
async function refusal(calling: Promise<void>): Promise<WebhookError> {
  const error = (await calling.catch((error: unknown) => error)) as WebhookError;
  expect(error).toBeInstanceOf(WebhookError);
  expect(`${error.message} ${String(error.cause)}`).not.toContain('s3cret');
  return error;
}

describe('the webhook', () => {
  it('posts JSON under the key by which every try is known, signed where there is a secret', async () => {
    await webhook({ url: urlOf(), secret: 'shared' }).send(POST);
    await webhook({ url: urlOf() }).send(POST);

    const [signed, plain] = seen;
    expect(signed).toMatchObject({ method: 'POST', url: '/hook/s3cret-token?key=s3cret' });
    expect(JSON.parse(signed?.body ?? '')).toEqual(POST);
    expect(signed?.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': POST.id,
      'x-nightshift-signature': `sha256=${createHmac('sha256', 'shared')
        .update(signed?.body ?? '')
        .digest('hex')}`,
    });
    expect(plain?.headers['x-nightshift-signature']).toBeUndefined();
    expect(plain?.body).toBe(signed?.body);
  });

  it.each([
    [400, false],
    [401, false],
    [404, false],
    [410, false],
    [302, false],
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
  ])('that answers %i is tried again: %s', async (status, retryable) => {
    answer = (response) => response.writeHead(status, { location: urlOf('/elsewhere') }).end('no');

    const error = await refusal(webhook({ url: urlOf() }).send(POST));

    expect(error).toMatchObject({ retryable, outcome: 'not sent' });
    expect(error.message).toContain(`answered ${status}`);
    expect(seen).toHaveLength(1);
  });

  it('that breaks off without an answer may have taken it', async () => {
    answer = (response) => response.destroy();

    expect(await refusal(webhook({ url: urlOf() }).send(POST))).toMatchObject({
      retryable: true,
      outcome: 'unknown',
    });
  });

  it('that does not answer in time may have taken it, and so may one that is closed meanwhile', async () => {
    const asked = Promise.withResolvers<void>();
    answer = () => asked.resolve();
    const slow = webhook({ url: urlOf(), timeoutMs: 50 });
    const closed = webhook({ url: urlOf() });

    expect(await refusal(slow.send(POST))).toMatchObject({ retryable: true, outcome: 'unknown' });
    const sending = closed.send(POST);
    await asked.promise;
    closed.close();
    expect(await refusal(sending)).toMatchObject({ retryable: true, outcome: 'unknown' });
  });

  it('that nobody listens at has not taken it', async () => {
    const gone = createServer();
    gone.listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const url = urlOf('/hook/s3cret', gone);
    await new Promise((done) => gone.close(done));

    expect(await refusal(webhook({ url }).send(POST))).toMatchObject({
      retryable: true,
      outcome: 'not sent',
    });
  });

  it('whose certificate nobody vouches for gets nothing', async () => {
    const { key, cert } = makeCertificate();
    const secure = createSecureServer({ key, cert }, (request, response) => void listen(request, response));
    secure.listen(0, '127.0.0.1');
    await once(secure, 'listening');

    const error = await refusal(
      webhook({ url: urlOf('/s3cret', secure).replace('http:', 'https:') }).send(POST),
    );

    expect(error).toMatchObject({ retryable: true, outcome: 'not sent' });
    expect(seen).toEqual([]);
    await new Promise((done) => secure.close(done));
  });
});

describe('the ping of a monitor', () => {
  it('is a GET that wants 2xx', async () => {
    await ping(urlOf());
    expect(seen).toMatchObject([{ method: 'GET', url: '/hook/s3cret-token?key=s3cret', body: '' }]);

    answer = (response) => response.writeHead(404).end();
    expect((await refusal(ping(urlOf()))).message).toContain('answered 404');
  });
});
