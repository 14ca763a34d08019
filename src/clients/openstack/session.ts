/** Calls to Nova, Placement, Neutron and Keystone: signed in, addressed by the catalog, at a microversion both speak. */
import type { z } from 'zod';
import { findEndpoint, hasService, type Place } from './catalog.ts';
import { OpenStackError } from './error.ts';
import { type Exchange, type Exchanging, openExchange } from './exchange.ts';
import { type Login, openLogin } from './login.ts';
import { chooseMicroversion, offerOf, VersionDocument, WANTED, type Wanted } from './microversion.ts';
import { TIMING } from './retry.ts';
import { openSend, understand } from './send.ts';
import type { OpenStackSettings } from './settings.ts';

type Service = 'compute' | 'placement' | 'network' | 'identity';

const NAMES: Record<Service, string> = {
  compute: 'Nova',
  placement: 'Placement',
  network: 'Neutron',
  identity: 'Keystone',
};

export interface Call {
  readonly service: Service;
  readonly method: Exchange['method'];
  /** Below the service's endpoint: `/servers/detail`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Below `/servers` of Nova, where a newer microversion tells more. */
  readonly aboutServers?: boolean;
  /** Nova asks every cell for the answer, and waits long for one that is silent. */
  readonly everyCell?: boolean;
}

/**
 * Makes a call and reads its answer. Throws OpenStackError; its `retryable` says whether the same
 * call may go well later. GET, PUT and DELETE have been tried repeatedly by then; a POST whose answer
 * was lost may have been accepted.
 */
export interface Session {
  <T>(call: Call, schema: z.ZodType<T>): Promise<T>;
  /** Keystone's id of the user that is signed in; undefined where Keystone does not say. */
  userId(): Promise<string | undefined>;
  /** Whether there is a Neutron to ask. */
  hasNetwork(): Promise<boolean>;
}

interface Endpoint {
  readonly url: string;
  /** The usual one, and the one for servers; Keystone and Neutron have none. */
  readonly microversion?: string;
  readonly microversionOfServers?: string;
}

/** Nothing is asked before the first call. */
export function openSession(
  settings: OpenStackSettings,
  exchange: Exchanging = openExchange(settings.ca),
): Session {
  const timing = { ...TIMING, ...settings.timing };
  const send = openSend(timing, exchange);
  const currentLogin = openLogin(settings, send, timing.signInMs);
  // Learnt anew with every token, so that a cloud that was upgraded is asked again.
  const endpoints = new WeakMap<Login, Map<Service, Promise<Endpoint>>>();

  return Object.assign(session, { userId: async () => (await currentLogin()).userId, hasNetwork });

  async function session<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
    const name = nameOf(call);
    const login = await currentLogin();
    try {
      return await make(call, schema, { name, login });
    } catch (error) {
      if (!(error instanceof OpenStackError) || error.status !== 401) throw error;
      return make(call, schema, { name, login: await currentLogin(login) });
    }
  }

  async function hasNetwork(): Promise<boolean> {
    if (settings.hasNetwork === false) return false;
    if (settings.endpoints.network !== undefined) return true;
    return hasService((await currentLogin()).catalog, placeOf('network'));
  }

  async function make<T>(
    { service, method, path, query, body, everyCell, aboutServers }: Call,
    schema: z.ZodType<T>,
    { name, login }: { name: string; login: Login },
  ): Promise<T> {
    const endpoint = await endpointOf(login, service);
    const microversion = aboutServers ? endpoint.microversionOfServers : endpoint.microversion;
    const answer = await send({
      name,
      method,
      url: `${endpoint.url}${path}`,
      ...(query && { query }),
      ...(body && { body }),
      headers: {
        'x-auth-token': login.token,
        ...(microversion && { 'openstack-api-version': `${service} ${microversion}` }),
      },
      idempotent: method !== 'POST',
      answerMs: everyCell ? timing.listMs : timing.answerMs,
    });
    return understand(name, answer, schema);
  }

  function endpointOf(login: Login, service: Service): Promise<Endpoint> {
    const known = endpoints.get(login) ?? new Map<Service, Promise<Endpoint>>();
    endpoints.set(login, known);
    const found = known.get(service);
    if (found !== undefined) return found;
    // Where we sign in is Keystone, at the version that we speak.
    if (service === 'identity') return Promise.resolve({ url: settings.authUrl });
    const asked = discover(login, service);
    known.set(service, asked);
    asked.catch(() => known.delete(service));
    return asked;
  }

  async function discover(login: Login, service: Exclude<Service, 'identity'>): Promise<Endpoint> {
    const listed = settings.endpoints[service] ?? findEndpoint(login.catalog, placeOf(service));
    const url = withoutProject(listed, login.projectId);
    if (service === 'network') return { url: `${url.replace(/\/v2\.0$/, '')}/v2.0` };
    const name = `${NAMES[service]}: GET ${url}/`;
    const answer = await send({
      name,
      method: 'GET',
      url: `${url}/`,
      headers: { 'x-auth-token': login.token },
      idempotent: true,
      answerMs: timing.answerMs,
    });
    const document = understand(name, answer, VersionDocument);
    const offer = offerOf(document);
    const liesAboveVersions = service === 'compute' && 'versions' in document;
    const choose = (wanted: Wanted) => chooseMicroversion(`${NAMES[service]} at ${url}`, wanted, offer);
    const microversion = choose(WANTED[service]);
    return {
      url: liesAboveVersions ? `${url}/${offer.id}` : url,
      microversion,
      microversionOfServers: service === 'compute' ? choose(WANTED.servers) : microversion,
    };
  }

  function placeOf(type: Exclude<Service, 'identity'>): Place {
    const { interface: face, region } = settings;
    return { type, interface: face, ...(region !== undefined && { region }) };
  }
}

/** How errors call it: `Nova: GET /servers/detail`. */
export function nameOf({ service, method, path }: Call): string {
  return `${NAMES[service]}: ${method} ${path}`;
}

/** Old catalogs end Nova's endpoint with the project's id, below which there is no version document. */
function withoutProject(url: string, projectId: string | undefined): string {
  return projectId !== undefined && url.endsWith(`/${projectId}`) ? url.slice(0, -projectId.length - 1) : url;
}
