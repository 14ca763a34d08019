import { describe, expect, it } from 'vitest';
import type { DefragmentPlan, PlannedMove } from '../../src/domain/defragment-plan.ts';
import { type FleetFile, parseFleet } from '../../src/domain/fleet-file.ts';
import { checkPlan, type PlanLimits } from '../../src/domain/plan-check.ts';

type Given = Record<string, unknown>;
interface Small {
  hypervisors: Given[];
  servers: Given[];
  groups: Given[];
  [key: string]: unknown;
}

function hypervisor(name: string, more: Given = {}): Given {
  const cell = { vcpus: 8, ramMb: 32_768 };
  return {
    name,
    vcpus: 16,
    ramMb: 65536,
    diskGb: 500,
    numa: [cell, cell],
    az: 'a',
    cell: 'c1',
    cpu: ['AVX2'],
    traits: ['T'],
    extra: [2],
    ...more,
  };
}

/** 8 GiB of memory and 2 vCPU. */
function server(id: string, hypervisor: string, more: Given = {}): Given {
  return { id, hypervisor, vcpus: 2, ramMb: 8192, diskGb: 10, ...more };
}

/** hv1 has four servers, of which two belong together, one is bound to a cell and one is kept apart from x2. */
function small(): Small {
  return {
    format: 'fleet/1',
    name: 'small',
    takenAt: '2026-11-24T03:00:00Z',
    extraResources: ['VGPU'],
    isolatedAggregates: ['gpu'],
    hypervisors: [
      ...['hv1', 'hv2', 'hv3', 'hv4'].map((name) => hypervisor(name)),
      hypervisor('hv5', { enabled: false }),
    ],
    servers: [
      server('a1', 'hv1'),
      server('a2', 'hv1'),
      server('n1', 'hv1', {
        vcpus: 4,
        ramMb: 16384,
        numa: 1,
        cells: [0],
      }),
      server('x1', 'hv1'),
      server('b', 'hv2'),
      server('x2', 'hv3'),
    ],
    groups: [
      {
        id: 'pair',
        policy: 'affinity',
        members: ['a1', 'a2'],
      },
      {
        id: 'apart',
        policy: 'anti-affinity',
        members: ['x1', 'x2'],
      },
    ],
  };
}

const toHv2 = (server: string): PlannedMove => ({ server, from: 'hv1', to: 'hv2' });

/** Empties hv1 onto hv2 in two waves. */
const plan: DefragmentPlan = {
  format: 'plan/1',
  fleet: 'small',
  seed: 1,
  waves: [
    [
      toHv2('a1'),
      {
        ...toHv2('n1'),
        toCells: [1],
      },
    ],
    [
      toHv2('a2'),
      {
        ...toHv2('x1'),
        seconds: 14.4,
      },
    ],
  ],
  emptied: ['hv1'],
  emptyBefore: 1,
  emptyAfter: 2,
  bound: 2,
  moves: 4,
  ramMovedMb: 40960,
  makespanSeconds: 35.2,
  makespanBound: 30,
  held: [
    {
      hypervisor: 'hv2',
      why: 'it takes the servers of hv1',
    },
    {
      hypervisor: 'hv3',
      why: 'not worth the moves',
    },
    {
      hypervisor: 'hv5',
      why: 'disabled',
    },
    {
      server: 'x2',
      why: 'stays',
    },
  ],
  warnings: [],
};

const fleet = (data: Small = small()): FleetFile => parseFleet(JSON.stringify(data), 'small.json');

/** The fleet with something more said of some. */
function where(names: string | readonly string[], more: Given, data = small()): Small {
  const change = (row: Given): Given =>
    [names].flat().includes(String(row['name'] ?? row['id'])) ? { ...row, ...more } : row;
  return {
    ...data,
    hypervisors: data.hypervisors.map(change),
    servers: data.servers.map(change),
    groups: data.groups.map(change),
  };
}

