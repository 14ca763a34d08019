/** What a call of a URL is, and what comes back: the port through which jobs call other services. */

interface HttpCall {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent where there is none. */
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** As text, its first MiB. */
  readonly body: string;
}

/**
 * Calls once and follows no redirect. Resolves with whatever status it had; throws (with `retryable`) when no
 * answer was seen: while `sent` is false the other side was never reached.
 */
export type CallHttp = (
  call: HttpCall,
  options: { timeoutMs: number; signal: AbortSignal },
) => Promise<HttpAnswer>;
