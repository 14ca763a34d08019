/** The description of the API for programs, made from the schemas that the routes themselves use. */
import { readFileSync } from 'node:fs';
import swagger from '@fastify/swagger';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type App, OR_PROBLEM } from './desk.ts';

const ABOUT = `Start maintenance jobs of an OpenStack cloud, see what they do, and say what they shall do.

Every request carries a token (\`Authorization: Bearer …\`). Tokens that may read are for GET; those that may operate for
all. Errors are application/problem+json, with a sentence that a person can act on.`;

const zodToJsonConfig = {
  /** Leaves out what would bind clients to this version: that there are no other fields, and how large a number can be. */
  override({
    zodSchema,
    jsonSchema,
  }: {
    zodSchema: z.core.$ZodTypes;
    jsonSchema: z.core.JSONSchema.BaseSchema;
  }) {
    const { def } = zodSchema._zod;
    if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties;
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  },
};
const toComponents = createJsonSchemaTransformObject({ zodToJsonConfig });

/** Gathers the routes that are declared from here on. */
export async function describeApi(app: App): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Nightshift', version, description: ABOUT },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (document) => withoutUnused(toComponents(document)),
  });
}

/** The document itself; every route must have been declared. */
export function showDescription(app: App): void {
  app.route({
    method: 'GET',
    url: '/api/openapi.json',
    schema: {
      operationId: 'describe',
      summary: 'This description',
      response: { 200: z.record(z.string(), z.unknown()).describe('OpenAPI 3.1'), ...OR_PROBLEM },
    },
    handler: () => app.swagger() as unknown as Record<string, unknown>,
  });
}

/** Each shape is there twice, as it is sent and as it is received, and most are only one of them. */
function withoutUnused(document: ReturnType<typeof toComponents>): typeof document {
  if (!('components' in document)) return document;
  const { schemas = {}, ...components } = document.components ?? {};
  const kept: Record<string, object> = { ...schemas };
  for (;;) {
    const text = JSON.stringify({ ...document, components: kept });
    const unused = Object.keys(kept).filter((name) => !text.includes(`"#/components/schemas/${name}"`));
    if (unused.length === 0) break;
    for (const name of unused) delete kept[name];
  }
  return { ...document, components: { ...components, schemas: kept } } as typeof document;
}
