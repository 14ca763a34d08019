/** What every route has at hand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  FastifyTypeProvider,
  RawServerDefault,
} from 'fastify';
import type { z } from 'zod';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import type { Log } from '../engine/job.ts';
import type { Ask } from './ask-redis.ts';
import type { Limits } from './limits.ts';
import { PROBLEM_TYPE, ProblemBody } from './problem.ts';
import type { Token } from './tokens.ts';

/** What schemas make of requests and answers; an answer may be read-only, as the engine's records are. */
export interface Shapes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
  serializer: this['schema'] extends z.ZodType ? Frozen<z.output<this['schema']>> : unknown;
}

type Frozen<T> = T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> } : T;

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  Shapes
>;

export interface Desk {
  readonly engine: Engine;
  readonly config: Config;
  readonly log: Log;
  /** The only way to Redis for a request. */
  readonly ask: Ask;
  readonly limits: Limits;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The token that came with the request. */
    token: Token | undefined;
  }
  interface FastifyContextConfig {
    /** Answered to everybody, without a token. */
    open?: true;
  }
}

/** Who asks, for the audit. */
export function askerOf({ token }: FastifyRequest): string {
  if (token === undefined) throw new Error('a request without a token got past the door');
  return token.name;
}

/** The answers of every operation that are no success. */
export const OR_PROBLEM = {
  default: {
    description: 'Why not, and what to do',
    content: { [PROBLEM_TYPE]: { schema: ProblemBody } },
  },
} as const;
