/** What went wrong with a call to OpenStack, in its own words, and whether trying again helps. */
import { isRetryable, messageOf } from '../../domain/failure.ts';

export interface OpenStackFault {
  readonly retryable: boolean;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  /** What to look for in the logs of OpenStack. */
  readonly requestId?: string;
  /** The service's own message; absent when what answered was not the service (a proxy, say). */
  readonly said?: string;
  /** How long the service asks us to wait. */
  readonly retryAfterMs?: number;
  /** Hosts of which Nova says nothing, because their cell does not answer it. */
  readonly silentHosts?: readonly string[];
  readonly cause?: unknown;
}

export class OpenStackError extends Error {
  override readonly name = 'OpenStackError';
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly said: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly silentHosts: readonly string[] | undefined;

  constructor(message: string, fault: OpenStackFault) {
    super(message, fault.cause === undefined ? undefined : { cause: fault.cause });
    this.retryable = fault.retryable;
    this.status = fault.status;
    this.requestId = fault.requestId;
    this.said = fault.said;
    this.retryAfterMs = fault.retryAfterMs;
    this.silentHosts = fault.silentHosts;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** What the text says, where whoever carried it knows already. */
  readonly body?: unknown;
}

/** An answer that is no success, as an error. `call` says who was asked what: `Nova: GET /servers`. */
export function refusal(call: string, answer: Answer): OpenStackError {
  const { status } = answer;
  const requestId = header(answer, 'x-openstack-request-id') ?? header(answer, 'x-compute-request-id');
  const said = ownMessage(answer.text);
  const retryAfterMs = parseRetryAfter(header(answer, 'retry-after'), Date.now());
  const words = said ?? (plainText(answer.text) || 'nothing more was said');
  const trace = requestId === undefined ? '' : ` [${requestId}]`;
  return new OpenStackError(`${call} was answered ${status}: ${words}${trace}`, {
    retryable: isPassingStatus(status, said),
    status,
    ...(requestId !== undefined && { requestId }),
    ...(said !== undefined && { said }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** No answer, or half of one, as an error. */
export function noAnswer(call: string, cause: unknown): OpenStackError {
  const retryable = isRetryable(cause);
  const advice = /CERT|SIGNATURE|TLS/.test(codeOf(cause) ?? '')
    ? ' (if its certificate comes from a CA of your own, name that CA in `cacert`)'
    : '';
  const what = messageOf(cause) || codeOf(cause) || 'the connection failed';
  return new OpenStackError(`${call} got no answer: ${what}${advice}`, { retryable, cause });
}

/** The code of a network error: ECONNREFUSED … */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/**
 * True when the status passes by itself. A conflict does when the server is busy with a task, not
 * when the state it rests in (stopped, locked) forbids the call.
 */
export function isPassingStatus(status: number, said = ''): boolean {
  if (status === 409) return !/\bin vm_state\b|\bis locked\b/.test(said);
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** Undefined when the service itself says that what was asked for does not exist. */
export async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    // A 404 without the service's own words is a proxy's or a wrong endpoint's: no proof of absence.
    if (error instanceof OpenStackError && error.status === 404 && error.said !== undefined) return undefined;
    throw error;
  }
}

/** `Retry-After` (seconds, or a date) in ms from `nowMs`. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

export function header(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/**
 * The message inside the bodies that OpenStack's services send with an error:
 * `{"conflictingRequest": {"message": …}}`, `{"error": {"message": …}}`, `{"errors": [{"detail": …}]}`.
 */
function ownMessage(text: string): string | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null) return undefined;
  const first: unknown = Object.values(body)[0];
  const fault: unknown = Array.isArray(first) ? first[0] : first;
  if (typeof fault !== 'object' || fault === null) return undefined;
  if ('message' in fault && typeof fault.message === 'string') return oneLine(fault.message);
  if ('detail' in fault && typeof fault.detail === 'string') return oneLine(fault.detail);
  return undefined;
}

function plainText(text: string): string {
  return oneLine(text.replaceAll(/<[^>]*>/g, ' ')).slice(0, 200);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
