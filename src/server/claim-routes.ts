/** The routes by which people keep hypervisors to themselves for a while. */
import { z } from 'zod';
import { claim, listClaims, unclaim } from '../claims.ts';
import type { Claim } from '../domain/claims.ts';
import { UNTIL_FORMS, untilFrom } from '../domain/until.ts';
import { type App, askerOf, type Desk, OR_PROBLEM } from './desk.ts';
import { faulty } from './problem.ts';
import { Reason } from './shapes.ts';

const Instant = z.string().describe('ISO 8601 in UTC');

const ClaimShape = z
  .object({
    hypervisor: z.string(),
    by: z.string(),
    reason: z.string(),
    since: Instant,
    until: Instant,
  } satisfies Record<keyof Claim | 'hypervisor', z.ZodType>)
  .meta({ id: 'Claim', description: 'Jobs leave the hypervisor alone until then' });

const Params = z.object({ hypervisor: z.string().min(1) });

const ClaimBody = z.strictObject({
  until: z.string().min(1).max(100).describe(`${UNTIL_FORMS}; times are the configuration's`),
  reason: z.string().min(1).max(1000),
});

export function addClaimRoutes(app: App, { engine, config, ask }: Desk): void {
  app.route({
    method: 'GET',
    url: '/api/v1/claims',
    schema: {
      operationId: 'claims',
      summary: 'List the hypervisors that somebody claims',
      response: { 200: z.object({ claims: z.array(ClaimShape) }), ...OR_PROBLEM },
    },
    handler: async () => ({ claims: await ask(() => listClaims(engine.acts, new Date())) }),
  });

  app.route({
    method: 'PUT',
    url: '/api/v1/claims/:hypervisor',
    schema: {
      operationId: 'claimHypervisor',
      summary: 'Keep a hypervisor to yourself for a while: every job leaves it alone',
      params: Params,
      body: ClaimBody,
      response: { 200: ClaimShape, ...OR_PROBLEM },
    },
    handler: async (request) => {
      const { hypervisor } = request.params;
      const { until: text, reason } = request.body;
      const now = new Date();
      const until = untilFrom(text, { now, zone: config.timezone });
      if ('fault' in until) throw faulty([{ path: 'until', message: until.fault }]);
      const wanted = { hypervisor, by: askerOf(request), reason, until };
      return { hypervisor, ...(await ask(() => claim(engine.acts, wanted, now))) };
    },
  });

  app.route({
    method: 'DELETE',
    url: '/api/v1/claims/:hypervisor',
    schema: {
      operationId: 'unclaimHypervisor',
      summary: 'End a claim, whoever made it',
      params: Params,
      body: Reason,
      response: { 200: ClaimShape, ...OR_PROBLEM },
    },
    handler: async (request) => {
      const { hypervisor } = request.params;
      const asked = { hypervisor, by: askerOf(request), reason: request.body.why };
      return { hypervisor, ...(await ask(() => unclaim(engine.acts, asked, new Date()))) };
    },
  });
}
