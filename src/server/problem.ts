/** What went wrong with a request, as RFC 9457 has it told to programs, and in a sentence that a person can act on. */
import { z } from 'zod';

const KINDS = {
  'unreadable-request': [400, 'The request cannot be read'],
  'no-token': [401, 'A token is needed'],
  'token-may-only-read': [403, 'This token may only read'],
  'not-found': [404, 'There is no such thing'],
  'method-not-allowed': [405, 'That cannot be asked here'],
  'request-too-slow': [408, 'The request took too long to arrive'],
  refused: [409, 'This cannot be done as things are'],
  'body-too-large': [413, 'The body is too large'],
  'body-not-json': [415, 'The body must be JSON'],
  'no-such-bytes': [416, 'The log has no such bytes'],
  'faulty-request': [422, 'Something in the request is wrong'],
  'key-reused': [422, 'The key was given before with another request'],
  'too-many-requests': [429, 'Too many requests'],
  'headers-too-large': [431, 'The headers are too large'],
  internal: [500, 'Something went wrong in Nightshift'],
  unavailable: [503, 'Nothing can be answered now'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemKind = keyof typeof KINDS;

/** One thing wrong with what was sent: where, and what. */
export interface ProblemFault {
  readonly path: string;
  readonly message: string;
}

export interface ProblemExtras {
  readonly faults?: readonly ProblemFault[];
  readonly headers?: Readonly<Record<string, string>>;
}

export const PROBLEM_TYPE = 'application/problem+json';

export const ProblemBody = z
  .object({
    type: z.string().describe('Which kind of problem it is: the same words every time'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What is wrong and what to do, for a person'),
    instance: z.string().optional().describe('Names this request in the log of the daemon'),
    faults: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('Each thing that is wrong with what was sent'),
  })
  .meta({ id: 'Problem' });

/** Thrown where a request cannot be met; the answer says so. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly kind: ProblemKind;
  readonly faults: readonly ProblemFault[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: ProblemKind, detail: string, { faults = [], headers = {} }: ProblemExtras = {}) {
    super(sentence(detail));
    this.kind = kind;
    this.faults = faults;
    this.headers = headers;
  }

  get status(): number {
    return KINDS[this.kind][0];
  }

  /** The body of the answer. */
  body(instance?: string): z.output<typeof ProblemBody> {
    return {
      type: `urn:nightshift:problem:${this.kind}`,
      title: KINDS[this.kind][1],
      status: this.status,
      detail: this.message,
      ...(instance === undefined ? {} : { instance: `urn:nightshift:request:${instance}` }),
      ...(this.faults.length === 0 ? {} : { faults: [...this.faults] }),
    };
  }
}

/** What is wrong with a request's parts, all at once. */
export function faulty(faults: readonly ProblemFault[]): Problem {
  const all = faults.map(({ path, message }) => `${path}: ${message}`);
  return new Problem('faulty-request', all.join('; '), { faults });
}

/** With a full stop, and a capital unless it begins with a name. */
function sentence(text: string): string {
  const begun = text.replace(
    /^(there|this|that|the|it) /,
    (word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`,
  );
  return /[.?]$/.test(begun) ? begun : `${begun}.`;
}
