/** A side of the contract in a tester's hands: clients, bare requests, and servers made to behave in some way. */
import { expect, vi } from 'vitest';
import { openStackCloud } from '../../../src/clients/openstack/cloud.ts';
import { sshHosts } from '../../../src/clients/ssh.ts';
import type { Cloud, Host, Migration, Server } from '../../../src/domain/fleet.ts';
import type { Person, Side } from './side.ts';

interface Wish {
  readonly on: string;
  /** How its live migrations go: seconds, `stuck`, `fail`, `refuse` or `prefail`. */
  readonly migrates?: string;
  readonly flavor?: string;
  /** Id of a server group. */
  readonly group?: string;
}

interface Answered {
  readonly status: number;
  /** Parsed JSON; null when there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at any part of any answer
  readonly body: any;
}

interface Request {
  readonly body?: object;
  /** Of Nova; 2.87 if left out. */
  readonly microversion?: string;
  readonly token?: string;
}

export interface Bench {
  readonly side: Side;
  readonly cloud: Cloud;
  readonly hosts: { host(hypervisor: string): Host };
  /** Hypervisor hostnames. */
  readonly hv: Side['hypervisors'];
  /** `hv01` of `hv01.example`. */
  hostOf(hypervisor: string): string;
  /** A bare request to Nova below `/v2.1`, as the administrator. */
  nova(method: string, path: string, request?: Request): Promise<Answered>;
  /** A bare request to Placement, as the administrator. */
  placement(method: string, path: string, body?: object): Promise<Answered>;
  /** Gives back whatever is booked for a consumer in Placement. */
  dropAllocations(consumer: string): Promise<number>;
  /** Signs in; answers the token. */
  signIn(person: Person): Promise<string>;
  /** A running server where it is wished; answers its id. */
  create(name: string, wish: Wish): Promise<string>;
  /** An anti-affinity group, gone when the bench is closed; answers its id. */
  group(name: string): Promise<string>;
  act(server: string, body: object): Promise<Answered>;
  /** Stops it and waits until it is. */
  stop(server: string): Promise<void>;
  until<T>(look: () => T | Promise<T>): Promise<T>;
  /** Its newest migration, once it is in this status. */
  migrating(server: string, status: string): Promise<Migration>;
  /** Its newest migration, once it is over and the server is left alone. */
  ended(server: string): Promise<Migration>;
  serverOf(id: string): Promise<Server>;
  close(): Promise<void>;
}

const FINAL = /^(completed|error|failed|cancelled)$/;

export async function openBench(side: Side): Promise<Bench> {
  const cloud = openStackCloud(side.settings, side.inProcess?.exchange);
  const ssh = sshHosts(side.ssh);
  const hosts = side.inProcess ?? ssh;
  const { authUrl } = side.settings;
  const { compute, placement, token: adminToken } = await login(authUrl, side.admin);

  const groups: string[] = [];

  const bench: Bench = {
    side,
    cloud,
    hosts,
    hv: side.hypervisors,
    hostOf: (hypervisor) => hypervisor.split('.')[0] ?? '',

    async nova(method, path, { body, microversion = '2.87', token = adminToken } = {}) {
      const response = await fetch(`${compute}${path}`, {
        method,
        headers: {
          'x-auth-token': token,
          'openstack-api-version': `compute ${microversion}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },

    async placement(method, path, body) {
      const response = await fetch(`${placement}${path}`, {
        method,
        headers: {
          'x-auth-token': adminToken,
          'openstack-api-version': 'placement 1.39',
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },

    dropAllocations: async (consumer) => (await bench.placement('DELETE', `/allocations/${consumer}`)).status,

    signIn: async (person) => (await login(authUrl, person)).token,

    async create(name, { on, migrates, flavor = 'm1.small', group }) {
      const server = {
        name,
        imageRef: side.image,
        flavorRef: flavor,
        networks: 'none',
        host: bench.hostOf(on),
        metadata: migrates === undefined ? {} : { 'lab:migrate': migrates },
      };
      const hints = group === undefined ? {} : { 'os:scheduler_hints': { group } };
      const { status, body } = await bench.nova('POST', '/servers', { body: { server, ...hints } });
      expect(status, JSON.stringify(body)).toBe(202);
      const { id } = body.server;
      await bench.until(async () => expect(await cloud.server(id)).toMatchObject({ status: 'ACTIVE' }));
      return id;
    },

    async group(name) {
      const body = { server_group: { name, policy: 'anti-affinity' } };
      const { id } = (await bench.nova('POST', '/os-server-groups', { body })).body.server_group;
      groups.push(id);
      return id;
    },

    act: (server, body) => bench.nova('POST', `/servers/${server}/action`, { body }),

    async stop(server) {
      await bench.act(server, { 'os-stop': null });
      await bench.until(async () => expect(await cloud.server(server)).toMatchObject({ status: 'SHUTOFF' }));
    },

    until: (look) => vi.waitFor(look, side.patience),

    migrating: (server, status) =>
      bench.until(async () => {
        const [newest] = await cloud.migrations(server);
        expect(newest?.status).toBe(status);
        return newest as Migration;
      }),

    ended: (server) =>
      bench.until(async () => {
        expect(await bench.serverOf(server)).not.toHaveProperty('task');
        const [newest] = await cloud.migrations(server);
        expect(newest?.status).toMatch(FINAL);
        return newest as Migration;
      }),

    async serverOf(id) {
      const server = await cloud.server(id);
      if (server === undefined) throw new Error(`there is no server ${id}`);
      return server;
    },

    async close() {
      ssh.close();
      for (const id of groups) await bench.nova('DELETE', `/os-server-groups/${id}`);
      await side.close();
    },
  };
  return bench;
}

async function login(authUrl: string, { name, password, project }: Person) {
  const domain = { id: 'default' };
  const identity = { methods: ['password'], password: { user: { name, password, domain } } };
  const response = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } }),
  });
  const { token } = (await response.json()) as {
    token: { catalog: { type: string; endpoints: { interface: string; url: string }[] }[] };
  };
  const urlOf = (type: string) => {
    const service = token.catalog.find((each) => each.type === type);
    return service?.endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '';
  };
  const subject = response.headers.get('x-subject-token') ?? '';
  return { token: subject, compute: urlOf('compute'), placement: urlOf('placement') };
}
