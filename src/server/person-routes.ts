/** The routes about what is known of a person. */
import { z } from 'zod';
import { erasePerson, exportPerson, type Person } from '../person.ts';
import { type App, askerOf, type Desk, OR_PROBLEM } from './desk.ts';

const PersonShape = z
  .object({
    address: z.string(),
    tables: z.record(z.string(), z.record(z.string(), z.unknown())).describe('By table and key'),
  } satisfies Record<keyof Person, z.ZodType>)
  .meta({ id: 'Person', description: 'Every row in which a mail address stands' });

const Params = z.object({ address: z.string().min(3).max(260) });

export function addPersonRoutes(app: App, { engine, ask }: Desk): void {
  app.route({
    method: 'GET',
    url: '/api/v1/people/:address',
    schema: {
      operationId: 'exportPerson',
      summary: 'Show what is known of a person, by their mail address',
      params: Params,
      response: { 200: PersonShape, ...OR_PROBLEM },
    },
    handler: (request) => ask(() => exportPerson(engine.acts, request.params.address)),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/people/:address/erase',
    schema: {
      operationId: 'erasePerson',
      summary: 'Forget a person in every table; answers what there was',
      params: Params,
      body: z.strictObject({ why: z.string().min(1).max(1000) }),
      response: { 200: PersonShape, ...OR_PROBLEM },
    },
    handler: (request) => {
      const asker = { by: askerOf(request), why: request.body.why };
      return ask(() => erasePerson(engine.acts, request.params.address, asker));
    },
  });
}
