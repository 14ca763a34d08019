/** Answers requests for something that is there, with a method that it does not have. */
import type { HTTPMethods, RouteOptions } from 'fastify';
import type { App } from './desk.ts';
import { Problem } from './problem.ts';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Call it before the routes are declared; what it returns, after. */
export function refuseWrongMethods(app: App): () => void {
  const known = new Map<string, Set<HTTPMethods>>();
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const methods = known.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    known.set(url, methods);
  });
  return () => {
    for (const [url, methods] of known) {
      const allow = METHODS.filter((method) => methods.has(method)).join(', ');
      app.route({
        url,
        method: METHODS.filter((method) => !methods.has(method)),
        schema: { hide: true },
        // Before anything of the body is read.
        onRequest: async ({ method }) => {
          const detail = `${method} cannot be asked of this; it has ${allow}`;
          throw new Problem('method-not-allowed', detail, { headers: { allow } });
        },
        handler: () => {},
      });
    }
  };
}
