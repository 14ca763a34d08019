/** Who comes in, how often, and what may they ask for? */
import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import type { App, Desk } from './desk.ts';
import { Problem } from './problem.ts';
import { tokenIn } from './tokens.ts';

const NO_TOKENS =
  'No token is configured, so nobody may ask anything: make one with `nightshift token NAME --may operate`, ' +
  'put the line that it prints into http.tokens of the configuration, and start the daemon again';
const CHALLENGE = { 'www-authenticate': 'Bearer realm="nightshift"' };

/** Every request passes here before anything of it is read; also one for what is not there. */
export async function guardDoor(app: App, { config, limits }: Desk): Promise<void> {
  const { tokens } = config.http;
  app.decorateRequest('token', undefined);
  await app.register(rateLimit, {
    global: false,
    timeWindow: 60_000,
    keyGenerator: ({ token, ip }) => (token === undefined ? `address ${ip}` : `token ${token.name}`),
    max: ({ token }) => (token === undefined ? limits.strangersPerMinute : limits.perMinute),
    allowList: isOpen,
    errorResponseBuilder: (_, { max, ttl }) => {
      const seconds = Math.ceil(ttl / 1000);
      const detail = `${max} requests in a minute are the most here; ask again in ${seconds} s`;
      return new Problem('too-many-requests', detail, { headers: { 'retry-after': `${seconds}` } });
    },
  });

  app.addHook('onRequest', async (request) => {
    request.token = tokenIn(request.headers.authorization, tokens);
  });
  // Between the two, so that guesses are counted as well.
  app.addHook('onRequest', app.rateLimit());
  app.addHook('onRequest', async (request) => {
    if (isOpen(request)) return;
    if (request.token === undefined) {
      const none = request.headers.authorization === undefined;
      const detail = none
        ? 'Send the header `Authorization: Bearer TOKEN`; tokens are named in http.tokens of the configuration'
        : 'This token is none of those that http.tokens of the configuration names';
      throw new Problem('no-token', tokens.length === 0 ? NO_TOKENS : detail, { headers: CHALLENGE });
    }
    if (request.token.may === 'read' && !isLook(request.method)) {
      throw new Problem(
        'token-may-only-read',
        `The token ${request.token.name} may only read; this needs one with \`may: operate\``,
      );
    }
  });
}

/** True for requests that change nothing. */
export function isLook(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

function isOpen({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.open === true;
}
