/** The simulated cloud's services: what was asked, by whom, and how it is answered or not; over HTTP, and without. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ApiFault } from './faults.ts';
import type { World } from './world.ts';

export type Service = ApiFault['service'];

export interface Ask {
  readonly method: string;
  /** Below the service: `/servers/detail`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Fields;
  /** Where the service is reached, for links. */
  readonly url: string;
}

/** A JSON object of which nothing is known. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Reply {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Answer = (ask: Ask) => Reply | Promise<Reply>;

/** An answer that is no success, thrown wherever it is found out. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(JSON.stringify(reply.body));
    this.reply = reply;
  }
}

/** Method, path below the service, and who answers with what the path's groups caught. */
export type Route = readonly [
  method: string,
  path: RegExp,
  answer: (ask: Ask, ...caught: string[]) => Reply | Promise<Reply>,
];

/** The answer of the first route that fits; undefined when none does. */
export function follow(routes: readonly Route[], ask: Ask): Reply | Promise<Reply> | undefined {
  for (const [method, path, answer] of routes) {
    const caught = method === ask.method ? path.exec(ask.path) : null;
    if (caught !== null) return answer(ask, ...caught.slice(1));
  }
  return undefined;
}

/** A request as it comes in, whichever way. */
interface Request {
  readonly method: string;
  /** Whole: `http://127.0.0.1:1234/compute/v2.1/servers`. */
  readonly url: URL;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Answers a request; or says that nothing will come, or that the connection breaks. */
export type Door = (request: Request) => Promise<Reply | 'silence' | 'reset'>;

/** The services behind one door, each below its own name; and `/twin/log`, for whoever checks a night. */
export function openDoor(
  world: World,
  services: Readonly<Record<Service, Answer>>,
  { before, after }: { before: () => void; after: () => void },
): Door {
  return async ({ method, url, headers, body }) => {
    const [, service, path = ''] = /^\/(identity|compute|placement|network)(\/.*)?$/.exec(url.pathname) ?? [];
    const requestId = { 'x-openstack-request-id': `req-${randomUUID()}` };
    before();
    if (url.pathname === '/twin/log') return logFrom(world, url.searchParams);
    try {
      const { apiMs } = world.state.pace;
      if (apiMs > 0) await world.sleep(apiMs);
      const fault = nextFault(world, { service, method, path });
      if (fault === 'silence' || fault === 'reset') return fault;
      if (fault !== undefined) return withHeaders(broken(fault), requestId);
      if (!isService(service)) return { status: 404, headers: requestId };
      const { searchParams: query, origin } = url;
      const ask = { path, query, headers, method, url: `${origin}/${service}`, body: parse(body) };
      const reply = await services[service](ask);
      return withHeaders(reply, requestId);
    } catch (error) {
      if (error instanceof Refusal) return withHeaders(error.reply, requestId);
      throw error;
    } finally {
      after();
    }
  };
}

/** What happened here, oldest first; `after`: what was so many before it was seen already. No cloud has this. */
function logFrom({ log }: World, query: URLSearchParams): Reply {
  const after = Number(query.get('after') ?? 0);
  return { status: 200, body: { happenings: log.slice(after), next: log.length } };
}

function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...headers, ...reply.headers } };
}

/** Answers on `port` of the loopback. */
export async function openHttp(
  door: Door,
  port: number,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = http.createServer((request, response) => void serve(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return; // whoever asked has gone
    const { method = '', headers } = request;
    const reply = await door({ method, url: new URL(request.url ?? '/', url), headers, body });
    if (reply === 'silence') return;
    if (reply === 'reset') return void request.socket.resetAndDestroy();
    send(response, reply);
  }

  return {
    url,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function isService(name: string | undefined): name is Service {
  return name === 'identity' || name === 'compute' || name === 'placement' || name === 'network';
}

function send(response: http.ServerResponse, { status, body, headers }: Reply): void {
  const content = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(content),
    ...headers,
  });
  response.end(content);
}

/** What is no JSON object counts as an empty one, which every call refuses in its own words. */
function parse(body: string): Fields {
  if (body === '') return {};
  try {
    const parsed: unknown = JSON.parse(body);
    return isFields(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nextFault(
  world: World,
  { service, method, path }: { service: string | undefined; method: string; path: string },
): ApiFault['answer'] | undefined {
  const fault = world.state.faults.api.find(
    (each) =>
      each.service === service &&
      (each.method ?? method) === method &&
      path.startsWith(each.path ?? '') &&
      each.times !== 0,
  );
  if (fault?.times !== undefined) fault.times -= 1;
  return fault?.answer;
}

/** As a proxy or a rate limit in front of the services speaks. */
function broken(status: number): Reply {
  if (status === 429) {
    const body = { overLimit: { code: 429, message: 'This request was rate-limited.' } };
    return { status, body, headers: { 'retry-after': '1' } };
  }
  const message = 'Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/';
  return { status, body: { computeFault: { code: status, message } } };
}