function withY2(): Small {
  const data = small();
  return { ...data, servers: [...data.servers, server('y2', 'hv3')] };
}

function whys(data: Small, edited: DefragmentPlan = plan, limits: PlanLimits = {}): string[] {
  return checkPlan(fleet(data), edited, limits).violations.map(
    ({ wave, move, why }) => `${wave ?? '–'} ${move?.server ?? '–'}: ${why}`,
  );
}

describe('a plan that keeps every rule', () => {
  it('is found to, and counted', () => {
    expect(checkPlan(fleet(), plan)).toEqual({
      ok: true,
      violations: [],
      outcome: {
        emptied: ['hv1'],
        emptyBefore: 1,
        emptyAfter: 2,
        moves: 4,
        ramMovedMb: 40_960,
        makespanSeconds: 20.8 + 14.4,
      },
    });
  });

  it('is found to with limits that it keeps to the last', () => {
    const limits = { maxMoves: 4, parallel: 2, outPerHypervisor: 2, inPerHypervisor: 2, coolDownHours: 24 };

    expect(whys(small(), plan, limits)).toEqual([]);
  });
});

describe('what is wrong on the fleet', () => {
  const full = { ramMb: 48 * 1024 - 1 };
  it.each<[string, Small, string[]]>([
    ['a server is pinned', where('a1', { pinned: 'sriov' }), ['1 a1: a1 cannot be moved: sriov']],
    ['a server is not movable', where('a1', { movable: false }), ['1 a1: a1 cannot be moved']],
    ['a server is locked', where('x1', { locked: true }), ['2 x1: x1 is locked']],
    ['a server needs another zone', where('x1', { az: 'b' }), ['2 x1: x1 stays in zone b, and hv2 is in a']],
    [
      'the target is in another zone',
      where('hv2', { az: 'b' }, where('n1', { az: 'a' })),
      ['1 n1: n1 stays in zone a, and hv2 is in b'],
    ],
    [
      'the target is in another cell',
      where('hv2', { cell: 'c2' }),
      ['1 a1', '1 n1', '2 a2', '2 x1'].map(
        (at) => `${at}: ${at.slice(2)} stays in cell c1, and hv2 is in c2`,
      ),
    ],
    [
      'the target is in an isolated aggregate',
      where('hv2', { aggregates: ['gpu'] }, where(['a1', 'a2', 'n1'], { aggregate: 'gpu' })),
      ['2 x1: hv2 is in the isolated aggregate gpu, which x1 does not name'],
    ],
    [
      'a server needs an aggregate',
      where('hv2', { aggregates: ['ssd'] }, where('x1', { aggregate: 'nvme' })),
      ['2 x1: x1 needs aggregate nvme, and hv2 is not in it'],
    ],
    [
      'a server needs a trait',
      where('x1', { requiredTraits: ['T', 'U'] }),
      ['2 x1: x1 needs U, which hv2 has not'],
    ],
    [
      'the target has an older CPU',
      where('hv1', { cpu: ['AVX2', 'AVX512'] }),
      ['1 a1', '1 n1', '2 a2', '2 x1'].map(
        (at) => `${at}: the CPU of hv2 lacks AVX512, which that of hv1 has`,
      ),
    ],
    ['memory is 1 MiB short', where('hv2', full), ['2 x1: no room on hv2 for x1: 0.1 GiB of memory missing']],
    [
      'memory is reserved',
      where('hv2', { reservedRamMb: 20_480 }),
      ['2 x1: no room on hv2 for x1: 4 GiB of memory missing'],
    ],
    [
      'the ratio leaves 11.2 vCPU, which is 11',
      where('hv2', { vcpus: 16, cpuRatio: 0.7 }),
      ['2 x1: no room on hv2 for x1: 1 vCPU missing'],
    ],
    ['disk is short', where('hv2', { diskGb: 45 }), ['2 x1: no room on hv2 for x1: 5 GiB of disk missing']],
    [
      'an extra resource is short',
      where(['b', 'a1', 'x1'], { extra: [1] }),
      ['2 x1: no room on hv2 for x1: 1 VGPU missing'],
    ],
    [
      'the cell is taken',
      where('b', { numa: 1, cells: [1], vcpus: 5 }),
      ['1 n1: no room on hv2 for n1: no room on cell 1'],
    ],
    [
      "the cell's memory is taken",
      where('b', { numa: 1, cells: [1], ramMb: 16_385 }, where('hv2', { ramMb: 131_072 })),
      ['1 n1: no room on hv2 for n1: no room on cell 1'],
    ],
    [
      'nobody knows which cells are taken',
      where('b', { numa: 1 }),
      ['1 n1: no room on hv2 for n1: nobody knows which of its NUMA cells are taken'],
    ],
    [
      'the group keeps a server apart from one there',
      where('apart', { members: ['x1', 'b'] }),
      ['2 x1: server group apart (anti-affinity) allows 1 on hv2, and b is there'],
    ],
    [
      'the group allows two, and has them there',
      where('apart', { members: ['b', 'n1', 'x1'], maxPerHost: 2 }),
      ['2 x1: server group apart (anti-affinity) allows 2 on hv2, and b and n1 are there'],
    ],
    [
      'a server that migrates counts on both ends',
      where('apart', { members: ['a1', 'n1'] }),
      ['1 n1: server group apart (anti-affinity) allows 1 on hv2, and a1 is there'],
    ],
  ])('%s', (_, data, found) => {
    expect(whys(data).toSorted()).toEqual(found.toSorted());
  });

  it.each<[string, Given, string]>([
    ['disabled', { enabled: false }, 'hv2 is disabled and takes nothing'],
    ['down', { up: false }, 'hv2 is down and takes nothing'],
  ])('the target is %s', (_, more, why) => {
    expect(whys(where('hv2', more)).filter((line) => line.includes(why))).toHaveLength(4);
  });

  it('the source is down', () => {
    expect(whys(where('hv1', { up: false }))).toContain(
      '1 a1: hv1 is down, so nothing can be migrated off it',
    );
  });

  it('a server was moved lately', () => {
    const data = where('a1', { lastMovedAt: '2026-11-23T23:30:00Z' });

    expect(whys(data, plan, { coolDownHours: 3 })).toEqual([]);
    expect(whys(data, plan, { coolDownHours: 4 })).toEqual([
      '1 a1: a1 was moved 3 h ago and stays 4 h where it was put',
    ]);
  });
});

