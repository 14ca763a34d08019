/** The routes by which people allow that something stays unpatched for a while. */
import { z } from 'zod';
import { UNTIL_FORMS, untilFrom } from '../domain/until.ts';
import { exempt, listExemptions, type ShownExemption, unexempt } from '../exemptions.ts';
import { type App, askerOf, type Desk, OR_PROBLEM } from './desk.ts';
import { faulty } from './problem.ts';
import { Reason } from './shapes.ts';

const Instant = z.string().describe('ISO 8601 in UTC');
const Id = z.string().min(1).max(300);

const ExemptionShape = z
  .object({
    key: z.string().describe('What it is ended by'),
    server: z.string().optional(),
    project: z.string().optional(),
    image: z.string().optional(),
    cve: z.string().optional(),
    reason: z.string(),
    approvedBy: z.string(),
    at: Instant,
    until: Instant,
    ended: z.object({ by: z.string(), why: z.string(), at: Instant }).optional(),
  } satisfies Record<keyof ShownExemption, z.ZodType>)
  .meta({ id: 'Exemption', description: 'What may stay unpatched until then; all that it names has to fit' });

const ExemptionBody = z
  .strictObject({
    server: Id.optional().describe('Ids; where several are given, all have to fit'),
    project: Id.optional(),
    image: Id.optional(),
    cve: Id.optional().describe(
      'Or the id of another finding: security-updates, reboot-required, not-reporting',
    ),
    until: z.string().min(1).max(100).describe(`${UNTIL_FORMS}; times are the configuration's`),
    reason: z.string().trim().min(1).max(1000),
  })
  .refine(
    ({ server, project, image, cve }) => [server, project, image, cve].some((each) => each !== undefined),
    {
      path: ['server'],
      error: 'is missing (or project, image or cve): what is exempt?',
    },
  );

export function addExemptionRoutes(app: App, { engine, config, ask }: Desk): void {
  app.route({
    method: 'GET',
    url: '/api/v1/exemptions',
    schema: {
      operationId: 'exemptions',
      summary: 'List what may stay unpatched, the one that ends first first',
      response: { 200: z.object({ exemptions: z.array(ExemptionShape) }), ...OR_PROBLEM },
    },
    handler: async () => ({ exemptions: [...(await ask(() => listExemptions(engine.acts, new Date())))] }),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/exemptions',
    schema: {
      operationId: 'exempt',
      summary: 'Allow something to stay unpatched for a while; who asks approves it',
      body: ExemptionBody,
      response: { 200: ExemptionShape, ...OR_PROBLEM },
    },
    handler: (request) => {
      const { until: text, reason, ...subject } = request.body;
      const now = new Date();
      const until = untilFrom(text, { now, zone: config.timezone });
      if ('fault' in until) throw faulty([{ path: 'until', message: until.fault }]);
      return ask(() => exempt(engine.acts, { subject, until, reason, by: askerOf(request) }, now));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/api/v1/exemptions/:key',
    schema: {
      operationId: 'unexempt',
      summary: 'End an exemption, whoever made it; the time that it gave until now stays given',
      params: z.object({ key: z.string().min(1) }),
      body: Reason,
      response: { 200: ExemptionShape, ...OR_PROBLEM },
    },
    handler: (request) => {
      const asked = { key: request.params.key, by: askerOf(request), why: request.body.why };
      return ask(() => unexempt(engine.acts, asked, new Date()));
    },
  });
}
