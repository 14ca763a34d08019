/** The socket before everything else: TLS or not, and what is said to those who do not speak HTTP, or too slowly. */
import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Limits } from './limits.ts';
import { PROBLEM_TYPE, Problem } from './problem.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** How often Node looks for requests that take too long. */
const LOOK_FOR_SLOW_MS = 500;
const MOST_HEADERS = 100;

export function listener(handler: RequestListener, limits: Limits, certificate?: Certificate): Server {
  const options = {
    requestTimeout: limits.requestMs,
    headersTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(LOOK_FOR_SLOW_MS, limits.requestMs),
    maxHeaderSize: limits.headerBytes,
    keepAliveTimeout: limits.idleMs,
  };
  const server =
    certificate === undefined
      ? createServer(options, handler)
      : createTlsServer({ ...options, ...certificate }, handler);
  server.maxHeadersCount = MOST_HEADERS;
  return server.setTimeout(limits.idleMs);
}

const REFUSALS: Readonly<Record<string, Problem>> = {
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(
    'request-too-slow',
    'The request was not there in time; send it in one go',
  ),
  HPE_HEADER_OVERFLOW: new Problem(
    'headers-too-large',
    'The headers are too large; send fewer or shorter ones',
  ),
};
const NO_HTTP = new Problem(
  'unreadable-request',
  'This is no HTTP request, or TLS is spoken where it is not expected',
);

/** For what never became a request. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = REFUSALS[error.code ?? ''] ?? NO_HTTP;
  const body = JSON.stringify(problem.body());
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nConnection: close\r\n` +
      `Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
