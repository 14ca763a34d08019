/** Whether what the client reads of a real OpenStack is what OpenStack's own command line reads. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloud } from './support/cloud.ts';
import { labDir, openrc } from './support/lab.ts';

const run = promisify(execFile);

beforeAll(() => {
  lab('reset');
  lab('servers', '--count', '12');
});
afterAll(() => lab('reset'));

function lab(...args: string[]): void {
  execFileSync(new URL('openstack/up', import.meta.url).pathname, [...args, '--dir', labDir]);
}

async function openstack(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await run('openstack', [...args, '-f', 'json'], {
    env: { ...process.env, ...openrc() },
  });
  return JSON.parse(stdout);
}

describe('the fleet', () => {
  it('is what OpenStack’s own command line reads', async () => {
    const [fleet, nodes, servers, services] = await Promise.all([
      cloud.fleet(),
      openstack('--os-compute-api-version', '2.87', 'hypervisor', 'list', '--long'),
      openstack('server', 'list', '--all-projects', '--long'),
      openstack('compute', 'service', 'list', '--service', 'nova-compute'),
    ]);

    expect(fleet.hypervisors.map(({ name }) => name)).toEqual(
      nodes.map((node) => String(node['Hypervisor Hostname'])).toSorted(),
    );
    expect(fleet.hypervisors.map(({ used }) => [used.vcpus, used.ramMb])).toEqual(
      nodes
        .toSorted((a, b) => String(a['Hypervisor Hostname']).localeCompare(String(b['Hypervisor Hostname'])))
        // Nova counts what the hypervisor keeps for itself as used memory; Placement does not.
        .map((node) => [node['vCPUs Used'], Number(node['Memory MB Used']) - 4096]),
    );
    expect(new Set(fleet.hypervisors.map(({ name, zone }) => `${name.split('.')[0]} ${zone}`))).toEqual(
      new Set(services.map((service) => `${String(service['Host'])} ${String(service['Zone'])}`)),
    );
    expect(new Set(fleet.servers.map(({ id, name, status }) => `${id} ${name} ${status}`))).toEqual(
      new Set(servers.map((row) => [row['ID'], row['Name'], row['Status']].join(' '))),
    );
    expect(fleet.servers.filter(({ pinned }) => pinned !== undefined)).toMatchObject([
      { name: 'vm02', pinned: 'PCI device of class gpu' },
    ]);
    expect(fleet.groups).toMatchObject([{ name: 'spread', policy: 'anti-affinity', maxPerHost: 1 }]);
  });

  it('is used as its servers say, wherever they are', async () => {
    const { hypervisors, servers } = await cloud.fleet();

    for (const { name, used } of hypervisors) {
      const here = servers.filter(({ hypervisor }) => hypervisor === name);
      expect(here.reduce((sum, { size }) => sum + size.vcpus, 0)).toBe(used.vcpus);
      expect(here.reduce((sum, { size }) => sum + size.diskGb, 0)).toBe(used.diskGb);
    }
  });
});
