/** The step `http`: one call of a URL. */
import { z } from 'zod';
import { messageOf, PermanentError } from '../domain/failure.ts';
import type { HttpAnswer } from '../domain/http-call.ts';
import { show } from '../domain/words.ts';
import type { Effect } from '../engine/job.ts';
import { fits, sayWanted } from './expectation.ts';
import { DONE, EffectWord, Failing, kindOf, type Place, type StepEnd } from './kind.ts';
import { Duration, Text, type TextWanted } from './shapes.ts';
import { fill, fillWord } from './template.ts';

const Status = z.int().min(100).max(599);
const Url = z.string().regex(/^https?:\/\/[^\s{}/]+(\/[^\r\n]*)?$/, {
  error: ({ input }) =>
    `${show(input)} is no URL of the form http://host/… or https://host/… (the host itself is no template)`,
});
/** What says who asks is a secret: in this file it would be in Redis and in everybody's editor as well. */
const SECRET = /^(authorization|proxy-authorization|cookie|.*(token|key|secret).*)$/i;
const Headers = z
  .record(z.string(), z.string().regex(/^[^\r\n]*$/, { error: 'is more than one line' }))
  .superRefine((headers, ctx) => {
    for (const name of Object.keys(headers).filter((name) => SECRET.test(name)))
      ctx.addIssue({
        code: 'custom',
        path: [name],
        message: 'is a secret, and a job’s file cannot hold one',
      });
  });

const TIMEOUT_MS = 30_000;
const MARGIN_MS = 60_000;
const TRIES = 3;
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

const Step = z
  .strictObject({
    http: z.strictObject({
      method: z.enum(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
      url: Url,
      headers: Headers.default({}),
      /** A text goes as it is, anything else as JSON. */
      body: z.json().optional(),
    }),
    ...Failing,
    effect: EffectWord.exclude(['verify']).optional(),
    timeout: Duration.optional(),
    retry: z.strictObject({ tries: z.int().min(2).max(100), pause: Duration.prefault('5s') }).optional(),
    expect: z
      .strictObject({ status: z.union([Status, z.array(Status).min(1)]).optional(), body: Text.optional() })
      .prefault({}),
  })
  .superRefine((step, ctx) => {
    const fault = (path: string[], message: string) => ctx.addIssue({ code: 'custom', path, message });
    const effect = effectOf(step);
    if (effect === 'once' && step.retry !== undefined)
      fault(
        ['retry'],
        'goes against the effect `once`, which is never repeated by itself: say `effect: idempotent` where repeating does no harm',
      );
    if (step.http.body !== undefined && READS.has(step.http.method))
      fault(['http', 'body'], `cannot be sent with ${step.http.method}`);
  });

type Http = z.output<typeof Step>;

export const http = kindOf({
  schema: Step,
  read: (step) => ({
    says: `${step.http.method} ${step.http.url}`,
    effect: effectOf(step),
    needsHost: false,
    work: (at) => work(step, at),
  }),
});

function effectOf({ effect, http }: { effect?: Effect | undefined; http: { method: string } }): Effect {
  return effect ?? (READS.has(http.method) ? 'read' : 'once');
}

async function work(step: Http, at: Place): Promise<StepEnd> {
  const { ctx, key, puttingBack } = at;
  const { timeout: timeoutMs = TIMEOUT_MS, retry } = step;
  const effect = effectOf(step);
  const call = callOf(step.http, at);
  await ctx.step<void>(
    key,
    {
      effect,
      inputs: { ...call },
      disruptive: effect !== 'read' && !puttingBack,
      timeoutMs: timeoutMs + MARGIN_MS,
      retry:
        retry === undefined
          ? { tries: TRIES }
          : { tries: retry.tries, firstMs: retry.pause, maxMs: retry.pause },
    },
    async ({ signal, revoked, log }) => {
      const answer = await ctx
        .http(call, { timeoutMs, signal: AbortSignal.any([signal, revoked]) })
        .catch((error: unknown) => {
          if (effect === 'once' && error instanceof Error && 'sent' in error && error.sent === false)
            throw new PermanentError(`it was not sent: ${messageOf(error)}`, { cause: error });
          throw error;
        });
      log.info('answered', { status: answer.status });
      const fault = whatIsWrong(answer, step.expect, at);
      if (fault === undefined) return;
      if (retry === undefined) throw new PermanentError(fault);
      throw Object.assign(new Error(fault), { retryable: true });
    },
  );
  return DONE;
}

/** What is filled into the URL is one piece of it: a slash in a value opens no other path. */
function callOf({ method, url, headers, body }: Http['http'], { values }: Place) {
  const encoded = new Map(
    [...values].map(([name, value]) => [
      name,
      encodeURIComponent(typeof value === 'string' ? value : JSON.stringify(value)),
    ]),
  );
  const filled = body === undefined ? undefined : fill(body, values);
  const isText = typeof filled === 'string';
  return {
    method,
    url: fillWord(url, encoded),
    headers: {
      ...(filled === undefined || isText ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, oneLine(fillWord(value, values))]),
      ),
    },
    ...(filled === undefined ? {} : { body: isText ? filled : JSON.stringify(filled) }),
  };
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ');
}

function whatIsWrong(
  { status, body }: HttpAnswer,
  expected: { status?: number | number[] | undefined; body?: TextWanted | undefined },
  { values }: Place,
): string | undefined {
  const isRight =
    expected.status === undefined ? status >= 200 && status < 300 : [expected.status].flat().includes(status);
  if (!isRight) return `the answer was ${status}`;
  if (expected.body === undefined || fits(body, expected.body, values)) return undefined;
  return `the answer is not ${sayWanted(expected.body, values)}`;
}
