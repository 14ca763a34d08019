/** The HTTP face of a daemon: starts runs, shows them, and passes on what people say. */
import { readFile } from 'node:fs/promises';
import { type AddressInfo, isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import fastify from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import { readingFault } from '../config/secret.ts';
import type { Config } from '../config.ts';
import { messageOf, PermanentError } from '../domain/failure.ts';
import type { Engine } from '../engine/engine.ts';
import type { Log } from '../engine/job.ts';
import { addActRoutes } from './act-routes.ts';
import { addAddressRoutes } from './address-routes.ts';
import { answerUnknownPaths, problemAnswers } from './answer-problems.ts';
import { askRedis } from './ask-redis.ts';
import { addBreakerRoutes } from './breaker-routes.ts';
import { checkRequest } from './check-request.ts';
import { addClaimRoutes } from './claim-routes.ts';
import type { App, Desk, Shapes } from './desk.ts';
import { guardDoor, isLook } from './door.ts';
import { addExemptionRoutes } from './exemption-routes.ts';
import { addHouseRoutes } from './house-routes.ts';
import { readJsonOnly } from './json-body.ts';
import { LIMITS, type Limits } from './limits.ts';
import { type Certificate, listener, refuseConnection } from './listener.ts';
import { addLogRoute } from './log-route.ts';
import { addMetrics } from './metrics.ts';
import { describeApi, showDescription } from './openapi.ts';
import { addPersonRoutes } from './person-routes.ts';
import { addPreviewRoute } from './preview-route.ts';
import { addRunRoutes } from './run-routes.ts';
import { refuseWrongMethods } from './wrong-method.ts';

export interface ServerOptions {
  readonly engine: Engine;
  readonly config: Config;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
}

export interface OpenServer {
  /** Where it listens: `http://127.0.0.1:7460`. */
  readonly url: string;
  /** Ends what is followed, lets requests under way end, and stops listening. */
  close(): Promise<void>;
}

/** It cannot listen as the configuration says. */
class ServerError extends PermanentError {
  override readonly name = 'ServerError';
}

/** Longer parts of a path name nothing. */
const LONGEST_PARAM = 500;

/** Listens as the configuration says. Throws `ServerError`; then nothing listens. */
export async function openServer({ engine, config, log, limits: given }: ServerOptions): Promise<OpenServer> {
  const limits = { ...LIMITS, ...given };
  const closing = new AbortController();
  const ask = askRedis({ probe: () => engine.acts.mode(), ...limits });
  const certificate = await certificateOf(config);
  const app = await appFor({ engine, config, log, ask, limits, closing: closing.signal }, certificate);
  const { host, port } = config.http.listen;
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw new ServerError(`http.listen: ${host}:${port} cannot be listened on: ${messageOf(error)}`);
  }
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://${placeOf(app.server.address() as AddressInfo)}`,
    async close() {
      closing.abort();
      const late = setTimeout(() => app.server.closeAllConnections(), limits.farewellMs);
      await app.close();
      clearTimeout(late);
    },
  };
}

async function appFor(desk: Desk, certificate: Certificate | undefined): Promise<App> {
  const { limits, log } = desk;
  const answer = problemAnswers(desk);
  const app = fastify({
    serverFactory: (handler) => listener(handler, limits, certificate),
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => void answer(error, request, reply as never),
    bodyLimit: limits.bodyBytes,
    // Said here and not later: Fastify loads compilers of JSON Schema otherwise, a sixth of an idle daemon.
    schemaController: {
      compilersFactory: {
        buildValidator: () => checkRequest as never,
        buildSerializer: () => serializerCompiler as never,
      },
    },
    routerOptions: { maxParamLength: LONGEST_PARAM },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  }).withTypeProvider<Shapes>();
  app.setErrorHandler(answer);
  answerUnknownPaths(app);
  readJsonOnly(app);
  app.addHook('onResponse', async ({ method, url, token }, { statusCode }) => {
    if (isLook(method) || token === undefined) return;
    log.info('asked over HTTP', { by: token.name, method, path: url, status: statusCode });
  });

  await guardDoor(app, desk);
  await describeApi(app);
  const refuseOtherMethods = refuseWrongMethods(app);
  addMetrics(app, desk);
  addHouseRoutes(app, desk);
  addRunRoutes(app, desk);
  addLogRoute(app, desk);
  addActRoutes(app, desk);
  addClaimRoutes(app, desk);
  addBreakerRoutes(app, desk);
  addAddressRoutes(app, desk);
  addExemptionRoutes(app, desk);
  addPersonRoutes(app, desk);
  addPreviewRoute(app, desk);
  showDescription(app);
  refuseOtherMethods();
  return app;
}

async function certificateOf({ http: { tls } }: Config): Promise<Certificate | undefined> {
  if (tls === undefined) return undefined;
  const cert = await readFile(tls.cert, 'utf8').catch((error: unknown) => {
    throw new ServerError(`http.tls.cert: ${tls.cert} ${readingFault(error)}`);
  });
  const certificate = { cert, key: tls.key.reveal() };
  try {
    createSecureContext(certificate);
  } catch (error) {
    throw new ServerError(`http.tls: the certificate and its key cannot be used: ${messageOf(error)}`);
  }
  return certificate;
}

function placeOf({ address, port }: AddressInfo): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
