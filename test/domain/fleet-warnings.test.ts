import { expect, it } from 'vitest';
import { parseFleet } from '../../src/domain/fleet-file.ts';
import { fleetWarnings } from '../../src/domain/fleet-warnings.ts';

type Given = Readonly<Record<string, unknown>>;

const cell = { vcpus: 8, ramMb: 32_768 };
const hypervisor = (name: string, more: Given = {}): Given => ({
  name,
  vcpus: 16,
  ramMb: 65_536,
  diskGb: 500,
  az: 'a',
  numa: [cell, cell],
  ...more,
});
const server = (id: string, home: string, more: Given = {}): Given => ({
  id,
  hypervisor: home,
  vcpus: 4,
  ramMb: 16_384,
  diskGb: 10,
  ...more,
});

const names = ['hv1', 'hv2', 'hv3'];

function warnings(given: {
  hypervisors?: Given[];
  servers?: Given[];
  groups?: Given[];
  [key: string]: unknown;
}) {
  const fleet = {
    format: 'fleet/1',
    name: 'small',
    hypervisors: names.map((name) => hypervisor(name)),
    servers: [server('s1', 'hv1', { numa: 1, cells: [0] }), server('s2', 'hv1'), server('s3', 'hv2')],
    ...given,
  };
  return fleetWarnings(parseFleet(JSON.stringify(fleet), 'small.json'));
}

it('says nothing of a fleet that keeps every rule', () => {
  expect(warnings({})).toEqual([]);
});

it.each<[string, Parameters<typeof warnings>[0], string]>([
  [
    'an over-full hypervisor',
    { servers: [server('s1', 'hv2', { vcpus: 20, ramMb: 65_537 })] },
    'over-full: hv2 by 0.1 GiB of memory, 4 vCPU',
  ],
  [
    'an extra resource of which too much is taken',
    { extraResources: ['PGPU'], servers: [server('s1', 'hv2', { extra: [1] })] },
    'over-full: hv2 by 1 PGPU',
  ],
  [
    'an over-full cell',
    { servers: ['s1', 's2', 's3'].map((id) => server(id, 'hv3', { numa: 1, cells: [1] })) },
    'over-full NUMA cells: cell 1 of hv3',
  ],
  [
    'cells that nobody knows',
    { servers: [server('s1', 'hv1', { numa: 1 }), server('s2', 'hv1', { numa: 1 })] },
    'nobody knows which NUMA cells 2 servers take on hv1',
  ],
  [
    'a server outside its zone',
    { servers: [server('s1', 'hv1', { az: 'b' })] },
    'where they may not be: s1 stays in zone b, and hv1 is in a',
  ],
  [
    'a stranger in an isolated aggregate',
    {
      isolatedAggregates: ['gpu'],
      hypervisors: names.map((name) => hypervisor(name, { aggregates: name === 'hv2' ? ['gpu'] : [] })),
    },
    'where they may not be: hv2 is in the isolated aggregate gpu, which s3 does not name',
  ],
  [
    'a group of affinity that is split',
    { groups: [{ id: 'g', policy: 'affinity', members: ['s1', 's3'] }] },
    'server group g (affinity) is on hv1 and hv2',
  ],
  [
    'a group of anti-affinity that is too close',
    { groups: [{ id: 'g', policy: 'anti-affinity', members: ['s1', 's2', 's3'] }] },
    'server group g (anti-affinity) has 2 on hv1, 1 may be',
  ],
])('says of %s', (_, given, warning) => {
  expect(warnings(given)).toEqual([warning]);
});

it.each([
  [
    'a disabled hypervisor with servers',
    { hypervisors: names.map((name) => hypervisor(name, { enabled: false })) },
  ],
  ['a broken soft group', { groups: [{ id: 'g', policy: 'soft-anti-affinity', members: ['s1', 's2'] }] }],
])('has no word on %s', (_, given) => {
  expect(warnings(given)).toEqual([]);
});

it('names some, and counts the others', () => {
  const hypervisors = Array.from({ length: 9 }, (_, i) => hypervisor(`hv${i}`, { ramMb: 0 }));
  const servers = hypervisors.map((_, i) => server(`s${i}`, `hv${i}`));

  const [line] = warnings({ hypervisors, servers });

  expect(line).toMatch(/^over-full: hv0 by 16 GiB of memory, hv1 .* and 4 more$/);
});
