/** The route that shows how a mail to an owner reads, as a page. */
import { z } from 'zod';
import { LETTERS } from '../domain/letters.ts';
import { pageOf, previewMail } from '../mail-preview.ts';
import { type App, type Desk, OR_PROBLEM } from './desk.ts';

const HTML = 'text/html';

export function addPreviewRoute(app: App, { config }: Desk): void {
  app.route({
    method: 'GET',
    url: '/api/v1/mail-preview/:template',
    schema: {
      operationId: 'previewMail',
      summary: 'Show how a mail to an owner reads, filled with an example; none is sent',
      params: z.object({ template: z.enum(LETTERS) }),
      querystring: z.object({
        example: z.string().max(50).optional().describe('Another example: reminder, escalated …'),
      }),
      response: {
        200: { description: 'The mail as a page', content: { [HTML]: { schema: z.string() } } },
        ...OR_PROBLEM,
      },
    },
    handler: async ({ params: { template: letter }, query: { example } }, reply) => {
      const page = pageOf(await previewMail({ letter, example }, config));
      // Names in it are whatever people wrote: a page that could act is not what a template makes.
      reply.header('content-security-policy', "default-src 'none'; sandbox").type(`${HTML}; charset=utf-8`);
      return reply.send(page);
    },
  });
}
