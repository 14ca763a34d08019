/** The simulated cloud's HTTP face: what was asked, by whom, and how it is answered or not. */
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

/** Answers on `port` of the loopback, each service below its own name. */
export async function openHttp(
  world: World,
  services: Readonly<Record<Service, Answer>>,
  { port, before, after }: { port: number; before: () => void; after: () => void },
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = http.createServer((request, response) => void serve(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', url);
    const [, service, path = ''] = /^\/(identity|compute|placement)(\/.*)?$/.exec(pathname) ?? [];
    const requestId = `req-${randomUUID()}`;
    try {
      const body = await text(request);
      before();
      const fault = nextFault(world, { service, method: request.method ?? '', path });
      if (fault === 'silence') return;
      if (fault === 'reset') return void request.socket.resetAndDestroy();
      const ask = {
        path,
        query,
        headers: request.headers,
        method: request.method ?? '',
        url: `${url}/${service}`,
      };
      const reply =
        fault !== undefined
          ? broken(fault)
          : isService(service)
            ? await services[service]({ ...ask, body: parse(body) })
            : { status: 404 };
      after();
      send(response, reply, requestId);
    } catch (error) {
      if (request.destroyed && !request.complete) return; // whoever asked has gone
      if (!(error instanceof Refusal)) throw error;
      after();
      send(response, error.reply, requestId);
    }
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
  return name === 'identity' || name === 'compute' || name === 'placement';
}

function send(response: http.ServerResponse, { status, body, headers }: Reply, requestId: string): void {
  const content = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(content),
    'x-openstack-request-id': requestId,
    ...headers,
  });
  response.end(content);
}

/** What is no JSON object counts as an empty one, which every call refuses in its own words. */
function parse(body: string): Fields {
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
