/** How Keystone lets people in, and what happens when a token is no good any more. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, it } from 'vitest';
import { openStackCloud } from '../../../src/clients/openstack/cloud.ts';
import type { Bench } from './bench.ts';

export function signInContract(open: () => Bench): void {
  let bench: Bench;
  beforeEach(() => {
    bench = open();
  });

  it('is done again when a token is refused', async () => {
    const front = await openFront(bench.side.settings.authUrl);
    try {
      const cloud = openStackCloud({ ...bench.side.settings, authUrl: front.url });

      const { hypervisors } = await cloud.fleet();

      expect(hypervisors).toHaveLength(5);
      expect(front.signIns()).toBe(2);
    } finally {
      await front.close();
    }
  });

  it('is refused with a wrong password, for good', async () => {
    const { settings } = bench.side;
    if (settings.credential.kind !== 'password') throw new Error('the contract signs in with a password');
    const cloud = openStackCloud({ ...settings, credential: { ...settings.credential, password: 'wrong' } });

    await expect(cloud.fleet()).rejects.toMatchObject({
      status: 401,
      retryable: false,
      said: 'The request you have made requires authentication.',
    });
  });

  it('is needed for every call', async () => {
    const { status, body } = await bench.nova('GET', '/servers/detail', { token: 'nobody' });

    expect([status, body.error.message]).toEqual([401, 'The request you have made requires authentication.']);
  });

  it.each([
    ['2.99', 406, 'Version 2.99 is not supported by the API. Minimum is 2.1 and maximum is 2.93.'],
    ['x', 400, 'API Version String x is of invalid format. Must be of format MajorNum.MinorNum.'],
  ])('comes before microversion %s is refused with %i', async (microversion, expected, message) => {
    const { status, body } = await bench.nova('GET', '/servers/detail', { microversion });

    expect(status).toBe(expected);
    expect(JSON.stringify(body)).toContain(message);
  });
}

/** Keystone behind a door at which the first token is mixed up. */
async function openFront(authUrl: string) {
  let signIns = 0;
  const server = http.createServer((request, response) => {
    void (async () => {
      const answer = await fetch(`${authUrl}${request.url ?? ''}`, {
        method: request.method ?? 'GET',
        headers: { 'content-type': 'application/json' },
        body: await text(request),
      });
      signIns += 1;
      const token = signIns === 1 ? 'mixed-up' : (answer.headers.get('x-subject-token') ?? '');
      response.writeHead(answer.status, { 'content-type': 'application/json', 'x-subject-token': token });
      response.end(await answer.text());
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    signIns: () => signIns,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
