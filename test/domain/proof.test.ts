import { describe, expect, it } from 'vitest';
import { judgeProof, type Look, rememberAgents, rememberHeard, whyHopeless } from '../../src/domain/proof.ts';

const expected = { bootId: 'boot-1', next: '6.1.0-28', serviceId: 'service-7', hypervisorId: 'hv-7' };
const service = {
  id: 'service-7',
  hypervisorId: 'hv-7',
  up: true,
  forcedDown: false,
  heardAt: '2026-11-24T22:59:12Z',
};
const well: Look = {
  boot: { bootId: 'boot-2', running: '6.1.0-28' },
  service,
  heard: ['2026-11-24T22:58:52Z', '2026-11-24T22:59:02Z', '2026-11-24T22:59:12Z'],
  agents: [],
  agentsHeard: {},
};

function failing(look: Look): string[] {
  return judgeProof(expected, look).flatMap(({ ok, name, saw }) => (ok ? [] : [`${name}: ${saw}`]));
}

describe('judgeProof', () => {
  it('passes a hypervisor in a new boot of the right kernel whose service is heard again', () => {
    expect(failing(well)).toEqual([]);
    expect(judgeProof(expected, well)).toHaveLength(7);
  });

  it.each<{ what: string; look: Partial<Look>; fails: string[] }>([
    {
      what: 'does not answer',
      look: { boot: { away: 'connection refused' } },
      fails: [
        'answers: it does not answer: connection refused',
        'new boot: its boot id cannot be read',
        'kernel: its kernel cannot be read',
      ],
    },
    {
      what: 'answers and never rebooted',
      look: { boot: { bootId: 'boot-1', running: '6.1.0-18' } },
      fails: ['new boot: it still runs its old boot', 'kernel: kernel 6.1.0-18 runs, 6.1.0-28 was expected'],
    },
    {
      what: 'came back with the old kernel',
      look: { boot: { bootId: 'boot-2', running: '6.1.0-18' } },
      fails: ['kernel: kernel 6.1.0-18 runs, 6.1.0-28 was expected'],
    },
    {
      what: 'registered a second compute service',
      look: { service: { ...service, id: 'service-8' } },
      fails: ['same service: its compute service is service-8, it was service-7'],
    },
    {
      what: 'Nova takes for another hypervisor',
      look: { service: { ...service, hypervisorId: 'hv-8' } },
      fails: ['same hypervisor: Nova takes it for hypervisor hv-8, it was hv-7'],
    },
    {
      what: 'is called up by Nova because of a heartbeat from before',
      look: { heard: [service.heardAt] },
      fails: ['heartbeat: its compute service has not been heard since the reboot'],
    },
    {
      what: 'was heard once, which may have been a change of its record',
      look: { heard: ['2026-11-24T22:59:02Z', service.heardAt] },
      fails: [
        'heartbeat: its compute service was heard only once since the reboot, at 2026-11-24T22:59:12Z, which may have been a change of its record',
      ],
    },
    {
      what: 'is down',
      look: { service: { ...service, up: false } },
      fails: ['service up: its compute service is down'],
    },
    {
      what: 'is forced down',
      look: { service: { ...service, forcedDown: true } },
      fails: ['service up: its compute service is forced down'],
    },
    {
      what: 'cannot be looked at through Nova',
      look: { service: { away: '503' } },
      fails: ['same service', 'heartbeat', 'service up'].map(
        (name) => `${name}: its compute service cannot be looked at: 503`,
      ),
    },
  ])('fails a hypervisor that $what', ({ look, fails }) => {
    expect(failing({ ...well, ...look })).toEqual(fails);
  });
});

