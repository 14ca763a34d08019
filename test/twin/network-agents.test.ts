/** Neutron's agents on the simulated hypervisors, through the real client, while time passes by hand. */
import { beforeEach, describe, expect, it } from 'vitest';
import { openStackCloud } from '../../src/clients/openstack/cloud.ts';
import { readOpenStackSettings } from '../../src/clients/openstack/settings.ts';
import type { Cloud } from '../../src/domain/fleet.ts';
import { machineOf } from '../../src/twin/machine.ts';
import { networkAgents } from '../../src/twin/network-agents.ts';
import { openQuietTwin, type QuietTwin } from '../../src/twin/twin.ts';

const START = Date.UTC(2026, 10, 24, 22);
const SECOND = 1000;

let twin: QuietTwin;
let cloud: Cloud;
beforeEach(() => {
  twin = openQuietTwin({ seed: 7, hypervisors: 4, servers: 0, at: START });
  const settings = readOpenStackSettings({ env: twin.env, cwd: '/', home: '/' });
  cloud = openStackCloud(settings, (asked) => twin.inProcess.exchange(asked));
});

const machine = (name: string) => machineOf(twin.world, twin.world.named(name));
const pass = (seconds: number) => twin.world.advance(twin.world.now + seconds * SECOND);
const alive = async (name: string) =>
  (await cloud.agents(name)).map((agent) => `${agent.binary} ${agent.alive ? 'alive' : 'down'}`);

describe('network agents', () => {
  it('are those of OVN, and on one in four hypervisors those of Open vSwitch', async () => {
    expect(await alive('hv01')).toEqual(['neutron-ovn-metadata-agent alive', 'ovn-controller alive']);
    expect(await alive('hv04')).toEqual([
      'neutron-dhcp-agent alive',
      'neutron-l3-agent alive',
      'neutron-openvswitch-agent alive',
    ]);
  });

  it('go down with their hypervisor, and come back with the next boot', async () => {
    machine('hv01').reboot();
    pass(2);
    const [before] = await cloud.agents('hv01');
    pass(34);
    const meanwhile = await cloud.agents('hv01');
    pass(7);

    expect(meanwhile[0]).toEqual(before);
    expect(await alive('hv01')).toEqual(['neutron-ovn-metadata-agent alive', 'ovn-controller alive']);
    for (const { heardAt } of await cloud.agents('hv01'))
      expect(heardAt).toBe(new Date(START + 43 * SECOND).toISOString());
  });

  it('are called down when their hypervisor has been away for so long', async () => {
    twin.faults.reboots['hv01'] = 'never back';
    machine('hv01').reboot();
    pass(100);

    expect(await alive('hv01')).toEqual(['neutron-ovn-metadata-agent down', 'ovn-controller down']);
    expect((await cloud.health()).down).toEqual([
      'neutron-ovn-metadata-agent on hv01',
      'nova-compute on hv01',
      'ovn-controller on hv01',
    ]);
  });

  it('come back without one of them where a rule says so, until somebody starts it', async () => {
    twin.faults.rules.push({ what: 'no network agent', when: { hypervisor: 'hv04' } });
    machine('hv04').reboot();
    pass(200);
    const lame = await alive('hv04');
    machine('hv04').start('neutron-openvswitch-agent');

    expect(lame).toEqual([
      'neutron-dhcp-agent alive',
      'neutron-l3-agent alive',
      'neutron-openvswitch-agent down',
    ]);
    expect(await alive('hv04')).not.toContain('neutron-openvswitch-agent down');
  });

  it('are units of their hypervisor', () => {
    const host = machine('hv01');
    host.stop('ovn-controller');

    expect(
      ['ovn-controller', 'neutron-ovn-metadata-agent', 'neutron-l3-agent'].map((unit) => host.service(unit)),
    ).toEqual(['inactive', 'active', undefined]);
  });

  it('are hidden from whoever is no administrator, without a word', async () => {
    const { authUrl } = twin.inProcess;
    const door = (path: string, token = '') =>
      twin.inProcess.exchange({
        method: token ? 'GET' : 'POST',
        url: new URL(path),
        headers: token ? { 'x-auth-token': token } : {},
        ...(token ? {} : { body: JSON.stringify(signIn('alice', 'alpha')) }),
        answerMs: 1000,
      });
    const { headers } = await door(`${authUrl}/auth/tokens`);
    const agents = new URL('/network/v2.0/agents', authUrl).href;

    expect(await door(agents, headers['x-subject-token'])).toMatchObject({
      status: 200,
      text: '{"agents":[]}',
    });
    expect(await door(agents, 'of nobody')).toMatchObject({ status: 401 });
  });

  it('are none in a world that was kept before there were any', async () => {
    const { hypervisors } = twin.world.state;
    Object.assign(hypervisors['hv01']!, { networkAgents: undefined });

    expect(networkAgents(hypervisors['hv01']!)).toEqual([]);
    expect(await cloud.agents('hv01')).toEqual([]);
  });
});

function signIn(name: string, project: string): object {
  const domain = { id: 'default' };
  const identity = { methods: ['password'], password: { user: { name, password: 'twin', domain } } };
  return { auth: { identity, scope: { project: { name: project, domain } } } };
}
