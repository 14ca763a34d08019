/** The routes about what stops all work after failures, until a person resets it. */
import { z } from 'zod';
import { listBreakers, resetBreaker, type ShownBreaker } from '../breakers.ts';
import { type App, askerOf, type Desk, OR_PROBLEM } from './desk.ts';

const BreakerShape = z
  .object({
    name: z.string(),
    state: z.enum(['open', 'closed']),
    since: z.string().describe('ISO 8601 in UTC'),
    why: z.string(),
    by: z.string().optional().describe('Who closed it'),
  } satisfies Record<keyof ShownBreaker, z.ZodType>)
  .meta({
    id: 'Breaker',
    description: 'What stops all work of a kind, or into one kernel, while it is open',
  });

const Why = z.string().min(1).max(1000).describe('What was wrong, and is not any more');

export function addBreakerRoutes(app: App, { engine, ask }: Desk): void {
  app.route({
    method: 'GET',
    url: '/api/v1/breakers',
    schema: {
      operationId: 'breakers',
      summary: 'Say which breakers are open, and why; those that were reset come last',
      response: { 200: z.object({ breakers: z.array(BreakerShape) }), ...OR_PROBLEM },
    },
    handler: async () => ({ breakers: await ask(() => listBreakers(engine.acts)) }),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/breakers/:name/reset',
    schema: {
      operationId: 'resetBreaker',
      summary: 'Close an open breaker: what failed until now opens it no more',
      params: z.object({ name: z.string().min(1) }),
      body: z.strictObject({ why: Why }),
      response: { 200: BreakerShape, ...OR_PROBLEM },
    },
    handler: (request) => {
      const asked = { name: request.params.name, by: askerOf(request), why: request.body.why };
      return ask(() => resetBreaker(engine.acts, asked, new Date()));
    },
  });
}
