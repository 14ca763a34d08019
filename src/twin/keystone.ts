/** Keystone v3: tokens that expire, the catalog, and who the projects and their people are. */
import { randomBytes } from 'node:crypto';
import {
  type Answer,
  type Ask,
  type Fields,
  follow,
  isFields,
  Refusal,
  type Reply,
  type Route,
} from './http.ts';
import type { Project, User } from './state.ts';
import type { World } from './world.ts';

export interface Token {
  readonly user: User;
  readonly project: Project;
  readonly expiresAt: number;
}

export interface Keystone {
  readonly answer: Answer;
  /** Who asks another service. Refusal (401) when the token is unknown or over. */
  readonly check: (ask: Ask) => Token;
}

const DOMAIN = { id: 'default', name: 'Default' };
const ROLE_IDS = { admin: 'f28fe2991f994e8cac50a79efb3e9663', member: '0e0bc94e859640339af246f8d8b7611f' };
const UNAUTHORIZED = 'The request you have made requires authentication.';

/** Tokens are kept in memory: a cloud that is started again knows none of them. */
export function openKeystone(world: World): Keystone {
  const tokens = new Map<string, Token>();
  const { users, projects } = world.state;

  const routes: readonly Route[] = [
    ['GET', /^\/?$/, ({ url }) => ({ status: 300, body: { versions: { values: [version(url)] } } })],
    ['GET', /^\/v3\/?$/, ({ url }) => ({ status: 200, body: { version: version(url) } })],
    ['POST', /^\/v3\/auth\/tokens$/, signIn],
    ['GET', /^\/v3\/auth\/catalog$/, (ask) => signedIn(ask, () => ({ catalog: catalog(ask) }))],
    ['GET', /^\/v3\/projects$/, (ask) => list(ask, 'projects', projects.map(showProject))],
    [
      'GET',
      /^\/v3\/projects\/([^/]+)$/,
      (ask, id = '') => one(ask, 'project', showProject(projects.find((p) => p.id === id))),
    ],
    ['GET', /^\/v3\/users$/, listUsers],
    [
      'GET',
      /^\/v3\/users\/([^/]+)$/,
      (ask, id = '') => one(ask, 'user', showUser(users.find((u) => u.id === id))),
    ],
    ['GET', /^\/v3\/role_assignments$/, listRoles],
  ];

  function check({ headers }: Ask): Token {
    const token = tokens.get(String(headers['x-auth-token']));
    if (token === undefined || token.expiresAt <= world.now) throw unauthorized();
    return token;
  }

  function signIn(ask: Ask): Reply {
    const auth = fieldsOf(ask.body, 'auth');
    if (!isFields(ask.body['auth']))
      throw refused(400, 'Bad Request', 'Expecting to find auth in request body.');
    const named = fieldsOf(fieldsOf(fieldsOf(auth, 'identity'), 'password'), 'user');
    const user = users.find((each) => isMeant(each, named));
    if (user === undefined || named['password'] !== user.password) throw unauthorized();
    const scope = fieldsOf(fieldsOf(auth, 'scope'), 'project');
    const project = projects.find((each) => isMeant(each, scope));
    if (project === undefined || (project.id !== user.projectId && user.role !== 'admin'))
      throw unauthorized();

    // Not from the seed: how often somebody signs in must not change what happens in the cloud.
    const id = `gAAAAA${randomBytes(32).toString('base64url')}`;
    const token: Token = { user, project, expiresAt: world.now + world.state.pace.tokenMs };
    tokens.set(id, token);
    const body = {
      token: {
        methods: ['password'],
        user: { domain: DOMAIN, id: user.id, name: user.name, password_expires_at: null },
        audit_ids: [randomBytes(16).toString('base64url')],
        expires_at: keystoneTime(token.expiresAt),
        issued_at: keystoneTime(world.now),
        project: { domain: DOMAIN, ...project },
        is_domain: false,
        roles: [{ id: ROLE_IDS[user.role], name: user.role }],
        catalog: catalog(ask),
      },
    };
    return { status: 201, body, headers: { 'x-subject-token': id, vary: 'X-Auth-Token' } };
  }

  function signedIn(ask: Ask, body: () => object): Reply {
    check(ask);
    return { status: 200, body: body() };
  }

  function list(ask: Ask, key: string, rows: readonly (object | undefined)[]): Reply {
    return signedIn(ask, () => ({
      [key]: rows,
      links: { next: null, self: ask.url + ask.path, previous: null },
    }));
  }

  function one(ask: Ask, key: 'project' | 'user', row: object | undefined): Reply {
    check(ask);
    const id = ask.path.split('/').at(-1);
    if (row === undefined) throw refused(404, 'Not Found', `Could not find ${key}: ${id}.`);
    return { status: 200, body: { [key]: row } };
  }

  function listUsers(ask: Ask): Reply {
    const name = ask.query.get('name');
    return list(ask, 'users', users.filter((user) => name === null || user.name === name).map(showUser));
  }

  function listRoles(ask: Ask): Reply {
    const project = ask.query.get('scope.project.id');
    const named = ask.query.has('include_names');
    const rows = users.filter((user) => project === null || user.projectId === project);
    return list(
      ask,
      'role_assignments',
      rows.map((user) => ({
        scope: { project: named ? { ...projectOf(user), domain: DOMAIN } : { id: user.projectId } },
        user: named ? { id: user.id, name: user.name, domain: DOMAIN } : { id: user.id },
        role: named ? { id: ROLE_IDS[user.role], name: user.role } : { id: ROLE_IDS[user.role] },
      })),
    );
  }

  function projectOf({ projectId }: User): Project | undefined {
    return projects.find(({ id }) => id === projectId);
  }

  return {
    check,
    answer: (ask) => follow(routes, ask) ?? { status: 404, body: fault(404, 'Not Found', 'Not here.') },
  };
}

