/** The part of Nova that Nightshift uses, with Nova's own tricks: silent cells, dead hosts, paging. */
import type { Asked, Reply } from './fake-openstack.ts';
import { type SampleMigration, type SampleServer, type SampleService, sample } from './samples.ts';

export interface Nova {
  readonly servers: SampleServer[];
  readonly services: SampleService[];
  readonly hypervisors: ReturnType<typeof sample<'hypervisors'>>;
  readonly migrations: SampleMigration[];
  readonly groups: ReturnType<typeof sample<'server-groups'>>;
  /** Bodies of `POST /servers/ID/action`. */
  readonly actions: unknown[];
  /** `[api] max_limit`: rows of a page. */
  maxLimit: number;
  maxMicroversion: string;
  /** The one cell gives no answer. */
  isSilent: boolean;
  versions(): Reply;
  answer(asked: Asked): Reply;
}

const notFound: Reply = {
  status: 404,
  body: { itemNotFound: { code: 404, message: 'It could not be found.' } },
};
const broken: Reply = { status: 500, body: sample('hypervisors-500') };

export function fakeNova(): Nova {
  const nova: Nova = {
    servers: sample('servers'),
    services: sample('services'),
    hypervisors: sample('hypervisors'),
    migrations: sample('migrations'),
    groups: sample('server-groups'),
    actions: [],
    maxLimit: 1000,
    maxMicroversion: '2.93',
    isSilent: false,
    versions: () => ({
      status: 200,
      body: { version: { id: 'v2.1', version: nova.maxMicroversion, min_version: '2.1' } },
    }),
    answer,
  };
  return nova;

  function answer(asked: Asked): Reply {
    const { method, path, query, body } = asked;
    const [, list, id, below, belowId] = path.split('/');
    const route = `${method} ${list} ${[id && (id === 'detail' ? id : 'ID'), below, belowId && 'ID'].filter(Boolean).join(' ')}`;
    switch (route.trim()) {
      case 'GET servers detail':
        return listServers(asked);
      case 'GET servers ID': {
        const server = nova.servers.map((row) => shown(row, asked)).find((row) => row.id === id);
        return server ? { status: 200, body: { server } } : notFound;
      }
      case 'POST servers ID action':
        nova.actions.push(body);
        return { status: 202 };
      case 'GET servers ID migrations ID': {
        const isRunning = nova.migrations.some(
          (row) => String(row.id) === belowId && row.status === 'running',
        );
        return isRunning ? { status: 200, body: { migration: sample('server-migration') } } : notFound;
      }
      case 'DELETE servers ID migrations ID':
        return abort(belowId);
      case 'GET os-hypervisors detail':
        return listHypervisors(asked);
      case 'GET os-hypervisors ID':
        return showHypervisor(id);
      case 'GET os-services':
        return listServices(query);
      case 'PUT os-services ID':
        return changeService(id, body);
      case 'GET os-migrations':
        return listMigrations(query);
      case 'GET os-aggregates':
        return { status: 200, body: { aggregates: sample('aggregates') } };
      case 'GET os-server-groups':
        return listGroups(query);
      default:
        return notFound;
    }
  }

  function listServers(asked: Asked): Reply {
    const { query } = asked;
    const isWhole = [...query.keys()].join() === 'all_tenants';
    if (!nova.isSilent) {
      const host = query.get('host');
      // Without it Nova shows the servers of one's own project, and admin has none.
      const seen = query.has('all_tenants') ? nova.servers : [];
      const rows = seen.filter((row) => host === null || row['OS-EXT-SRV-ATTR:host'] === host);
      const all = rows.map((row) => shown(row, asked));
      return page('servers', all, query, ({ id }) => id);
    }
    const unknown = nova.servers.map(({ id, tenant_id, created }) => ({
      id,
      tenant_id,
      created,
      status: 'UNKNOWN',
    }));
    return { status: 200, body: { servers: isWhole ? unknown : [] } };
  }

  function listHypervisors({ query }: Asked): Reply {
    // Nova asks each cell in turn and has no patience limit of its own here; it ends in an error.
    if (nova.isSilent) return broken;
    const pattern = query.get('hypervisor_hostname_pattern');
    const rows = nova.hypervisors.filter((row) => row.hypervisor_hostname.includes(pattern ?? ''));
    if (pattern !== null) return rows.length > 0 ? { status: 200, body: { hypervisors: rows } } : notFound;
    return page('hypervisors', rows, query, ({ id }) => id);
  }

  function showHypervisor(id = ''): Reply {
    const row = nova.hypervisors.find((hypervisor) => hypervisor.id === id);
    if (nova.isSilent) return broken;
    if (row === undefined) return notFound;
    const servers = nova.servers
      .filter((server) => server['OS-EXT-SRV-ATTR:host'] === row.service.host)
      .map((server) => ({ uuid: server.id, name: 'instance-00000001' }));
    return { status: 200, body: { hypervisor: { ...row, servers } } };
  }

  function listServices(query: URLSearchParams): Reply {
    const rows = nova.services.filter(
      ({ binary, host }) =>
        (query.get('binary') ?? binary) === binary && (query.get('host') ?? host) === host,
    );
    const unknown = rows.map(({ binary, host }) => ({ binary, host, status: 'UNKNOWN' }));
    return { status: 200, body: { services: nova.isSilent ? unknown : rows } };
  }

  function changeService(id: string | undefined, body: unknown): Reply {
    const service = nova.services.find((row) => row.id === id);
    if (service === undefined) return notFound;
    const { status, disabled_reason = null } = body as { status: string; disabled_reason?: string };
    Object.assign(service, { status, disabled_reason });
    return { status: 200, body: { service } };
  }

  function listMigrations(query: URLSearchParams): Reply {
    if (nova.isSilent) return { status: 200, body: { migrations: [] } };
    const server = query.get('instance_uuid');
    const host = query.get('host');
    const rows = nova.migrations.filter(
      (row) =>
        (server === null || row.instance_uuid === server) &&
        (host === null || row.source_compute === host || row.dest_compute === host),
    );
    return page('migrations', rows, query, ({ uuid }) => uuid);
  }

  function listGroups(query: URLSearchParams): Reply {
    const seen = query.has('all_projects') ? nova.groups : [];
    const offset = Number(query.get('offset') ?? 0);
    return { status: 200, body: { server_groups: seen.slice(offset, offset + nova.maxLimit) } };
  }

  function abort(id: string | undefined): Reply {
    const migration = nova.migrations.find((row) => String(row.id) === id);
    if (migration === undefined) return notFound;
    if (migration.status !== 'running') {
      const message = `Migration ${id} state of instance is ${migration.status}. Cannot abort live migration while the migration is in this state.`;
      return { status: 400, body: { badRequest: { code: 400, message } } };
    }
    migration.status = 'cancelled';
    return { status: 202 };
  }

  function page<T>(
    key: string,
    rows: readonly T[],
    query: URLSearchParams,
    markerOf: (row: T) => string,
  ): Reply {
    const marker = query.get('marker');
    const start = marker === null ? 0 : rows.findIndex((row) => markerOf(row) === marker) + 1;
    const shown = rows.slice(start, start + nova.maxLimit);
    const last = shown.at(-1);
    if (last === undefined || start + shown.length >= rows.length)
      return { status: 200, body: { [key]: shown } };
    const href = `http://nova.internal:8774/v2.1/${key}?marker=${markerOf(last)}`;
    return { status: 200, body: { [key]: shown, [`${key}_links`]: [{ rel: 'next', href }] } };
  }
}

function minorOf({ headers }: Pick<Asked, 'headers'>): number {
  return Number(/compute 2\.(\d+)/.exec(String(headers['openstack-api-version']))?.[1]);
}

function shown(server: SampleServer, asked: Asked): SampleServer {
  const { pinned_availability_zone: zone, ...older } = server;
  return minorOf(asked) >= 96 ? { ...older, pinned_availability_zone: zone ?? null } : older;
}
