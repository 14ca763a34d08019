import { describe, expect, it } from 'vitest';
import type { Fleet, Server } from '../../src/domain/fleet.ts';
import { type SnapshotRules, snapshotOf, withoutResting } from '../../src/domain/fleet-snapshot.ts';
import { ANYWHERE } from '../../src/domain/reach.ts';
import { group, hypervisor, server, size } from '../support/builders.ts';

const TAKEN_AT = '2026-11-24T22:00:00.000Z';
const LIVE = { projects: {}, classes: [], allow: { cold: false, stop: false } };
const RULES: SnapshotRules = {
  reach: ANYWHERE,
  policy: LIVE,
  isolatedAggregates: [],
  rackPrefixes: ['rack-'],
  mbPerSecond: 125,
};

function fleet(more: Partial<Fleet> = {}): Fleet {
  return {
    takenAt: TAKEN_AT,
    hypervisors: [hypervisor('hv1'), hypervisor('hv2')],
    servers: [server('a', 'hv1')],
    groups: [],
    ...more,
  };
}

function taken(more: Partial<Fleet> = {}, rules: Partial<SnapshotRules> = {}) {
  return snapshotOf(fleet(more), 'main', { ...RULES, ...rules });
}

function takenServer(more: Partial<Server>, rules: Partial<SnapshotRules> = {}) {
  return taken({ servers: [server('a', 'hv1', more)] }, rules).fleet.servers[0];
}

