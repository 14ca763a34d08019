/** The lab's cloud in a tester's hands: servers made to measure, and what stands in it. */
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { z } from 'zod';
import { openStackCloud } from '../../../src/clients/openstack/cloud.ts';
import { listServersOn } from '../../../src/clients/openstack/servers.ts';
import { openSession } from '../../../src/clients/openstack/session.ts';
import { readOpenStackSettings } from '../../../src/clients/openstack/settings.ts';
import type { Migration } from '../../../src/domain/fleet.ts';
import { labDir, openrc, serviceHost, until } from './lab.ts';

const settings = readOpenStackSettings({ env: openrc(), cwd: labDir, home: labDir });
const session = openSession(settings);

export const cloud = openStackCloud(settings);

export interface Wish {
  readonly on: string;
  /** `g1.gpu` is bound to a device of its hypervisor; `m1.small` if left out. */
  readonly flavor?: 'g1.gpu';
  readonly is?: 'SHUTOFF' | 'PAUSED';
  /** Id of the server group that it is a member of. */
  readonly group?: string;
}

const Made = z.object({ server: z.object({ id: z.string() }) });
const ACTION = { SHUTOFF: 'os-stop', PAUSED: 'pause' } as const;

/** Servers by name, each where it is wished and in the state that it is wished in; answers their ids by name. */
export async function createServers<Name extends string>(
  wishes: Record<Name, Wish>,
): Promise<Record<Name, string>> {
  const image = findImage();
  const made = await Promise.all(
    (Object.entries(wishes) as [Name, Wish][]).map(async ([name, { on, flavor = 'm1.small', is, group }]) => {
      const server = {
        name,
        imageRef: image,
        flavorRef: flavor,
        networks: 'none',
        host: serviceHost(on),
      };
      const hints = group === undefined ? {} : { 'os:scheduler_hints': { group } };
      const { server: made } = await post('/servers', { server, ...hints }, Made);
      const { id } = made;
      await become(id, 'ACTIVE');
      if (is !== undefined) await act(id, ACTION[is], is);
      return [name, id] as const;
    }),
  );
  return Object.fromEntries(made) as Record<Name, string>;
}

/** A server group whose members never share a hypervisor; answers its id. */
export async function createGroup(name: string): Promise<string> {
  const { server_group: group } = await post(
    '/os-server-groups',
    { server_group: { name, policy: 'anti-affinity' } },
    z.object({ server_group: z.object({ id: z.string() }) }),
  );
  return group.id;
}

/** Asks for one of the Compute API's server actions and waits until the server is in `status`. */
export async function act(
  server: string,
  action: string,
  status: string,
  details: object | null = null,
): Promise<void> {
  await post(`/servers/${server}/action`, { [action]: details }, z.unknown());
  await become(server, status);
}

/** Asks Nova to live-migrate a server to this hypervisor; resolves once it is on its way. */
export async function sendTo(server: string, hypervisor: string): Promise<Migration> {
  const details = { host: serviceHost(hypervisor), block_migration: 'auto' };
  await post(`/servers/${server}/action`, { 'os-migrateLive': details }, z.unknown());
  return await migrationOf(server);
}

/** Ends a live migration at once, and well: the server is paused until all is copied. */
export async function complete(server: string, { id }: Migration): Promise<void> {
  await post(`/servers/${server}/migrations/${id}/action`, { force_complete: null }, z.unknown());
}

/** Runs OpenStack's own command line, as an operator's shell would: one script of it. */
export function openstack(script: string): void {
  const env = { PATH: '/usr/bin:/bin', ...openrc() };
  execFileSync('sh', ['-eu'], { input: script, env, stdio: ['pipe', 'ignore', 'pipe'] });
}

async function become(server: string, status: string): Promise<void> {
  await until(async () => {
    const seen = await cloud.server(server);
    expect(seen?.status).toBe(status);
    expect(seen?.task).toBeUndefined();
  });
}

/** Every server by name: where it is and how it is. */
export async function standing(): Promise<Record<string, string>> {
  const { servers } = await cloud.fleet();
  const rows = servers.map(({ name, status, task, hypervisor }) => [
    name,
    `${status}${task === undefined ? '' : ` (${task})`} on ${hypervisor}`,
  ]);
  return Object.fromEntries(rows) as Record<string, string>;
}

/** The servers on a hypervisor by Nova's list, whose 200 leaves out what is in a cell that is down. */
export async function listedOn(hypervisor: string): Promise<string[]> {
  return (await listServersOn(session, serviceHost(hypervisor))).map(({ id }) => id);
}

/** Hypervisors whose compute service is disabled, with the reason. */
export async function disabled(): Promise<Record<string, string>> {
  const { services } = await session(
    { service: 'compute', method: 'GET', path: '/os-services', query: { binary: 'nova-compute' } },
    z.object({
      services: z.array(
        z.object({ host: z.string(), status: z.string(), disabled_reason: z.string().nullish() }),
      ),
    }),
  );
  const out = services.filter(({ status }) => status === 'disabled');
  return Object.fromEntries(out.map(({ host, disabled_reason: reason }) => [host, reason ?? '']));
}

/** The migration of a server that is under way, once one is. */
export async function migrationOf(server: string): Promise<Migration> {
  return await until(async () => {
    const [newest] = await cloud.migrations(server);
    expect(newest?.status).toBe('running');
    return newest as Migration;
  });
}

export function findImage(): string {
  const args = ['image', 'list', '-f', 'value', '-c', 'ID'];
  return execFileSync('openstack', args, { env: { ...process.env, ...openrc() }, encoding: 'utf8' }).trim();
}

async function post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<T> {
  return await session({ service: 'compute', method: 'POST', path, body }, schema);
}