function catalog({ url }: Ask): object[] {
  const base = url.slice(0, -'/identity'.length);
  const services = [
    ['identity', 'keystone', `${base}/identity/v3`],
    ['compute', 'nova', `${base}/compute/v2.1`],
    ['placement', 'placement', `${base}/placement`],
    ['network', 'neutron', `${base}/network`],
  ] as const;
  return services.map(([type, name, address]) => ({
    type,
    name,
    endpoints: ['public', 'internal', 'admin'].map((face) => ({
      interface: face,
      region_id: 'RegionOne',
      region: 'RegionOne',
      url: address,
    })),
  }));
}

function version(url: string): object {
  return {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${url}/v3/` }],
  };
}

function showProject(project: Project | undefined): object | undefined {
  return (
    project && {
      ...project,
      domain_id: 'default',
      description: '',
      enabled: true,
      parent_id: 'default',
      is_domain: false,
      tags: [],
      options: {},
    }
  );
}

function showUser(user: User | undefined): object | undefined {
  return (
    user && {
      id: user.id,
      name: user.name,
      ...(user.email !== null && { email: user.email }),
      default_project_id: user.projectId,
      domain_id: 'default',
      enabled: true,
      password_expires_at: null,
      options: {},
    }
  );
}

/** By id, or by name in the only domain there is. */
function isMeant(each: { readonly id: string; readonly name: string }, asked: Fields): boolean {
  return asked['id'] === undefined ? each.name === asked['name'] : each.id === asked['id'];
}

function fieldsOf(fields: Fields, key: string): Fields {
  const value = fields[key];
  return isFields(value) ? value : {};
}

/** `2026-11-21T10:11:19.000000Z` */
function keystoneTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}

function unauthorized(): Refusal {
  return refused(401, 'Unauthorized', UNAUTHORIZED);
}

function refused(status: number, title: string, message: string): Refusal {
  return new Refusal({ status, body: fault(status, title, message) });
}

function fault(code: number, title: string, message: string): object {
  return { error: { code, message, title } };
}
