/** What Neutron says of its agents, where there is a Neutron. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStackCloud } from '../../../src/clients/openstack/cloud.ts';
import type { SampleAgent } from './fake-neutron.ts';
import { type FakeOpenStack, startFakeOpenStack } from './fake-openstack.ts';

let openStack: FakeOpenStack;
beforeEach(async () => {
  openStack = await startFakeOpenStack();
});
afterEach(() => openStack.stop());

const DHCP = 'neutron-dhcp-agent';
const OVS = 'neutron-openvswitch-agent';
const HEARD = '2026-11-24 22:59:30';

function agent(binary: string, host: string, more: Partial<SampleAgent> = {}): SampleAgent {
  return {
    id: `${openStack.neutron.agents.length}`,
    agent_type: binary,
    binary,
    host,
    alive: true,
    admin_state_up: true,
    heartbeat_timestamp: HEARD,
    availability_zone: null,
    ...more,
  };
}

/** The catalog has a Neutron, and that one these agents. */
function withNeutron({ path = '/network', region = 'RegionOne', face = 'public' } = {}): void {
  const place = { interface: face, region_id: region, region };
  const endpoints = [{ ...place, url: openStack.url + path }];
  openStack.keystone.catalog.push({ type: 'network', endpoints });
}

function has(...made: Parameters<typeof agent>[]): void {
  for (const each of made) openStack.neutron.agents.push(agent(...each));
}

const asked = () => openStack.log.filter((request) => request === 'GET /agents').length;

describe('the agents of a hypervisor', () => {
  it('are those of its service host, by binary', async () => {
    withNeutron();
    has([OVS, 'hv01'], [DHCP, 'hv01', { alive: false, heartbeat_timestamp: null }], [OVS, 'hv02']);

    expect(await openStackCloud(openStack.settings).agents('hv01.lab.example')).toEqual([
      { binary: DHCP, alive: false, heardAt: '1970-01-01T00:00:00.000Z' },
      { binary: OVS, alive: true, heardAt: '2026-11-24T22:59:30.000Z' },
    ]);
    expect(openStack.asked.at(-1)?.query.get('host')).toBe('hv01');
  });

  it.each(['/network', '/network/', '/network/v2.0', '/network/v2.0/'])(
    'are found where the catalog spells the endpoint %s',
    async (path) => {
      withNeutron({ path });
      has([OVS, 'hv01']);

      expect(await openStackCloud(openStack.settings).agents('hv01.lab.example')).toHaveLength(1);
      expect(openStack.asked.at(-1)?.headers).not.toHaveProperty('openstack-api-version');
    },
  );

  it('have one record each that counts: one that lives, else the one that was heard last', async () => {
    withNeutron();
    has(
      [OVS, 'hv01'],
      [OVS, 'hv01', { alive: false, heartbeat_timestamp: '2026-11-24 23:30:00' }],
      [DHCP, 'hv01', { alive: false, heartbeat_timestamp: '2026-11-24 22:59:59' }],
      [DHCP, 'hv01', { alive: false }],
    );

    expect(await openStackCloud(openStack.settings).agents('hv01.lab.example')).toEqual([
      { binary: DHCP, alive: false, heardAt: '2026-11-24T22:59:59.000Z' },
      { binary: OVS, alive: true, heardAt: '2026-11-24T22:59:30.000Z' },
    ]);
  });

  it('are none, and that is no fault, where the catalog has no Neutron, or none in this region', async () => {
    has([OVS, 'hv01']);
    const settings = { ...openStack.settings, region: 'RegionOne' };
    const without = await openStackCloud(settings).agents('hv01.lab.example');
    withNeutron({ region: 'RegionTwo' });

    expect(without).toEqual([]);
    expect(await openStackCloud(settings).agents('hv01.lab.example')).toEqual([]);
    expect(asked()).toBe(0);
  });

  it('are none where clouds.yaml says that there is no Neutron to ask', async () => {
    withNeutron();
    has([OVS, 'hv01']);
    const settings = { ...openStack.settings, hasNetwork: false };

    expect(await openStackCloud(settings).agents('hv01.lab.example')).toEqual([]);
    expect(asked()).toBe(0);
  });

  it('are asked for at the endpoint that is set instead of the catalog’s', async () => {
    has([OVS, 'hv01']);
    const settings = { ...openStack.settings, endpoints: { network: `${openStack.url}/network` } };

    expect(await openStackCloud(settings).agents('hv01.lab.example')).toHaveLength(1);
  });

  it('are not none because Neutron is reached by another interface', async () => {
    withNeutron({ face: 'internal' });

    await expect(openStackCloud(openStack.settings).agents('hv01.lab.example')).rejects.toThrow(
      "Keystone's catalog has no public endpoint of network (interfaces it has: internal)",
    );
  });

  it.each([
    {
      status: 403,
      type: 'PolicyNotAuthorized',
      message: 'rule:get_agent is disallowed by policy',
      advice: "the cloud's user needs Neutron's admin role to see its agents",
    },
    {
      status: 404,
      type: 'HTTPNotFound',
      message: 'The resource could not be found.',
      advice:
        'a Neutron without agents is not asked for them with `has_network: false` in clouds.yaml (OS_HAS_NETWORK)',
    },
  ])('that Neutron refuses ($status) are a fault, with what to do', async ({ status, advice, ...said }) => {
    withNeutron();
    const refused = { status, body: { NeutronError: { ...said, detail: '' } } };
    openStack.instead('GET /agents', refused, refused);
    const cloud = openStackCloud(openStack.settings);

    const about = new RegExp(
      `^Neutron: GET /agents was answered ${status}: ${said.message} \\[req-\\d+\\]; ${advice.replaceAll(/[()]/g, '\\$&')}$`,
    );
    await expect(cloud.agents('hv01.lab.example')).rejects.toMatchObject({
      name: 'OpenStackError',
      status,
      retryable: false,
      message: expect.stringMatching(about),
    });
    await expect(cloud.health()).rejects.toMatchObject({ message: expect.stringMatching(about) });
  });

  it('of a hypervisor that does not exist are an error, not none', async () => {
    withNeutron();

    await expect(openStackCloud(openStack.settings).agents('hv99')).rejects.toThrow(
      'Nova has no hypervisor hv99',
    );
  });
});

describe('the health of the cloud', () => {
  it('has the agents that are down, in whatever number of pages', async () => {
    withNeutron();
    openStack.neutron.maxLimit = 1;
    has([DHCP, 'net1', { alive: false }], [OVS, 'hv01'], [OVS, 'hv02', { alive: false }]);

    expect((await openStackCloud(openStack.settings).health()).down).toEqual([
      `${DHCP} on net1`,
      `${OVS} on hv02`,
    ]);
    expect(asked()).toBe(3);
  });

  it('leaves out those whose admin state is down, and those on a hypervisor that somebody has disabled', async () => {
    withNeutron();
    has([OVS, 'hv01', { alive: false, admin_state_up: false }], [OVS, 'hv02', { alive: false }]);
    const service = openStack.nova.services.find(({ host }) => host === 'hv02')!;
    const cloud = openStackCloud(openStack.settings);
    const before = await cloud.health();
    service.status = 'disabled';

    expect(before.down).toEqual([`${OVS} on hv02`]);
    expect((await cloud.health()).down).toEqual([]);
  });
});
