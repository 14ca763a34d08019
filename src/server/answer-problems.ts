/** Whatever goes wrong with a request is answered as a problem; what is our own fault goes to the log with its stack. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { messageOf } from '../domain/failure.ts';
import type { App, Desk } from './desk.ts';
import { isLook } from './door.ts';
import { PROBLEM_TYPE, Problem } from './problem.ts';
import { problemOf } from './problem-of.ts';

type Answer = (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;

export function problemAnswers({ limits, log }: Pick<Desk, 'limits' | 'log'>): Answer {
  return (error, { id, method, url }, reply) => {
    const problem = problemOf(error, { id, reads: isLook(method), bodyBytes: limits.bodyBytes });
    const ours = problem.kind === 'internal';
    if (ours) {
      const stack = error instanceof Error ? { stack: error.stack } : {};
      log.error('a request failed', { request: id, method, path: url, why: messageOf(error), ...stack });
    }
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problem.body(ours ? id : undefined)));
  };
}

/** For paths that name nothing. */
export function answerUnknownPaths(app: App): void {
  app.setNotFoundHandler(async ({ url }) => {
    throw new Problem('not-found', `${url.split('?')[0]} is not there; what is, /api/openapi.json says`);
  });
}
