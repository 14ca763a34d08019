import { describe, expect, it } from 'vitest';
import { DataFileError } from '../../src/domain/data-file.ts';
import { parseFleet } from '../../src/domain/fleet-file.ts';

const hv1 = { name: 'hv1', vcpus: 64, ramMb: 262_144, diskGb: 1000 };
const hv2 = { ...hv1, name: 'hv2', numa: [{ vcpus: 32, ramMb: 131_072 }] };
const s1 = { id: 's1', hypervisor: 'hv1', vcpus: 4, ramMb: 8192, diskGb: 40 };
const s2 = { ...s1, id: 's2', hypervisor: 'hv2' };
const whole = { format: 'fleet/1', name: 'small', hypervisors: [hv1, hv2], servers: [s1, s2] };

function parse(data: unknown): ReturnType<typeof parseFleet> {
  return parseFleet(typeof data === 'string' ? data : JSON.stringify(data), 'small.json');
}

/** The lines of what is said when it cannot be parsed. */
function refusal(data: unknown): string[] {
  try {
    parse(data);
  } catch (error) {
    if (error instanceof DataFileError) return error.message.split('\n');
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a fleet in a file', () => {
  it('gets every default, and ignores what it does not know', () => {
    const fleet = parse({ ...whole, extraResources: ['PGPU'], source: 'elsewhere' });

    expect(fleet).toEqual({
      format: 'fleet/1',
      name: 'small',
      extraResources: ['PGPU'],
      isolatedAggregates: [],
      migrationGbps: 10,
      hypervisors: [hv1, hv2].map((each) => ({
        ...each,
        cpuRatio: 1,
        ramRatio: 1,
        diskRatio: 1,
        reservedVcpus: 0,
        reservedRamMb: 0,
        reservedDiskGb: 0,
        enabled: true,
        up: true,
        aggregates: [],
        traits: [],
        extra: [0],
        cpu: [],
      })),
      servers: [s1, s2].map((each) => ({
        ...each,
        movable: true,
        requiredTraits: [],
        locked: false,
        status: 'ACTIVE',
        localDisk: false,
        dirtyRatio: 0,
        cost: 8192,
        extra: [0],
      })),
      groups: [],
    });
  });

  it('keeps what is given', () => {
    const given = {
      ...whole,
      takenAt: '2026-11-24T03:00:00Z',
      extraResources: ['PGPU'],
      isolatedAggregates: ['gpu'],
      migrationGbps: 25,
      hypervisors: [
        {
          ...hv2,
          cpuRatio: 4,
          ramRatio: 1.5,
          diskRatio: 2,
          reservedVcpus: 1,
          reservedRamMb: 4096,
          reservedDiskGb: 100,
          enabled: false,
          up: false,
          az: 'az1',
          rack: 'r1',
          cell: 'cell1',
          aggregates: ['gpu'],
          traits: ['CUSTOM_A'],
          extra: [8],
          cpu: ['HW_CPU_X86_AVX2'],
          kernel: { running: '6.1.0-18', next: '6.1.0-28' },
          disabledReason: 'disk swap',
        },
      ],
      servers: [
        {
          ...s2,
          movable: false,
          pinned: 'pci-passthrough',
          az: 'az1',
          requiredTraits: ['CUSTOM_A'],
          aggregate: 'gpu',
          numa: 1,
          cells: [0],
          locked: true,
          status: 'SHUTOFF',
          project: 'p1',
          createdAt: '2026-01-01T00:00:00Z',
          lastMovedAt: '2026-11-24T02:00:00.123Z',
          localDisk: true,
          dirtyRatio: 0.5,
          cost: 2.875,
          extra: [1],
        },
      ],
      groups: [{ id: 'g1', policy: 'soft-affinity', maxPerHost: 2, members: ['s2'] }],
    };

    expect(parse(given)).toEqual(given);
  });

  it.each([
    ['the format is another', { ...whole, format: 'fleet/2' }, 'format: "fleet/2" is not fleet/1'],
    [
      'a size is negative',
      { ...whole, hypervisors: [{ ...hv1, ramMb: -1 }, hv2] },
      'hypervisors[0].ramMb: -1 is too small: at least 0',
    ],
    [
      'a ratio would leave nothing',
      { ...whole, hypervisors: [{ ...hv1, cpuRatio: 0 }, hv2] },
      'hypervisors[0].cpuRatio: 0 is too small: more than 0',
    ],
    [
      'a number is left out',
      { ...whole, servers: [{ ...s1, vcpus: undefined }] },
      'servers[0].vcpus: is missing',
    ],
    [
      'a server dirties its memory faster than it can be copied',
      { ...whole, servers: [{ ...s1, dirtyRatio: 1 }] },
      'servers[0].dirtyRatio: 1 is too large: less than 1',
    ],
    [
      'a time has no zone',
      { ...whole, takenAt: '2026-11-24 03:00' },
      'takenAt: "2026-11-24 03:00" is no time in UTC, as 2026-11-24T03:00:00Z',
    ],
    [
      'two hypervisors have one name',
      { ...whole, hypervisors: [hv1, hv2, hv1] },
      'hypervisors[2].name: hv1 is there already, at hypervisors[0]',
    ],
    [
      'two servers have one id',
      { ...whole, servers: [s1, s1] },
      'servers[1].id: s1 is there already, at servers[0]',
    ],
    [
      'a server is nowhere',
      { ...whole, servers: [s1, { ...s2, hypervisor: 'hv9' }] },
      'servers[1].hypervisor: no hypervisor is called hv9',
    ],
    [
      'a group has a stranger',
      { ...whole, groups: [{ id: 'g1', policy: 'affinity', members: ['s1', 's9'] }] },
      'groups[0].members[1]: no server has the id s9',
    ],
    [
      'a group has a member twice',
      { ...whole, groups: [{ id: 'g1', policy: 'affinity', members: ['s1', 's1'] }] },
      'groups[0].members[1]: s1 is in the group already',
    ],
    [
      'two groups have one id',
      {
        ...whole,
        groups: ['affinity', 'anti-affinity'].map((policy) => ({ id: 'g1', policy, members: [] })),
      },
      'groups[1].id: g1 is there already, at groups[0]',
    ],
    [
      'a policy is unknown',
      { ...whole, groups: [{ id: 'g1', policy: 'afinity', members: [] }] },
      'groups[0].policy: "afinity" is none of anti-affinity, affinity, soft-anti-affinity, soft-affinity, did you mean `affinity`?',
    ],
    [
      'there are more extra amounts than names',
      { ...whole, extraResources: ['PGPU'], servers: [{ ...s1, extra: [1, 2] }] },
      'servers[0].extra: has 2 numbers, and extraResources 1 name',
    ],
    [
      'extra amounts have no names',
      { ...whole, hypervisors: [{ ...hv1, extra: [1] }, hv2] },
      'hypervisors[0].extra: has 1 number, and extraResources no names',
    ],
    [
      'a server is on fewer cells than it needs',
      { ...whole, servers: [{ ...s2, numa: 2, cells: [0] }] },
      'servers[0].cells: names 1 cell, and `numa` is 2',
    ],
    [
      'a server is on a cell twice',
      { ...whole, servers: [{ ...s2, numa: 2, cells: [0, 0] }] },
      'servers[0].cells: names a cell twice',
    ],
    [
      'a cell is not there',
      { ...whole, servers: [{ ...s2, numa: 1, cells: [1] }] },
      'servers[0].cells: there is no cell 1: hv2 has 1, from 0 on',
    ],
    [
      'a server that needs no cell has one',
      { ...whole, servers: [{ ...s2, cells: [0] }] },
      'servers[0].cells: are given, and no `numa`',
    ],
    ['a row is none', { ...whole, servers: [s1, 7] }, 'servers[1]: a mapping (key: value) belongs here'],
    ['it is a list', [], 'a mapping (key: value) belongs here'],
  ])('is refused where %s', (_, data, fault) => {
    expect(refusal(data)).toEqual(['small.json', `  ${fault}`, '1 fault; nothing was done.']);
  });

  it('is refused where it is no JSON', () => {
    expect(refusal('{"format":')).toEqual([
      'small.json',
      '  is no JSON: Unexpected end of JSON input',
      '1 fault; nothing was done.',
    ]);
  });

  it('names faults of form and of reference together', () => {
    expect(
      refusal({
        ...whole,
        servers: [
          { ...s1, vcpus: 'four' },
          { ...s2, hypervisor: 'hv9' },
        ],
      }),
    ).toEqual([
      'small.json',
      '  servers[0].vcpus: "four" is no number',
      '  servers[1].hypervisor: no hypervisor is called hv9',
      '2 faults; nothing was done.',
    ]);
  });

  it('names so many faults and counts the others', () => {
    const servers = Array.from({ length: 63 }, (_, i) => ({ ...s1, id: `s${i}`, hypervisor: 'hv9' }));

    const lines = refusal({ ...whole, servers });

    expect(lines).toHaveLength(1 + 50 + 2);
    expect(lines.slice(-3)).toEqual([
      '  servers[49].hypervisor: no hypervisor is called hv9',
      '  and 13 more',
      '63 faults; nothing was done.',
    ]);
  });

  it('shows a name that would steer a terminal as it is written', () => {
    const servers = [{ ...s1, hypervisor: 'hv\u001b[2J' }];

    expect(refusal({ ...whole, servers })[1]).toBe(
      String.raw`  servers[0].hypervisor: no hypervisor is called "hv\u001b[2J"`,
    );
  });
});
