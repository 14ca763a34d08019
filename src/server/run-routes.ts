/** The routes that start runs and show them. */
import { z } from 'zod';
import { unknownWord } from '../domain/words.ts';
import type { KeyedRequest } from '../engine/request-key.ts';
import { startRun } from '../start-run.ts';
import { known } from './ask-redis.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { type App, askerOf, type Desk, OR_PROBLEM } from './desk.ts';
import { findRun } from './find-run.ts';
import { faulty } from './problem.ts';
import {
  JobShape,
  NewRunBody,
  NewRunHeaders,
  RunPageShape,
  RunParams,
  RunQuery,
  RunShape,
  StartedRun,
} from './shapes.ts';

export function addRunRoutes(app: App, desk: Desk): void {
  const { engine, config, ask } = desk;

  app.route({
    method: 'GET',
    url: '/api/v1/jobs',
    schema: {
      operationId: 'listJobs',
      summary: 'List the jobs, where each may change things, and the options that it takes',
      response: { 200: z.object({ jobs: z.array(JobShape) }), ...OR_PROBLEM },
    },
    handler: async () => {
      const health = await known(ask(() => engine.health()));
      const jobs = [...engine.jobs.values()].map(({ name, job, definition }) => {
        const { options: configured = {}, armed = false, ...when } = config.jobs[name] ?? {};
        const options = z.toJSONSchema(job.options, { io: 'input', unrepresentable: 'any' });
        const does = health === undefined ? {} : { health: health.get(name) };
        return { name, summary: job.summary, armed, ...when, configured, options, definition, ...does };
      });
      return { jobs };
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/jobs/:job/runs',
    schema: {
      operationId: 'startRun',
      summary: 'Start a run; a dry run unless `go` is true',
      params: z.object({ job: z.string() }),
      headers: NewRunHeaders,
      body: NewRunBody,
      response: {
        200: StartedRun.describe('The run that this very request started before'),
        201: StartedRun.describe('A new run'),
        ...OR_PROBLEM,
      },
    },
    handler: async (request, reply) => {
      const { job } = request.params;
      const { options, go } = request.body;
      const by = askerOf(request);
      const key = request.headers['idempotency-key'];
      const keyed: KeyedRequest | undefined =
        key === undefined ? undefined : { by, key, asks: { job, options, go } };
      const made = keyed && (await ask(() => engine.runOf(keyed)));
      if (made !== undefined) return reply.code(200).send(await findRun(desk, made));

      const trigger = { kind: 'http', by } as const;
      const { id, acting } = await ask(() =>
        startRun({ engine, config }, { job, options, go, trigger, ...(keyed && { request: keyed }) }),
      );
      const because = acting.acting ? {} : { dryRunBecause: go ? acting.why : 'to act, send "go": true' };
      reply.code(201).header('location', `/api/v1/runs/${encodeURIComponent(id)}`);
      return reply.send({ ...(await findRun(desk, id)), ...because });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/runs',
    schema: {
      operationId: 'listRuns',
      summary: 'List runs, newest first, page by page',
      querystring: RunQuery,
      response: { 200: RunPageShape, ...OR_PROBLEM },
    },
    handler: async (request) => {
      const { cursor, ...filter } = request.query;
      const after = cursor === undefined ? undefined : readCursor(cursor);
      if (cursor !== undefined && after === undefined) {
        throw faulty([
          { path: 'query.cursor', message: 'is no `next` of a page; leave it out for the first' },
        ]);
      }
      const { runs, next } = await ask(() => engine.runs.page(filter, after));
      // A job that is gone may have left runs; one that never was is a slip.
      if (runs.length === 0 && filter.job !== undefined && !engine.jobs.has(filter.job)) {
        throw faulty([
          { path: 'query.job', message: unknownWord('job', filter.job, [...engine.jobs.keys()]) },
        ]);
      }
      return next === undefined ? { runs } : { runs, next: writeCursor(next) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/runs/:id',
    schema: {
      operationId: 'getRun',
      summary: 'Show one run whole: report, notes, steps',
      params: RunParams,
      response: { 200: RunShape, ...OR_PROBLEM },
    },
    handler: (request) => findRun(desk, request.params.id),
  });
}
