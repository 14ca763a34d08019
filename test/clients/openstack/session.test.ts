/** How calls behave when the cloud does not: tokens that end, refusals, lost and late answers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { OpenStackError } from '../../../src/clients/openstack/error.ts';
import { type Call, openSession } from '../../../src/clients/openstack/session.ts';
import { type FakeOpenStack, startFakeOpenStack } from './fake-openstack.ts';
import { pem, sample } from './samples.ts';

let cloud: FakeOpenStack;
beforeEach(async () => {
  cloud = await startFakeOpenStack();
});
afterEach(() => cloud.stop());

const list: Call = { service: 'compute', method: 'GET', path: '/os-aggregates' };
const action: Call = { service: 'compute', method: 'POST', path: '/servers/1/action', body: { pause: null } };
const Anything = z.unknown();

function tries(request: string): number {
  return cloud.log.filter((entry) => entry === request).length;
}

async function errorOf(call: Promise<unknown>): Promise<OpenStackError> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  if (!(error instanceof OpenStackError)) throw new Error(`not an OpenStackError: ${String(error)}`);
  return error;
}

describe('a token', () => {
  it('is asked for once by calls that begin together', async () => {
    const session = openSession(cloud.settings);

    await Promise.all([session(list, Anything), session(list, Anything), session(list, Anything)]);

    expect(tries('POST /auth/tokens')).toBe(1);
  });

  it('is renewed once when it is refused, however many calls had it', async () => {
    const session = openSession(cloud.settings);
    await session(list, Anything);
    cloud.keystone.tokens.clear();

    await Promise.all([session(list, Anything), session(list, Anything), session(list, Anything)]);

    expect(tries('POST /auth/tokens')).toBe(2);
  });

  it('is renewed before its end by Keystone’s clock, so that no call is refused', async () => {
    cloud.keystone.tokenLifeMs = 0;
    const session = openSession(cloud.settings);

    await session(list, Anything);
    await session(list, Anything);

    expect(tries('POST /auth/tokens')).toBe(2);
    expect(tries('GET /os-aggregates')).toBe(2);
  });

  it('that is refused twice is an error, not a loop', async () => {
    cloud.instead('GET /os-aggregates', { status: 401 }, { status: 401 }, { status: 401 });

    const error = await errorOf(openSession(cloud.settings)(list, Anything));

    expect(error).toMatchObject({ status: 401, retryable: false });
    expect(tries('GET /os-aggregates')).toBe(2);
  });

  it('that cannot be had is an error without the password, and is asked for again by the next call', async () => {
    const credential = { ...cloud.settings.credential, password: 'hunter2' };
    const session = openSession({ ...cloud.settings, credential });

    const error = await errorOf(session(list, Anything));
    await errorOf(session(list, Anything));

    expect(error).toMatchObject({ status: 401, retryable: false });
    expect(error.message).toMatch(
      /^Keystone: signing in to cloud test \(clouds.yaml\) was answered 401: The request you have made requires authentication. \[req-\d+\]$/,
    );
    expect(JSON.stringify([error, error.message, error.stack])).not.toMatch(/hunter2/);
    expect(tries('POST /auth/tokens')).toBe(2);
  });

  it('is had for an application credential, which names no project', async () => {
    const session = openSession({
      ...cloud.settings,
      credential: { kind: 'application credential', credential: { id: 'c0ffee' }, secret: 's' },
    });

    await session(list, Anything);

    expect(cloud.keystone.requests).toEqual([
      {
        auth: {
          identity: {
            methods: ['application_credential'],
            application_credential: { id: 'c0ffee', secret: 's' },
          },
        },
      },
    ]);
  });
});

describe('what is idempotent', () => {
  it.each([
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '0' } }],
    ['500', { status: 500, body: sample('hypervisors-500') }],
    ['503 of a proxy', { status: 503, body: '<html><h1>503 Service Unavailable</h1></html>' }],
    ['a connection that is reset', 'reset'],
    ['half an answer', 'half'],
  ] as const)('is sent again after %s', async (_, answer) => {
    cloud.instead('GET /os-aggregates', answer, answer);

    const got = await openSession(cloud.settings)(list, z.object({ aggregates: z.array(Anything) }));

    expect(got.aggregates).toHaveLength(3);
    expect(tries('GET /os-aggregates')).toBe(3);
  });

  it('is not sent again once there is no time left for it', async () => {
    const settings = { ...cloud.settings, timing: { firstPauseMs: 1, longestPauseMs: 1, retryForMs: 0 } };
    cloud.instead('GET /os-aggregates', { status: 500, body: sample('hypervisors-500') });

    const error = await errorOf(openSession(settings)(list, Anything));

    expect(tries('GET /os-aggregates')).toBe(1);
    expect(error).toMatchObject({ status: 500, retryable: true });
    expect(error.requestId).toMatch(/^req-\d+$/);
    expect(error.message).toContain('MessagingTimeout');
    expect(error.message).toContain(`[${error.requestId}]`);
  });

  it('waits as long as it is asked to', async () => {
    cloud.instead('GET /os-aggregates', { status: 429, headers: { 'retry-after': '0.2' } });
    const began = performance.now();

    await openSession(cloud.settings)(list, Anything);

    expect(performance.now() - began).toBeGreaterThan(195);
  });

  it.each([400, 403, 404, 409])('is not sent again after %i', async (status) => {
    cloud.instead('GET /os-aggregates', { status, body: sample('forbidden-403') });

    const error = await errorOf(openSession(cloud.settings)(list, Anything));

    expect(error.status).toBe(status);
    expect(tries('GET /os-aggregates')).toBe(1);
  });
});

describe('a POST', () => {
  it.each([429, 503])('is sent again after %i, which did not accept it', async (status) => {
    cloud.instead('POST /servers/1/action', { status });

    await openSession(cloud.settings)(action, Anything);

    expect(cloud.nova.actions).toHaveLength(1);
  });

  it.each([
    ['a connection that is reset', 'reset'],
    ['half an answer', 'half'],
    ['500', { status: 500, body: sample('hypervisors-500') }],
  ] as const)('is not sent again after %s, which may have accepted it', async (_, answer) => {
    cloud.instead('POST /servers/1/action', answer);

    const error = await errorOf(openSession(cloud.settings)(action, Anything));

    expect(error.retryable).toBe(true);
    expect(tries('POST /servers/1/action')).toBe(1);
  });

  it('is sent over a connection of its own, which no server can be about to close', async () => {
    const session = openSession(cloud.settings);

    await session(list, Anything);
    await session(action, Anything);

    expect(cloud.asked.slice(-2).map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'close']);
  });

  it('is sent again when its token was refused, which did not accept it', async () => {
    const session = openSession(cloud.settings);
    await session(list, Anything);
    cloud.keystone.tokens.clear();

    await session(action, Anything);

    expect(cloud.nova.actions).toHaveLength(1);
  });
});

describe('an answer that does not come', () => {
  it.each(['silence', 'stall'] as const)(
    'ends the call after its time (%s), as something that may go well later',
    async (answer) => {
      const settings = { ...cloud.settings, timing: { answerMs: 100, listMs: 10_000, retryForMs: 0 } };
      cloud.instead('GET /os-aggregates', answer);

      const error = await errorOf(openSession(settings)(list, Anything));

      expect(error.retryable).toBe(true);
      expect(error.message).toBe(
        `Nova: GET /os-aggregates at ${new URL(cloud.url).host} got no answer: it took longer than 0.1 s`,
      );
    },
  );

  it('is waited for longer where Nova itself waits for its cells', async () => {
    const settings = { ...cloud.settings, timing: { answerMs: 10_000, listMs: 100, retryForMs: 0 } };
    cloud.instead('GET /servers/detail', 'silence');
    const everyCell: Call = { service: 'compute', method: 'GET', path: '/servers/detail', everyCell: true };

    const error = await errorOf(openSession(settings)(everyCell, Anything));

    expect(error.message).toContain('it took longer than 0.1 s');
  });

  it('from a port where nobody listens names the address', async () => {
    const settings = { ...cloud.settings, authUrl: 'http://127.0.0.1:1/v3', timing: { retryForMs: 0 } };

    const error = await errorOf(openSession(settings)(list, Anything));

    expect(error.retryable).toBe(true);
    expect(error.message).toBe(
      'Keystone: signing in to cloud test (clouds.yaml) at 127.0.0.1:1 got no answer: connect ECONNREFUSED 127.0.0.1:1',
    );
  });
});

describe('the endpoint', () => {
  it('of a service that the catalog lacks is an error that names what it has', async () => {
    cloud.keystone.catalog.splice(
      cloud.keystone.catalog.findIndex(({ type }) => type === 'placement'),
      1,
    );

    const error = await errorOf(openSession(cloud.settings)({ ...list, service: 'placement' }, Anything));

    expect(error.retryable).toBe(false);
    expect(error.message).toBe(
      "Keystone's catalog has no service of type placement (types it has: compute, identity)",
    );
  });

  it('may be set instead of the catalog’s', async () => {
    cloud.keystone.catalog.length = 0;
    const settings = { ...cloud.settings, endpoints: { compute: `${cloud.url}/compute/v2.1` } };

    await openSession(settings)(list, Anything);

    expect(tries('GET /os-aggregates')).toBe(1);
  });

  it('may end with the project’s id, as in old catalogs', async () => {
    const compute = `${cloud.url}/compute/v2.1/a9200dac3eda4d09b72e6c045663392b`;

    await openSession({ ...cloud.settings, endpoints: { compute } })(list, Anything);

    expect(tries('GET /os-aggregates')).toBe(1);
  });

  it('may lie above the versions of Nova', async () => {
    const v2 = { id: 'v2.0', version: '', min_version: '' };
    const v21 = { id: 'v2.1', version: '2.93', min_version: '2.1' };
    cloud.instead('GET ', { status: 200, body: { versions: [v2, v21] } });
    const settings = { ...cloud.settings, endpoints: { compute: `${cloud.url}/compute` } };

    await openSession(settings)(list, Anything);

    expect(tries('GET /os-aggregates')).toBe(1);
  });

  it.each([
    ['2.93', '2.87'],
    ['2.80', '2.80'],
  ])('of a Nova that speaks up to %s is spoken to at %s', async (theirs, spoken) => {
    cloud.nova.maxMicroversion = theirs;

    await openSession(cloud.settings)(list, Anything);

    expect(cloud.asked.at(-1)?.headers['openstack-api-version']).toBe(`compute ${spoken}`);
  });

  it('that speaks too old a microversion is an error that says so', async () => {
    cloud.nova.maxMicroversion = '2.53';

    const error = await errorOf(openSession(cloud.settings)(list, Anything));

    expect(error.retryable).toBe(false);
    expect(error.message).toBe(
      `Nova at ${cloud.url}/compute/v2.1 speaks microversions up to 2.53, Nightshift needs 2.69 or newer`,
    );
  });

  it('is asked anew with every token, so that a cloud that was upgraded is understood', async () => {
    cloud.nova.maxMicroversion = '2.80';
    const session = openSession(cloud.settings);
    await session(list, Anything);
    cloud.nova.maxMicroversion = '2.93';
    cloud.keystone.tokens.clear();

    await session(list, Anything);

    expect(cloud.asked.at(-1)?.headers['openstack-api-version']).toBe('compute 2.87');
  });

  it('that could not be asked is asked again by the next call', async () => {
    cloud.instead('GET /', { status: 404 });
    const session = openSession(cloud.settings);
    await errorOf(session(list, Anything));

    await session(list, Anything);

    expect(tries('GET /os-aggregates')).toBe(1);
  });
});

describe('an answer that nobody expects', () => {
  it('names the first fields that differ', async () => {
    cloud.instead('GET /os-aggregates', { status: 200, body: { aggregates: [{ name: 7 }] } });
    const Names = z.object({ aggregates: z.array(z.object({ name: z.string() })) });

    const error = await errorOf(openSession(cloud.settings)(list, Names));

    expect(error.retryable).toBe(false);
    expect(error.message).toMatch(
      /^Nova: GET \/os-aggregates was answered with something unexpected: aggregates.0.name: /,
    );
  });

  it('is no JSON when a proxy speaks, who may be gone next time', async () => {
    cloud.instead('GET /os-aggregates', { status: 200, body: '<html>We are moving</html>' });

    const error = await errorOf(openSession(cloud.settings)(list, Anything));

    expect(error).toMatchObject({
      retryable: true,
      message: 'Nova: GET /os-aggregates was answered 200, but not in JSON',
    });
  });
});

describe('over TLS', () => {
  let secure: FakeOpenStack;
  beforeEach(async () => {
    secure = await startFakeOpenStack({ key: pem('server-key'), cert: pem('server') });
  });
  afterEach(() => secure.stop());

  it('a cloud is trusted whose certificate the given CA has signed', async () => {
    await openSession({ ...secure.settings, ca: pem('ca') })(list, Anything);

    expect(secure.log).toContain('GET /os-aggregates');
  });

  it('a cloud whose CA nobody knows is refused before it hears a secret', async () => {
    const error = await errorOf(openSession(secure.settings)(list, Anything));

    expect(error.retryable).toBe(false);
    expect(error.message).toContain('name that CA in `cacert`');
    expect(secure.keystone.requests).toEqual([]);
  });
});