describe('judgeProof, where network agents were alive before', () => {
  const dhcp = { binary: 'neutron-dhcp-agent', alive: true, heardAt: '2026-11-24T22:59:30Z' };
  const ovs = { ...dhcp, binary: 'neutron-openvswitch-agent' };
  const times = ['2026-11-24T22:58:30Z', '2026-11-24T22:59:30Z'];
  const heardAgain = { [dhcp.binary]: times, [ovs.binary]: times };
  const missing = 'network agents that were alive before are missing: ';

  it.each<{ what: string; agents: Look['agents']; agentsHeard: Look['agentsHeard']; saw: string }>([
    {
      what: 'that are heard again, whatever others there are',
      agents: [dhcp, ovs, { ...dhcp, binary: 'neutron-l3-agent', alive: false }],
      agentsHeard: heardAgain,
      saw: 'ok: neutron-dhcp-agent and neutron-openvswitch-agent heard again',
    },
    {
      what: 'of which Neutron has no record',
      agents: [dhcp],
      agentsHeard: heardAgain,
      saw: `${missing}neutron-openvswitch-agent (Neutron has none)`,
    },
    {
      what: 'that are not alive, though one was heard',
      agents: [dhcp, { ...ovs, alive: false }],
      agentsHeard: heardAgain,
      saw: `${missing}neutron-openvswitch-agent (not alive)`,
    },
    {
      what: 'that are called alive because of a heartbeat from before',
      agents: [dhcp, ovs],
      agentsHeard: { [dhcp.binary]: times.slice(0, 1) },
      saw: `${missing}neutron-dhcp-agent (not heard since the reboot) and neutron-openvswitch-agent (not heard since the reboot)`,
    },
    {
      what: 'that cannot be asked for',
      agents: { away: '503' },
      agentsHeard: heardAgain,
      saw: 'its network agents cannot be looked at: 503',
    },
  ])('judges those $what', ({ agents, agentsHeard, saw }) => {
    const demanded = { ...expected, agents: [dhcp.binary, ovs.binary] };
    const checks = judgeProof(demanded, { ...well, agents, agentsHeard });

    expect(checks).toHaveLength(8);
    expect(checks.slice(0, 7).every(({ ok }) => ok)).toBe(true);
    const [last] = checks.slice(7);
    expect(last?.name).toBe('network agents');
    expect(`${last?.ok ? 'ok: ' : ''}${last?.saw}`).toBe(saw);
  });

  it.each([{ agents: [] }, {}])('asks nothing where none were: %j', (none) => {
    const checks = judgeProof({ ...expected, ...none }, { ...well, agents: [{ ...ovs, alive: false }] });

    expect(checks.map(({ name }) => name)).not.toContain('network agents');
  });

  it('remembers of each agent when it was heard, also of one that is gone meanwhile', () => {
    const later = { ...ovs, heardAt: '2026-11-24T22:59:45Z' };
    const first = rememberAgents({}, [dhcp, ovs]);

    expect(first).toEqual({ [dhcp.binary]: [dhcp.heardAt], [ovs.binary]: [ovs.heardAt] });
    expect(rememberAgents(first, [later])).toEqual({
      [dhcp.binary]: [dhcp.heardAt],
      [ovs.binary]: [ovs.heardAt, later.heardAt],
    });
  });
});

describe('rememberHeard', () => {
  const before = ['2026-11-24T22:59:02Z'];

  it.each([
    { what: 'the first time', heard: [], at: '2026-11-24T22:59:02Z', kept: before },
    {
      what: 'a newer time',
      heard: before,
      at: '2026-11-24T22:59:12Z',
      kept: [...before, '2026-11-24T22:59:12Z'],
    },
    { what: 'the same time, once', heard: before, at: '2026-11-24T22:59:02Z', kept: before },
    { what: 'no older time', heard: before, at: '2026-11-24T22:58:52Z', kept: before },
  ])('keeps $what', ({ heard, at, kept }) => {
    expect(rememberHeard(heard, at)).toEqual(kept);
  });
});

describe('whyHopeless', () => {
  it.each<{ what: string; boot: Look['boot']; why: string | undefined }>([
    {
      what: 'another kernel in a new boot',
      boot: { bootId: 'boot-2', running: '6.1.0-18' },
      why: 'kernel 6.1.0-18 runs, 6.1.0-28 was expected',
    },
    { what: 'the old boot', boot: { bootId: 'boot-1', running: '6.1.0-18' }, why: undefined },
    { what: 'silence', boot: { away: 'connection refused' }, why: undefined },
    { what: 'the right kernel', boot: well.boot, why: undefined },
  ])('says $why for $what', ({ boot, why }) => {
    expect(whyHopeless(expected, { ...well, boot })).toBe(why);
  });
});
