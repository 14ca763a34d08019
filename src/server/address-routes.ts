/** The routes about mail addresses that are no good. */
import { z } from 'zod';
import { clearAddress, listAddresses, type ShownAddress } from '../addresses.ts';
import { type App, askerOf, type Desk, OR_PROBLEM } from './desk.ts';

const AddressShape = z
  .object({
    address: z.string(),
    state: z.enum(['bounced', 'complained', 'doubtful', 'clear']).describe('Mail goes to all but `bounced`'),
    since: z.string().describe('ISO 8601 in UTC'),
    why: z.string(),
    source: z.enum(['refusal', 'bounce', 'complaint', 'person']),
    mail: z.string().optional().describe('Message-ID of the mail it is about'),
    by: z.string().optional().describe('Who cleared it'),
  } satisfies Record<keyof ShownAddress, z.ZodType>)
  .meta({ id: 'Address', description: 'A mail address that a mail did not reach, or that complained' });

const Why = z.string().min(1).max(1000).describe('What was wrong, and is not any more');

export function addAddressRoutes(app: App, { engine, ask }: Desk): void {
  app.route({
    method: 'GET',
    url: '/api/v1/addresses',
    schema: {
      operationId: 'addresses',
      summary: 'List the mail addresses that are no good, the latest first',
      response: { 200: z.object({ addresses: z.array(AddressShape) }), ...OR_PROBLEM },
    },
    handler: async () => ({ addresses: [...(await ask(() => listAddresses(engine.acts)))] }),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/addresses/:address/clear',
    schema: {
      operationId: 'clearAddress',
      summary: 'Have an address get mail again: what bounced until now marks it no more',
      params: z.object({ address: z.string().min(1) }),
      body: z.strictObject({ why: Why }),
      response: { 200: AddressShape, ...OR_PROBLEM },
    },
    handler: (request) => {
      const asked = { address: request.params.address, by: askerOf(request), why: request.body.why };
      return ask(() => clearAddress(engine.acts, asked, new Date()));
    },
  });
}
