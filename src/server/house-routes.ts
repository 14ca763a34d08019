/** The routes about the installation: does it live, can it be asked, what is it about to do, and why is something as it is? */
import { z } from 'zod';
import type { SubjectNote } from '../engine/runs.ts';
import { whyPatched } from '../why.ts';
import { type App, type Desk, OR_PROBLEM } from './desk.ts';
import { Problem } from './problem.ts';
import { ScheduleQuery, ScheduleShape, WhyShape } from './shapes.ts';

const LIVES = z.object({ status: z.literal('lives') });
const READY = z.object({
  status: z.literal('ready'),
  schedulesHeld: z
    .string()
    .optional()
    .describe('Why this daemon starts nothing by schedule; it works all the same'),
});

export function addHouseRoutes(app: App, { engine, config, ask }: Desk): void {
  app.route({
    method: 'GET',
    url: '/api/v1/schedule',
    schema: {
      operationId: 'schedule',
      summary: 'Say when jobs run by themselves, and what became of the latest instants, with the reason',
      querystring: ScheduleQuery,
      response: { 200: ScheduleShape, ...OR_PROBLEM },
    },
    handler: async ({ query: { next, limit } }) => ({
      ahead: engine.cron.forecast(new Date(), next),
      past: await ask(() => engine.cron.ledger(limit)),
      held: await ask(() => engine.heldSchedules()),
    }),
  });

  app.route({
    method: 'GET',
    url: '/healthz',
    config: { open: true },
    schema: {
      operationId: 'health',
      summary: 'Say that the process lives',
      security: [],
      response: { 200: LIVES },
    },
    handler: () => ({ status: 'lives' as const }),
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    config: { open: true },
    schema: {
      operationId: 'readiness',
      summary: 'Say whether runs can be started, and if not, why',
      security: [],
      response: { 200: READY, ...OR_PROBLEM },
    },
    handler: async () => {
      await ask(() => engine.acts.mode());
      if (engine.doubt !== undefined) throw new Problem('unavailable', engine.doubt);
      if (engine.leaving) throw new Problem('unavailable', 'This daemon hands its runs over and ends');
      const { schedulesHeld } = engine;
      return { status: 'ready' as const, ...(schedulesHeld === undefined ? {} : { schedulesHeld }) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/why/:subject',
    schema: {
      operationId: 'why',
      summary:
        'Say why something is as it is: the latest word on a subject, such as `hypervisor hv19`, `owner` and an address, `server` and an id',
      params: z.object({ subject: z.string() }),
      response: { 200: WhyShape, ...OR_PROBLEM },
    },
    handler: (request) => wordOn(request.params.subject),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/why/:noun/:name',
    schema: {
      operationId: 'whyNamed',
      summary: 'The same of a noun and its name, such as `hypervisor/hv19`',
      params: z.object({ noun: z.string(), name: z.string() }),
      response: { 200: WhyShape, ...OR_PROBLEM },
    },
    handler: ({ params: { noun, name } }) => wordOn(`${noun} ${name}`),
  });

  async function wordOn(subject: string): Promise<SubjectNote> {
    const known =
      (await ask(() => whyPatched(engine, subject, { config, now: new Date() }))) ??
      (await ask(() => engine.runs.why(subject)));
    if (known === undefined) throw new Problem('not-found', `No run has said anything about "${subject}"`);
    return known;
  }
}
