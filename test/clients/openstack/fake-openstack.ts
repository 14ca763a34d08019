/** A small Keystone, Nova, Placement and Neutron on a port of their own, with state, and with faults on demand. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { OpenStackSettings } from '../../../src/clients/openstack/settings.ts';
import { fakeNeutron, type Neutron } from './fake-neutron.ts';
import { fakeNova, type Nova } from './fake-nova.ts';
import { fakePlacement, type Placement } from './fake-placement.ts';
import { sample } from './samples.ts';

export interface Asked {
  readonly method: string;
  /** Below the service: `/servers/detail`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A reply, or something worse: the connection reset, half an answer (and then the end, or nothing), none at all. */
type Answer = Reply | 'reset' | 'half' | 'stall' | 'silence';

export interface FakeOpenStack {
  readonly url: string;
  /** As `admin`, with short pauses between tries. */
  readonly settings: OpenStackSettings;
  /** All that was asked, as `GET /servers/detail`, in order; Keystone's and the version documents' too. */
  readonly log: string[];
  /** The same, whole. */
  readonly asked: Asked[];
  readonly keystone: Keystone;
  readonly nova: Nova;
  readonly placement: Placement;
  /** Not in the catalog, unless a test puts it there. */
  readonly neutron: Neutron;
  /** The next requests `GET /servers/detail` are answered in these ways, one each. */
  instead(request: string, ...answers: Answer[]): void;
  stop(): Promise<void>;
}

interface Keystone {
  readonly catalog: ReturnType<typeof sample<'catalog'>>;
  /** Tokens that are good. */
  readonly tokens: Set<string>;
  tokenLifeMs: number;
  /** The bodies of the requests for a token. */
  readonly requests: unknown[];
}

export interface Tls {
  readonly key: string;
  readonly cert: string;
}

export async function startFakeOpenStack(tls?: Tls): Promise<FakeOpenStack> {
  const log: string[] = [];
  const heard: Asked[] = [];
  const faults = new Map<string, Answer[]>();
  const keystone: Keystone = {
    catalog: sample('catalog'),
    tokens: new Set(),
    tokenLifeMs: 3_600_000,
    requests: [],
  };
  const nova = fakeNova();
  const placement = fakePlacement();
  const neutron = fakeNeutron();
  const server = tls ? https.createServer(tls, onRequest) : http.createServer(onRequest);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const { type, endpoints } of keystone.catalog)
    for (const endpoint of endpoints) endpoint.url = `${url}/${type}${type === 'compute' ? '/v2.1' : ''}`;

  function onRequest(request: http.IncomingMessage, response: http.ServerResponse): void {
    void serve(request).then((answer) => reply(answer, request, response));
  }

  async function serve(request: http.IncomingMessage): Promise<Answer> {
    const { pathname, searchParams: query } = new URL(request.url ?? '', url);
    const [, service = '', path = ''] =
      /^\/(identity\/v3|compute\/v2\.1|placement|network\/v2\.0)(.*)$/.exec(pathname) ?? [];
    const body = await text(request);
    const asked: Asked = {
      method: request.method ?? '',
      path,
      query,
      headers: request.headers,
      body: body === '' ? undefined : JSON.parse(body),
    };
    const name = `${asked.method} ${path}`;
    log.push(name);
    heard.push(asked);
    const fault = faults.get(name)?.shift();
    if (fault !== undefined) return fault;
    if (service === 'identity/v3') return authenticate(asked);
    if (path === '/') return service === 'placement' ? placement.versions() : nova.versions();
    if (!keystone.tokens.has(String(request.headers['x-auth-token']))) return unauthorized;
    if (service === 'network/v2.0') return neutron.answer(asked);
    return service === 'placement' ? placement.answer(asked) : nova.answer(asked);
  }

  function authenticate({ body }: Asked): Reply {
    keystone.requests.push(body);
    const { identity } = (body as { auth: { identity: { password?: { user: { password: string } } } } }).auth;
    if (identity.password && identity.password.user.password !== 'secret') return unauthorized;
    const token = `token-${keystone.requests.length}`;
    keystone.tokens.add(token);
    // Keystone's clock is an hour ahead of ours.
    const issued = Date.now() + 3_600_000;
    return {
      status: 201,
      headers: { 'x-subject-token': token },
      body: {
        token: {
          issued_at: new Date(issued).toISOString(),
          expires_at: new Date(issued + keystone.tokenLifeMs).toISOString(),
          project: { id: 'a9200dac3eda4d09b72e6c045663392b' },
          catalog: keystone.catalog,
        },
      },
    };
  }

  return {
    url,
    settings: {
      name: 'cloud test (clouds.yaml)',
      authUrl: `${url}/identity/v3`,
      credential: {
        kind: 'password',
        user: { name: 'admin', domain: { id: 'default' } },
        password: 'secret',
        project: { name: 'admin', domain: { id: 'default' } },
      },
      interface: 'public',
      endpoints: {},
      timing: { firstPauseMs: 1, longestPauseMs: 5 },
    },
    log,
    asked: heard,
    keystone,
    nova,
    placement,
    neutron,
    instead: (request, ...answers) => void faults.set(request, answers),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const unauthorized: Reply = {
  status: 401,
  body: {
    error: {
      code: 401,
      message: 'The request you have made requires authentication.',
      title: 'Unauthorized',
    },
  },
};

let requests = 0;

function reply(answer: Answer, request: http.IncomingMessage, response: http.ServerResponse): void {
  if (answer === 'silence') return;
  if (answer === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  if (answer === 'half' || answer === 'stall') {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"servers": [', () => answer === 'half' && request.socket.destroy());
    return;
  }
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'x-openstack-request-id': `req-${++requests}`,
    ...answer.headers,
  });
  const { body } = answer;
  response.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
}