describe('a snapshot', () => {
  it('says what Placement allows as capacity of ratio 1', () => {
    const [hv1] = taken().fleet.hypervisors;

    expect(hv1).toMatchObject({ vcpus: 32, ramMb: 131_072, diskGb: 1000, cpuRatio: 1, ramRatio: 1 });
  });

  it('reserves what Placement books beyond the servers seen, and no more than there is', () => {
    const used = { ramMb: 12 * 1024, vcpus: 3, diskGb: 2000 };

    const { fleet } = taken({ hypervisors: [hypervisor('hv1', { used })] });

    expect(fleet.hypervisors[0]).toMatchObject({
      reservedRamMb: 4096,
      reservedVcpus: 1,
      reservedDiskGb: 1000,
    });
  });

  it('reserves nothing where Placement books less than the servers seen', () => {
    const [hv1] = taken().fleet.hypervisors;

    expect(hv1).toMatchObject({ reservedRamMb: 0, reservedVcpus: 0, reservedDiskGb: 0 });
  });

  it('tells zone, rack, cell and CPU by the rules of the site', () => {
    const traits = ['HW_CPU_X86_AVX2', 'COMPUTE_NODE'];
    const aggregates = ['general', 'rack-a12', 'cell-3'];
    const reach = { ...ANYWHERE, cpuDirection: true, cellPrefixes: ['cell-'] };

    const { fleet } = taken({ hypervisors: [hypervisor('hv1', { traits, aggregates })] }, { reach });

    expect(fleet.hypervisors[0]).toMatchObject({
      az: 'nova',
      rack: 'rack-a12',
      cell: 'cell-3',
      cpu: ['HW_CPU_X86_AVX2'],
      aggregates,
      traits,
    });
  });

  it('has migrations copy as fast as the site expects', () => {
    expect(taken().fleet.migrationGbps).toBe(1);
  });

  it.each<{ what: string; hv: object; rules?: Partial<SnapshotRules>; seen: object }>([
    {
      what: 'disabled',
      hv: { disabled: 'disk swap' },
      seen: { enabled: false, disabledReason: 'disk swap' },
    },
    { what: 'down', hv: { up: false }, seen: { enabled: true, up: false } },
    {
      what: 'left alone',
      hv: {},
      rules: { whyLeft: ({ name }) => (name === 'hv1' ? 'claimed by kim' : undefined) },
      seen: { enabled: false, disabledReason: 'claimed by kim' },
    },
  ])('shows a hypervisor that is $what', ({ hv, rules = {}, seen }) => {
    expect(taken({ hypervisors: [hypervisor('hv1', hv)] }, rules).fleet.hypervisors[0]).toMatchObject(seen);
  });

  it.each<{ what: string; more: Partial<Server>; rules?: Partial<SnapshotRules>; why?: string }>([
    { what: 'runs', more: {} },
    { what: 'is paused', more: { status: 'PAUSED' } },
    { what: 'does not run', more: { status: 'SHUTOFF' }, why: 'does not run' },
    { what: 'is locked', more: { locked: true }, why: 'is locked' },
    { what: 'is in ERROR', more: { status: 'ERROR' }, why: 'is in ERROR and may still run' },
    { what: 'is being migrated', more: { status: 'MIGRATING' }, why: 'is being migrated by somebody else' },
    { what: 'has a device', more: { pinned: 'PCI device of class gpu' }, why: 'PCI device of class gpu' },
    {
      what: 'has a device that moves along here',
      more: { pinned: 'PCI device of class gpu' },
      rules: { policy: { ...LIVE, movable: ['PCI device of class gpu'] } },
    },
    {
      what: 'is to be stopped, where the site allows that',
      more: { metadata: { 'nightshift:drain': 'stop' } },
      rules: { policy: { ...LIVE, allow: { cold: true, stop: true } } },
      why: 'is only to be stopped, as is wished for it',
    },
    {
      what: 'is to be asked for',
      more: { metadata: { 'nightshift:drain': 'ask' } },
      why: 'has an owner who wants to be asked first (nightshift:drain = ask)',
    },
    { what: 'failed to move', more: {}, rules: { stay: { a: 'did not leave' } }, why: 'did not leave' },
    {
      what: 'is on a hypervisor that is left alone',
      more: {},
      rules: { whyLeft: () => 'not armed' },
      why: 'its hypervisor is left alone: not armed',
    },
  ])('says whether a server moves that $what', ({ more, rules, why }) => {
    const seen = takenServer(more, rules);

    expect({ movable: seen?.movable, pinned: seen?.pinned }).toEqual({
      movable: why === undefined,
      pinned: why,
    });
  });

  it.each<{ what: string; zone?: string | null; crossAzAttach: boolean; az: string | undefined }>([
    { what: 'where Nova does not tell', crossAzAttach: true, az: 'nova' },
    { what: 'that nothing keeps', zone: null, crossAzAttach: true, az: undefined },
    { what: 'that Nova keeps', zone: 'az2', crossAzAttach: true, az: 'az2' },
    { what: 'whose volumes keep it', zone: null, crossAzAttach: false, az: 'nova' },
  ])('keeps a server in its zone: one $what', ({ zone, crossAzAttach, az }) => {
    const more = zone === undefined ? {} : { zone };

    expect(takenServer(more, { reach: { ...ANYWHERE, crossAzAttach } })?.az).toBe(az);
  });

  it('keeps the servers of an isolated aggregate in it', () => {
    const hypervisors = [hypervisor('hv1', { aggregates: ['licensed', 'general'] }), hypervisor('hv2')];
    const servers = [server('a', 'hv1'), server('b', 'hv2')];

    const { fleet } = taken({ hypervisors, servers }, { isolatedAggregates: ['licensed'] });

    expect(fleet.servers.map(({ aggregate }) => aggregate)).toEqual(['licensed', undefined]);
    expect(fleet.isolatedAggregates).toEqual(['licensed']);
  });

  it('says when a server was moved last', () => {
    expect(takenServer({}, { lastMoved: { a: TAKEN_AT } })?.lastMovedAt).toBe(TAKEN_AT);
  });

  it('leaves out servers that are nowhere, and says so', () => {
    const servers = [
      server('a', 'hv1'),
      server('nowhere', '', { status: 'SHELVED_OFFLOADED' }),
      server('unseen', '', { status: 'UNKNOWN' }),
      server('lost', 'hv9'),
    ];

    const { fleet, leftOut } = taken({
      servers,
      groups: [group('g', ['a', 'unseen'])],
    });

    expect(fleet.servers.map(({ id }) => id)).toEqual(['a']);
    expect(fleet.groups[0]?.members).toEqual(['a']);
    expect(leftOut).toEqual([
      { server: 'nowhere', why: 'it is on no hypervisor (SHELVED_OFFLOADED)' },
      { server: 'unseen', why: 'Nova cannot see it: its cell is down' },
      { server: 'lost', why: 'no hypervisor is called hv9' },
    ]);
  });
});

describe('the fleet as a drain sees it', () => {
  const resting = { status: 'SHUTOFF', size: size(4) };

  it('counts what a stopped server holds, and not the server', () => {
    const servers = [server('a', 'hv1'), server('off', 'hv1', resting)];

    const seen = withoutResting(taken({ servers }).fleet);

    expect(seen.servers.map(({ id }) => id)).toEqual(['a']);
    expect(seen.hypervisors[0]).toMatchObject({ reservedRamMb: 4096, reservedVcpus: 1, reservedDiskGb: 10 });
  });

  it('keeps a stopped server whose place counts for its group', () => {
    const servers = [server('a', 'hv1'), server('off', 'hv2', resting), server('soft', 'hv2', resting)];
    const groups = [group('g', ['a', 'off']), group('s', ['a', 'soft'], { policy: 'soft-anti-affinity' })];

    const seen = withoutResting(taken({ servers, groups }).fleet);

    expect(seen.servers.map(({ id }) => id)).toEqual(['a', 'off']);
    expect(seen.groups.map(({ members }) => members)).toEqual([['a', 'off'], ['a']]);
  });
});
