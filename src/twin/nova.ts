/** Nova as the compute client knows it: version documents, then everything below `/v2.1`. */
import { type Answer, type Ask, follow, type Reply } from './http.ts';
import type { Keystone } from './keystone.ts';
import { actionRoutes } from './nova-actions.ts';
import { minorOf, NEWEST_MINOR, type SignedIn } from './nova-call.ts';
import { groupRoutes } from './nova-groups.ts';
import { hypervisorRoutes } from './nova-hypervisors.ts';
import { instanceActionRoutes } from './nova-instance-actions.ts';
import { migrationRoutes } from './nova-migrations.ts';
import { serverRoutes } from './nova-servers.ts';
import { serviceRoutes } from './nova-services.ts';
import type { World } from './world.ts';

export function openNova(world: World, keystone: Keystone): Answer {
  const as: SignedIn =
    (answer) =>
    (ask, ...caught) =>
      answer({ ...ask, token: keystone.check(ask), minor: minorOf(ask) }, ...caught);
  const parts = [
    serverRoutes,
    actionRoutes,
    instanceActionRoutes,
    migrationRoutes,
    hypervisorRoutes,
    serviceRoutes,
    groupRoutes,
  ];
  const routes = parts.flatMap((part) => part(world, as));

  return async (ask) => {
    if (ask.path === '' || ask.path === '/') return { status: 200, body: { versions: [version(ask)] } };
    if (/^\/v2\.1\/?$/.test(ask.path)) return { status: 200, body: { version: version(ask) } };
    const below = { ...ask, path: ask.path.replace(/^\/v2\.1/, '').replace(/\/$/, '') };
    const reply = (await follow(routes, below)) ?? notHere(keystone, below);
    const spoken = `compute 2.${minorOf(ask)}`;
    return {
      ...reply,
      headers: { 'openstack-api-version': spoken, vary: 'OpenStack-API-Version', ...reply.headers },
    };
  };
}

function version({ url }: Ask): object {
  return {
    id: 'v2.1',
    status: 'CURRENT',
    version: `2.${NEWEST_MINOR}`,
    min_version: '2.1',
    updated: '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${url}/v2.1/` }],
  };
}

/** Not as Nova's own 404s, which say what could not be found. */
function notHere(keystone: Keystone, ask: Ask): Reply {
  keystone.check(ask);
  const message = 'The resource could not be found.<br /><br />\n\n\n';
  return { status: 404, body: { message, code: '404 Not Found', title: 'Not Found' } };
}
