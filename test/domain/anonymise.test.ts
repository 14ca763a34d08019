import { expect, it } from 'vitest';
import { anonymise } from '../../src/domain/anonymise.ts';
import type { FleetFile } from '../../src/domain/fleet-file.ts';
import { snapshotOf } from '../../src/domain/fleet-snapshot.ts';
import { group, hypervisor, server } from '../support/builders.ts';

const SECRET = /acme|kim|zeta/i;

function fleet(): FleetFile {
  const { fleet } = snapshotOf(
    {
      takenAt: '2026-11-24T22:00:00.000Z',
      hypervisors: [
        hypervisor('hv10.acme', {
          zone: 'acme-az',
          aggregates: ['acme-licensed', 'rack-acme', 'cell-acme'],
          traits: ['HW_CPU_X86_AVX2', 'CUSTOM_ACME'],
        }),
        hypervisor('hv2.acme', { zone: 'acme-az', disabled: 'disk swap, ask kim' }),
        hypervisor('hv3.acme', { aggregates: ['acme-other'] }),
      ],
      servers: [
        server('zeta-a', 'hv10.acme', { zone: 'acme-az', projectId: 'zeta' }),
        server('zeta-b', 'hv2.acme', { pinned: 'PCI device of class acme-gpu', projectId: 'acme' }),
        server('zeta-c', 'hv3.acme', {
          projectId: 'zeta',
          metadata: { 'nightshift:drain': 'kim says no' },
        }),
      ],
      groups: [group('zeta-quorum', ['zeta-a', 'zeta-b'])],
    },
    'acme',
    {
      reach: { cpuDirection: true, cellPrefixes: ['cell-'], crossAzAttach: true },
      policy: { projects: {}, classes: [], allow: { cold: false, stop: false } },
      isolatedAggregates: ['acme-licensed'],
      rackPrefixes: ['rack-'],
      mbPerSecond: 125,
      whyLeft: ({ name }) => (name === 'hv3.acme' ? 'claimed by kim: acme' : undefined),
    },
  );
  return {
    ...fleet,
    extraResources: ['PGPU', 'CUSTOM_ACME_FPGA'],
    hypervisors: fleet.hypervisors.map((one) => ({
      ...one,
      extra: [1, 0],
      kernel: { running: '6.1-acme', next: '6.2-acme' },
    })),
    servers: fleet.servers.map((one) => ({ ...one, requiredTraits: ['CUSTOM_ACME'] })),
  };
}

it('leaves no name of the site in the file', () => {
  expect(JSON.stringify(fleet())).toMatch(SECRET);

  expect(JSON.stringify(anonymise(fleet()))).not.toMatch(SECRET);
});

it('names alike what was named alike, in the order in which a person counts', () => {
  const { hypervisors, servers, groups, isolatedAggregates, extraResources } = anonymise(fleet());

  expect(hypervisors.map(({ name, az }) => `${name} ${az}`)).toEqual(['hv003 az1', 'hv001 az1', 'hv002 az2']);
  expect(servers.map(({ id, hypervisor, project }) => `${id} ${hypervisor} ${project}`)).toEqual([
    's0001 hv003 p2',
    's0002 hv001 p1',
    's0003 hv002 p2',
  ]);
  expect(groups).toMatchObject([{ id: 'g1', members: ['s0001', 's0002'] }]);
  expect(isolatedAggregates).toEqual([hypervisors[0]?.aggregates[0]]);
  expect(servers[0]).toMatchObject({ az: 'az1', aggregate: isolatedAggregates[0] });
  expect(servers[0]?.requiredTraits).toEqual([hypervisors[0]?.traits[1]]);
  expect(extraResources).toEqual(['PGPU', 'CUSTOM_RESOURCE_1']);
});

it('keeps sizes, states, standard traits and what kind of thing keeps a server', () => {
  const { hypervisors, servers } = anonymise(fleet());

  expect(hypervisors[0]).toMatchObject({
    vcpus: 32,
    ramMb: 131_072,
    cpu: ['HW_CPU_X86_AVX2'],
    enabled: true,
  });
  expect(hypervisors[0]?.kernel).toEqual({ running: 'kernel-1', next: 'kernel-2' });
  expect(hypervisors[1]).toMatchObject({ enabled: false, disabledReason: 'disabled' });
  expect(servers.map(({ movable, pinned }) => [movable, pinned])).toEqual([
    [true, undefined],
    [false, 'PCI device'],
    [false, 'its hypervisor is left alone'],
  ]);
});

it('gives the same file for the same fleet, in whatever order it is written', () => {
  const { servers, ...rest } = fleet();

  const turned = anonymise({ ...rest, servers: servers.toReversed() });

  expect(turned.servers.toReversed()).toEqual(anonymise(fleet()).servers);
});
