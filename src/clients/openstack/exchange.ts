/** One HTTP request and its whole answer, within its time limits. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { getCACertificates } from 'node:tls';
import type { Answer } from './error.ts';

export interface Exchange {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the connection, TLS included. */
  readonly connectMs: number;
  /** From the beginning to the last byte of the answer. */
  readonly answerMs: number;
  readonly signal?: AbortSignal;
}

/** Makes exchanges. */
export type Exchanging = (exchange: Exchange) => Promise<Answer>;

/**
 * What makes exchanges, over connections that are kept for the next one. Throws the network's error,
 * or ETIMEDOUT, when no whole answer came.
 *
 * node:https and not fetch, because fetch takes a CA only for the whole process. `ca` (PEM) is
 * trusted beside the public authorities.
 */
export function openExchange(ca?: string): Exchanging {
  const trust = ca === undefined ? {} : { ca: [...getCACertificates(), ca] };
  const kept = {
    http: new http.Agent({ keepAlive: true }),
    https: new https.Agent({ keepAlive: true, ...trust }),
  };
  // A kept connection may be closed by the server in the moment it is used again. An idempotent
  // call is then sent again; whether a POST was accepted would be anybody's guess.
  const fresh = { http: new http.Agent(), https: new https.Agent(trust) };

  return async function exchange({ method, url, headers, body, connectMs, answerMs, signal }) {
    const agents = method === 'POST' ? fresh : kept;
    const options = { method, headers, ...(signal && { signal }) };
    const request =
      url.protocol === 'https:'
        ? https.request(url, { ...options, agent: agents.https })
        : http.request(url, { ...options, agent: agents.http });
    const limits = watch(request, connectMs, answerMs);
    try {
      const answered = once(request, 'response');
      request.end(body);
      const [response] = (await answered) as [http.IncomingMessage];
      return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
    } catch (error) {
      throw limits.exceeded() ?? error;
    } finally {
      limits.stop();
    }
  };
}

/** Destroys the request when it is too slow; `exceeded` then says why. */
function watch(request: http.ClientRequest, connectMs: number, answerMs: number) {
  let reason: Error | undefined;
  function destroyAfter(ms: number, what: string): NodeJS.Timeout {
    return setTimeout(() => {
      reason = Object.assign(new Error(`${what} took longer than ${ms / 1000} s`), { code: 'ETIMEDOUT' });
      request.destroy(reason);
    }, ms);
  }
  const connecting = destroyAfter(connectMs, 'connecting');
  const answering = destroyAfter(answerMs, 'it');

  request.once('socket', (socket) => {
    const connected = 'encrypted' in socket ? 'secureConnect' : 'connect';
    if (socket.connecting) socket.once(connected, () => clearTimeout(connecting));
    else clearTimeout(connecting);
  });
  // Once the answer has begun, its stream has the errors; the request must not throw them as well.
  request.on('error', () => undefined);

  return {
    exceeded: () => reason,
    stop: () => {
      clearTimeout(connecting);
      clearTimeout(answering);
    },
  };
}
