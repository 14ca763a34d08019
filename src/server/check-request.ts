/** Is a part of a request as its schema has it? All that is wrong is said at once, in the words of the configuration. */
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { faultsOf, sayPath, wordsOf } from '../domain/words.ts';
import { faulty } from './problem.ts';

/** How paths of faults begin; those in bodies begin with the body's own keys. */
const PARTS: Readonly<Record<string, string>> = { querystring: 'query', headers: 'header', params: 'path' };

export const checkRequest: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart = '' }) => {
  const part = PARTS[httpPart];
  return (data) => {
    // Fastify hands over null for what was not sent.
    const { success, data: value, error } = schema.safeParse(data ?? undefined, { error: wordsOf });
    if (success) return { value };
    const faults = faultsOf(error).map(({ path, message }) => ({
      path: sayPath(part === undefined ? path : [part, ...path]) || 'body',
      message,
    }));
    return { error: faulty(faults) };
  };
};
