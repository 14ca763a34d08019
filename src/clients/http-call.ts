/** Calls URLs for jobs. Implements the `CallHttp` port. */
import { messageOf } from '../domain/failure.ts';
import type { CallHttp } from '../domain/http-call.ts';

/** A call of which no answer was seen. Names the host, and nothing else of the URL, which may hold a token. */
export class HttpCallError extends Error {
  override readonly name = 'HttpCallError';
  readonly retryable: boolean;
  /** The request may have arrived. */
  readonly sent: boolean;

  constructor(message: string, how: { retryable: boolean; sent: boolean; cause?: unknown }) {
    super(message, { cause: how.cause });
    this.retryable = how.retryable;
    this.sent = how.sent;
  }
}

const MOST_CHARACTERS = 1024 * 1024;
/** The other side was never reached, or is not the one that it should be. */
const NOT_REACHED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$|CERT|SIGNATURE|ISSUER|^ERR_(TLS|SSL)/;
/** Trying again makes no certificate valid. */
const LASTING = /CERT|SIGNATURE|ISSUER|^ERR_(TLS|SSL)/;

export const callHttp: CallHttp = async ({ method, url, headers, body }, { timeoutMs, signal }) => {
  const { host } = new URL(url);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await fetch(url, {
      method,
      // A connection that is kept would keep the process.
      headers: { connection: 'close', ...headers },
      redirect: 'manual',
      signal: AbortSignal.any([timeout, signal]),
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, body: (await answer.text()).slice(0, MOST_CHARACTERS) };
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) {
      const why = `${host} gave no answer within ${timeoutMs / 1000} s`;
      throw new HttpCallError(why, { retryable: true, sent: true, cause: error });
    }
    const code = codeOf(error);
    throw new HttpCallError(`${host} cannot be asked: ${code === '' ? messageOf(error) : code}`, {
      retryable: !LASTING.test(code),
      sent: !NOT_REACHED.test(code),
    });
  }
};

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause);
}
