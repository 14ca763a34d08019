/** How Nova shows servers and migrations. */
import { hash } from 'node:crypto';
import { progressOf } from './live-migration.ts';
import { type Call, novaTime, shortTime } from './nova-call.ts';
import { isUp } from './power.ts';
import type { Flavor, Migration, Server } from './state.ts';
import type { World } from './world.ts';

/** Nova's word for a server's two states together. */
export function statusOf({ vmState, task }: Server): string {
  if (task === 'migrating') return 'MIGRATING';
  if (task?.startsWith('resize_')) return task === 'resize_reverting' ? 'REVERT_RESIZE' : 'RESIZE';
  return {
    building: 'BUILD',
    active: 'ACTIVE',
    stopped: 'SHUTOFF',
    paused: 'PAUSED',
    suspended: 'SUSPENDED',
    resized: 'VERIFY_RESIZE',
    rescued: 'RESCUE',
    shelved: 'SHELVED',
    shelved_offloaded: 'SHELVED_OFFLOADED',
    error: 'ERROR',
  }[vmState];
}

export function serverLinks({ url }: Call, { id }: Server): object[] {
  return [
    { rel: 'self', href: `${url}/v2.1/servers/${id}` },
    { rel: 'bookmark', href: `${url}/servers/${id}` },
  ];
}

export function briefServer(call: Call, server: Server): object {
  return { id: server.id, name: server.name, links: serverLinks(call, server) };
}

export function wholeServer(world: World, call: Call, server: Server): object {
  const { host, projectId } = server;
  const hypervisor = host === null ? undefined : world.hypervisor(host);
  return {
    id: server.id,
    name: server.name,
    status: statusOf(server),
    tenant_id: projectId,
    user_id: server.userId,
    metadata: server.metadata,
    ...(call.minor >= 26 && { tags: server.tags ?? [] }),
    hostId: host === null ? '' : hash('sha224', projectId + host),
    image: image(world, call),
    flavor: flavorIn(world.flavorOf(server), call),
    created: shortTime(server.createdAt),
    updated: shortTime(server.updatedAt),
    addresses: addressesOf(server),
    accessIPv4: '',
    accessIPv6: '',
    links: serverLinks(call, server),
    progress: percent(world, server),
    'OS-EXT-AZ:availability_zone': host === null ? '' : world.zoneOf(host),
    'OS-SRV-USG:launched_at': server.launchedAt === null ? null : novaTime(server.launchedAt),
    'OS-SRV-USG:terminated_at': null,
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:instance_name': domainName(server),
    'OS-EXT-SRV-ATTR:hypervisor_hostname': hypervisor?.name ?? null,
    'OS-EXT-STS:task_state': server.task,
    'OS-EXT-STS:vm_state': server.vmState,
    'OS-EXT-STS:power_state': server.power,
    'os-extended-volumes:volumes_attached': [],
    locked: server.locked,
    locked_reason: null,
    ...(server.vmState === 'error' && host === null && { fault: noPlace(server) }),
    host_status: hypervisor === undefined ? '' : isUp(world, hypervisor) ? 'UP' : 'UNKNOWN',
    ...(call.path.endsWith('/detail')
      ? {}
      : { server_groups: server.group === undefined ? [] : [server.group] }),
  };
}

function addressesOf({ addresses = [] }: Server): object {
  if (addresses.length === 0) return {};
  const ports = addresses.map((addr) => ({ addr, version: addr.includes(':') ? 6 : 4 }));
  return { internal: ports.map((port) => ({ ...port, 'OS-EXT-IPS:type': 'fixed' })) };
}

function noPlace({ updatedAt }: Server): object {
  const message = 'No valid host was found. There are not enough hosts available.';
  return { code: 500, created: shortTime(updatedAt), message };
}

/** All that Nova knows of a server whose cell gives no answer. */
export function unknownServer(call: Call, server: Server): object {
  return {
    id: server.id,
    status: 'UNKNOWN',
    tenant_id: server.projectId,
    created: shortTime(server.createdAt),
    links: serverLinks(call, server),
  };
}

export function wholeUnknownServer(world: World, call: Call, server: Server): object {
  return {
    ...unknownServer(call, server),
    image: image(world, call),
    flavor: flavorIn(world.flavorOf(server), call),
    'OS-EXT-AZ:availability_zone': 'UNKNOWN',
    'OS-EXT-STS:power_state': 0,
    user_id: server.userId,
    server_groups: server.group === undefined ? [] : [server.group],
  };
}

export function domainName({ number }: Server): string {
  return `instance-${number.toString(16).padStart(8, '0')}`;
}

function image({ state }: World, { url }: Call): object {
  return { id: state.image, links: [{ rel: 'bookmark', href: `${url}/images/${state.image}` }] };
}

function flavorIn({ name, vcpus, ramMb, diskGb, extraSpecs }: Flavor, { minor, url }: Call): object {
  if (minor < 47) return { id: name, links: [{ rel: 'bookmark', href: `${url}/flavors/${name}` }] };
  return {
    vcpus,
    ram: ramMb,
    disk: diskGb,
    ephemeral: 0,
    swap: 0,
    original_name: name,
    extra_specs: extraSpecs,
  };
}

function percent(world: World, { id, task }: Server): number {
  const migration = task === 'migrating' && world.migrationsOf(id).at(-1);
  const progress = migration && progressOf(world, migration);
  return progress ? Math.floor((1 - progress.left / progress.total) * 100) : 0;
}

/** In the list of all migrations. */
export function migrationRow(world: World, migration: Migration): object {
  return {
    ...endsOf(world, migration),
    id: migration.number,
    uuid: migration.uuid,
    instance_uuid: migration.server,
    status: migration.status,
    migration_type: migration.kind,
    old_instance_type_id: 1,
    new_instance_type_id: 1,
    created_at: novaTime(migration.createdAt),
    updated_at: novaTime(migration.updatedAt),
  };
}

/** In the list of one server, while it is under way. */
export function progressRow(world: World, migration: Migration): object {
  const progress = progressOf(world, migration);
  return {
    ...endsOf(world, migration),
    id: migration.number,
    uuid: migration.uuid,
    server_uuid: migration.server,
    status: migration.status,
    memory_total_bytes: progress?.total ?? null,
    memory_processed_bytes: progress?.done ?? null,
    memory_remaining_bytes: progress?.left ?? null,
    disk_total_bytes: progress && 0,
    disk_processed_bytes: progress && 0,
    disk_remaining_bytes: progress && 0,
    created_at: novaTime(migration.createdAt),
    updated_at: novaTime(migration.updatedAt),
  };
}

function endsOf(world: World, { from, to, sourceNodeKnown }: Migration): object {
  return {
    source_compute: from,
    source_node: sourceNodeKnown ? world.hypervisor(from).name : null,
    dest_compute: to,
    dest_node: to === null ? null : world.hypervisor(to).name,
    dest_host: null,
  };
}
