import { validate } from '@apidevtools/swagger-parser';
import { OpenAPIClientAxios } from 'openapi-client-axios';
import type { OpenAPIV3_1 } from 'openapi-types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobOf } from '../engine/support/jobs.ts';
import { eventually } from '../support/engine.ts';
import { type Front, OPERATE, openFront, READ } from './support/server.ts';

let front: Front;
let document: OpenAPIV3_1.Document;

beforeAll(async () => {
  front = await openFront({
    jobs: {
      greets: jobOf(async (ctx) => {
        ctx.log.info(`hello ${ctx.options.name}`);
        await ctx.step('greet', { effect: 'read' }, async () => 'hello');
      }),
    },
  });
  await front.engine.start();
  document = (await front.ask('/api/openapi.json', { token: READ })).json as unknown as OpenAPIV3_1.Document;
});

afterAll(() => front.close());

describe('the OpenAPI document', () => {
  it('is valid', async () => {
    const validated = await validate(structuredClone(document));

    expect(validated.info.title).toBe('Nightshift');
  });

  it('names each operation once, with a summary and a problem for what goes wrong', () => {
    const operations = Object.values(document.paths ?? {}).flatMap((path) =>
      Object.values(path as Record<string, OpenAPIV3_1.OperationObject>),
    );
    const ids = operations.map(({ operationId = '' }) => operationId);

    expect(ids.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'addresses',
      'approveRun',
      'breakers',
      'cancelRun',
      'claimHypervisor',
      'claims',
      'clearAddress',
      'decideRun',
      'describe',
      'erasePerson',
      'exempt',
      'exemptions',
      'exportPerson',
      'freeze',
      'getRun',
      'getRunLog',
      'halt',
      'health',
      'killRun',
      'listJobs',
      'listRuns',
      'metrics',
      'previewMail',
      'readiness',
      'resetBreaker',
      'resumeRun',
      'schedule',
      'startRun',
      'thaw',
      'unclaimHypervisor',
      'unexempt',
      'why',
      'whyNamed',
    ]);
    for (const { operationId, summary, responses } of operations) {
      expect(summary).toMatch(/^[A-Z][^.]+[^.]$/);
      if (operationId !== 'health') expect(Object.keys(responses ?? {})).toContain('default');
    }
  });

  it('has no shape that nothing uses', () => {
    const text = JSON.stringify(document);

    for (const name of Object.keys(document.components?.schemas ?? {})) {
      expect(text).toContain(`"#/components/schemas/${name}"`);
    }
  });

  it('lets a client that knows nothing else start a run, read it and its log', async () => {
    const api = new OpenAPIClientAxios({
      definition: document as never,
      withServer: { url: front.url },
      axiosConfigDefaults: { headers: { authorization: `Bearer ${OPERATE}` }, validateStatus: () => true },
    });
    const client = await api.init();

    const jobs = await client.listJobs?.();
    const started = await client.startRun?.(
      { job: 'greets', 'idempotency-key': 'k1' },
      { options: { name: 'kim' } },
    );
    const again = await client.startRun?.(
      { job: 'greets', 'idempotency-key': 'k1' },
      { options: { name: 'kim' } },
    );
    const id = String(started?.data.id);
    const ended = await eventually('the run to end', async () => {
      const run = await client.getRun?.({ id });
      return run?.data.state === 'succeeded' && run;
    });
    const log = await client.getRunLog?.({ id });
    const runs = await client.listRuns?.({ job: 'greets', limit: 5 });
    const late = await client.cancelRun?.({ id }, { why: 'too late' });

    expect(jobs?.data.jobs[0].name).toBe('greets');
    expect([started?.status, again?.status]).toEqual([201, 200]);
    expect(again?.data.id).toBe(id);
    expect(ended.data.steps).toMatchObject([{ key: 'greet', state: 'done' }]);
    expect(log?.data.message ?? log?.data).toContain('hello kim');
    expect(runs?.data.runs.map((run: { id: string }) => run.id)).toEqual([id]);
    expect(late?.status).toBe(409);
  });
});