describe('what the fleet violates already', () => {
  it.each<[string, Small]>([
    ['a source that is over-full', where('hv1', { ramMb: 16_384 })],
    ['a target that has none of what the server does not need', where(['b', 'hv2'], { extra: [5] })],
    ['a third that is over-full', where('hv3', { ramMb: 1024 })],
    ['a third with too many of a group', where('apart', { members: ['x2', 'y2'] }, withY2())],
    ['a group of affinity that is split, and stays so', where('pair', { members: ['a1', 'a2', 'x2'] })],
    ['soft groups', where('apart', { policy: 'soft-anti-affinity', members: ['x1', 'b'] })],
    ['a server where its zone is not', where('b', { az: 'z' })],
  ])('is no violation: %s', (_, data) => {
    const { violations } = checkPlan(fleet(data), plan);

    expect(violations).toEqual([]);
  });

  it('is one where a move makes it worse', () => {
    expect(whys(where('hv2', { ramMb: 4096 }))).toHaveLength(4);
  });
});

describe('what is wrong with a plan', () => {
  const [first, second] = plan.waves as [PlannedMove[], PlannedMove[]];
  const edit = (w: number, server: string, more: Partial<PlannedMove>): DefragmentPlan => ({
    ...plan,
    waves: plan.waves.map((wave, i) =>
      i === w ? wave.map((move) => (move.server === server ? { ...move, ...more } : move)) : wave,
    ),
  });

  it.each<[string, DefragmentPlan, string]>([
    ['an unknown server', edit(0, 'a1', { server: 's9' }), '1 s9: no server has the id s9'],
    ['an unknown target', edit(0, 'a1', { to: 'hv9' }), '1 a1: no hypervisor is called hv9'],
    ['a server that is elsewhere', edit(0, 'a1', { from: 'hv3' }), '1 a1: a1 is on hv1, not on hv3'],
    ['a move to where it is', edit(0, 'a1', { to: 'hv1' }), '1 a1: a1 is on hv1 already'],
    [
      'a server twice in a wave',
      { ...plan, waves: [[...first, { ...toHv2('a1') }], second] },
      '1 a1: a1 is moved twice in one wave',
    ],
    [
      'a server moved twice from the same place',
      { ...plan, waves: [first, [...second, toHv2('n1')]] },
      '2 n1: n1 is on hv2, not on hv1',
    ],
    [
      'a cell that is not there',
      edit(0, 'n1', { toCells: [2] }),
      '1 n1: no room on hv2 for n1: there is no cell 2',
    ],
    [
      'too few cells',
      edit(0, 'n1', { toCells: [] }),
      '1 n1: no room on hv2 for n1: it needs 1 cell, not none',
    ],
    [
      'cells for a server that needs none',
      edit(0, 'a1', { toCells: [0, 1] }),
      '1 a1: no room on hv2 for a1: it needs no cells, not 0 and 1',
    ],
    [
      'affinity that the next wave does not mend',
      { ...plan, waves: [first, [], second] },
      '1 –: server group pair (affinity) is left on hv2 and hv1',
    ],
    [
      'affinity that nothing mends',
      { ...plan, waves: [first, second.slice(1)] },
      '1 –: server group pair (affinity) is left on hv2 and hv1',
    ],
    [
      'affinity that the next wave splits elsewhere',
      edit(1, 'a2', { to: 'hv3' }),
      '2 –: server group pair (affinity) is left on hv2 and hv3',
    ],
    [
      'a server that ends where it was empty',
      edit(1, 'x1', { to: 'hv4' }),
      '2 x1: x1 ends on hv4, which was empty',
    ],
    [
      'a server that ends where the plan empties',
      { ...plan, emptied: ['hv1', 'hv2'] },
      '2 x1: x1 ends on hv2, which the plan empties',
    ],
    ['another fleet', { ...plan, fleet: 'other' }, '– –: the plan is for the fleet other, this one is small'],
    ['an emptied one left out', { ...plan, emptied: [] }, '– –: emptied: hv1 is left out'],
    [
      'an emptied one that is not',
      { ...plan, waves: [first, second.slice(0, 1)] },
      '– –: emptied: hv1 has 1 server in the end',
    ],
    [
      'an emptied one that was empty',
      { ...plan, emptied: ['hv1', 'hv4'] },
      '– –: emptied: hv4 was empty before, or does not count',
    ],
    [
      'an emptied one named twice',
      { ...plan, emptied: ['hv1', 'hv1'] },
      '– –: emptied: names a hypervisor twice',
    ],
    ['another count before', { ...plan, emptyBefore: 2 }, '– –: emptyBefore: the plan says 2, it is 1'],
    ['another count after', { ...plan, emptyAfter: 1 }, '– –: emptyAfter: the plan says 1, it is 2'],
    ['a bound below', { ...plan, bound: 1 }, '– –: bound: the plan says 1 at most, and leaves 2 empty'],
    ['another count of moves', { ...plan, moves: 3 }, '– –: moves: the plan says 3, it is 4'],
    ['another amount', { ...plan, ramMovedMb: 1 }, '– –: ramMovedMb: the plan says 1, it is 40960'],
    [
      'another duration',
      { ...plan, makespanSeconds: 31 },
      '– –: makespanSeconds: the plan says 31, its moves take 35',
    ],
    [
      "another duration's bound",
      { ...plan, makespanBound: 40 },
      '– –: makespanBound: 40 is more than the 35.2 that the plan takes',
    ],
    ['another prediction', edit(1, 'a2', { seconds: 9 }), '– a2: seconds: the plan says 9, the formula 14'],
    [
      'no reason',
      { ...plan, held: plan.held.slice(1) },
      '– –: held: hv2 not empty in the end, without a reason',
    ],
    [
      'no reason for a disabled one',
      { ...plan, held: plan.held.filter((each) => !('hypervisor' in each && each.hypervisor === 'hv5')) },
      '– –: held: hv5 not empty in the end, without a reason',
    ],
    [
      'a reason for what is emptied',
      { ...plan, held: [...plan.held, { hypervisor: 'hv1', why: 'full' }] },
      '– –: held: hv1 empty in the end, or unknown',
    ],
    [
      'two reasons',
      { ...plan, held: [...plan.held, { hypervisor: 'hv2', why: 'full' }] },
      '– –: held: hv2 there twice',
    ],
    [
      'a reason for a stranger',
      { ...plan, held: [...plan.held, { server: 's9', why: 'stays' }] },
      '– –: held: s9 no server of this fleet',
    ],
    [
      'an empty reason',
      { ...plan, held: plan.held.map((each, i) => (i === 0 ? { ...each, why: ' ' } : each)) },
      '– –: held: a reason is empty',
    ],
  ])('%s', (_, edited, found) => {
    expect(whys(small(), edited)).toContain(found);
  });

  const TOO_SOON = '– –: makespanSeconds: the plan says 35.2, its moves take 64';
  it.each<[string, PlanLimits, string[]]>([
    ['moves', { maxMoves: 3 }, ['– –: 4 moves, at most 3 may be']],
    [
      'migrations together',
      { parallel: 1 },
      [...[1, 2].map((wave) => `${wave} –: 2 migrations at once, at most 1 may be`), TOO_SOON],
    ],
    [
      'migrations off one',
      { outPerHypervisor: 1 },
      [...[1, 2].map((wave) => `${wave} –: 2 migrations at once off hv1, at most 1 may be`), TOO_SOON],
    ],
    [
      'migrations onto one',
      { inPerHypervisor: 1 },
      [...[1, 2].map((wave) => `${wave} –: 2 migrations at once onto hv2, at most 1 may be`), TOO_SOON],
    ],
  ])('too many %s', (_, limits, found) => {
    expect(whys(small(), plan, limits)).toEqual(found);
  });

  it('both ends are held until the wave is over', () => {
    const data = where('hv2', { ramMb: 40_960 });
    const swap = [{ server: 'b', from: 'hv2', to: 'hv3' }];

    expect(whys(data, { ...plan, waves: [first, [...second, ...swap]] })).toContain(
      '2 x1: no room on hv2 for x1: 8 GiB of memory missing',
    );
    expect(
      whys(data, { ...plan, waves: [first, swap, second] }).filter((line) => line.includes('no room')),
    ).toEqual([]);
  });

  it('may stop over on an empty hypervisor', () => {
    const over = [{ server: 'x1', from: 'hv1', to: 'hv4' }];
    const on = [toHv2('a2'), { server: 'x1', from: 'hv4', to: 'hv2' }];
    const detour = {
      ...plan,
      waves: [[...first, ...over], on],
      moves: 5,
      ramMovedMb: 49152,
    };

    expect(whys(small(), detour)).toEqual([]);
  });

  it('takes the cells with the least free vCPU where none are named', () => {
    const n2 = server('n2', 'hv3', { vcpus: 8, ramMb: 16_384, numa: 1, cells: [0] });
    const data = small();
    const waves = [
      [{ server: 'n1', from: 'hv1', to: 'hv2' }],
      [{ server: 'n2', from: 'hv3', to: 'hv2', toCells: [0] }],
    ];

    const found = whys({ ...data, servers: [...data.servers, n2] }, { ...plan, waves });

    expect(found).toContain('2 n2: no room on hv2 for n2: no room on cell 0');
  });
});
