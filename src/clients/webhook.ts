/** Calls URLs of the site: the webhook that operators are told by, and the one at which a monitor waits for a heartbeat. */
import { createHmac } from 'node:crypto';

export interface WebhookSettings {
  /** `https://…`, or `http://…` on this machine. May hold a token: it is in no error and no log. */
  readonly url: string;
  /** Signs each body: `X-Nightshift-Signature: sha256=<HMAC-SHA256 in hex>`. */
  readonly secret?: string;
  /** For the whole call. Default 20 s. */
  readonly timeoutMs?: number;
}

/** What operators are told: its JSON is the body of the request. */
export interface Post {
  /** The same for every try: also in the header `Idempotency-Key`. */
  readonly id: string;
  readonly subject: string;
  readonly text: string;
  /** The run that it is about. */
  readonly run?: string;
  /** When it was written, ISO 8601. */
  readonly at: string;
}

export interface Webhook {
  /** Resolves once the other side has answered 2xx. It may see the same post twice, the same to the byte. */
  send(post: Post): Promise<void>;
  /** Breaks off what is being sent. */
  close(): void;
}

/** A call that did not go well, or of which nobody knows. Names the host, and nothing else of the URL. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  readonly retryable: boolean;
  /** `unknown`: it was on its way, and no answer came. */
  readonly outcome: 'not sent' | 'unknown';

  constructor(message: string, how: { retryable: boolean; outcome?: WebhookError['outcome'] }) {
    super(message);
    this.retryable = how.retryable;
    this.outcome = how.outcome ?? 'not sent';
  }
}

const TIMEOUT_MS = 20_000;
/** A sign of life that comes late is none, and the end of a daemon waits for one that is under way. */
const PING_TIMEOUT_MS = 5000;
/** RFC 9110: the other side had no time, or saw too much of us. */
const PASSING = new Set([408, 425, 429]);
/** The other side was never reached. */
const NOT_REACHED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$|CERT|SIGNATURE|ISSUER|^ERR_(TLS|SSL)/;

/** @throws WebhookError from `send`: retryable but for answers that will be the same again. */
export function webhook({ url, secret, timeoutMs = TIMEOUT_MS }: WebhookSettings): Webhook {
  const closing = new AbortController();
  return {
    async send(post) {
      const body = JSON.stringify(post);
      const signature =
        secret === undefined
          ? {}
          : { 'x-nightshift-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
      await call(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'idempotency-key': post.id, ...signature },
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]),
      });
    },
    close: () => closing.abort(),
  };
}

/** Tells a monitor that all is well. @throws WebhookError */
export async function ping(url: string, timeoutMs = PING_TIMEOUT_MS): Promise<void> {
  await call(url, { method: 'GET', signal: AbortSignal.timeout(timeoutMs) });
}

async function call(
  url: string,
  init: Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> },
): Promise<void> {
  const { host } = new URL(url);
  let status: number;
  try {
    // A redirect could lead the token to somebody else. A connection that is kept would keep the process.
    const headers = { 'user-agent': 'nightshift', connection: 'close', ...init.headers };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    ({ status } = response);
    await response.body?.cancel();
  } catch (error) {
    throw noAnswer(host, error);
  }
  if (status >= 200 && status <= 299) return;
  const hint =
    status >= 300 && status <= 399 ? '; redirects are not followed, so give the URL it leads to' : '';
  throw new WebhookError(`${host} answered ${status}${hint}`, {
    retryable: status >= 500 || PASSING.has(status),
  });
}

function noAnswer(host: string, error: unknown): WebhookError {
  const { cause } = error as { cause?: unknown };
  const { code = '', message = String(error) } = (cause ?? error) as { code?: unknown; message?: string };
  const timedOut = error instanceof Error && error.name === 'TimeoutError';
  const why = timedOut ? 'no answer in time' : message;
  const reached = timedOut || !NOT_REACHED.test(String(code));
  return new WebhookError(`${host}: ${why}`, { retryable: true, outcome: reached ? 'unknown' : 'not sent' });
}
