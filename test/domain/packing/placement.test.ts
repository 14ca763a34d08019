import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetFile } from '../../../src/domain/fleet-file.ts';
import { modelOf } from '../../../src/domain/packing/model.ts';
import { Placement } from '../../../src/domain/packing/placement.ts';
import { fleetOf, type Given, hypervisor, server, smallFleets } from './support/small-fleets.ts';

const GIB = 1024;
const POLICY = { coolDownHours: 0, maxGibPerHypervisor: Infinity };
const placed = (fleet: FleetFile) => new Placement(modelOf(fleet, POLICY));
const halves = [0, 1].map(() => ({ vcpus: 4, ramMb: 16 * GIB }));

/** Whether `a` of hv0 fits on hv1, where `b` is. */
function fits(
  a: Given,
  to: Given = {},
  { b = {}, from = {}, groups = [] as Given[], more = {} } = {},
): boolean {
  const fleet = fleetOf(
    [hypervisor('hv0', from), hypervisor('hv1', to)],
    [server('a', 'hv0', 4, a), server('b', 'hv1', 4, b)],
    groups,
  );
  return placed({ ...fleet, ...more }).fits(0, 1);
}

describe('Placement', () => {
  it.each<[string, boolean]>([
    ['where just so much is free', fits({})],
    ['where the ratio makes room', fits({ vcpus: 12 }, { cpuRatio: 2 })],
    ['on the one cell that is free', fits({ numa: 1 }, { numa: halves }, { b: { numa: 1, cells: [0] } })],
    [
      'in an isolated aggregate that it names',
      fits({ aggregate: 'gpu' }, { aggregates: ['gpu'] }, { more: { isolatedAggregates: ['gpu'] } }),
    ],
    ['on a CPU that has more', fits({}, { cpu: ['X', 'Y'] }, { from: { cpu: ['X'] } })],
    [
      'beside a member of its group, where two may be',
      fits({}, {}, { groups: [{ id: 'g', policy: 'anti-affinity', maxPerHost: 2, members: ['a', 'b'] }] }),
    ],
    [
      'beside a member of a soft group',
      fits({}, {}, { groups: [{ id: 'g', policy: 'soft-anti-affinity', members: ['a', 'b'] }] }),
    ],
  ])('fits a server %s', (_, does) => expect(does).toBe(true));

  it.each<[string, boolean]>([
    ['with a vCPU too many', fits({ vcpus: 5 })],
    ['with a GiB too many', fits({ ramMb: 17 * GIB })],
    ['where that much is reserved', fits({}, { reservedRamMb: 1 * GIB })],
    ['where a fraction is lacking', fits({}, { vcpus: 7, cpuRatio: 1.1 })],
    [
      'that needs two cells where one is free',
      fits({ numa: 2 }, { numa: halves }, { b: { numa: 1, cells: [0] } }),
    ],
    ['that needs a cell, on one that has none', fits({ numa: 1 })],
    [
      'that needs a cell, beside one of which nobody knows the cells',
      fits({ numa: 1 }, { numa: halves }, { b: { numa: 1, vcpus: 1 } }),
    ],
    [
      'in an isolated aggregate',
      fits({}, { aggregates: ['gpu'] }, { more: { isolatedAggregates: ['gpu'] } }),
    ],
    ['outside its aggregate', fits({ aggregate: 'gpu' })],
    ['on a hypervisor without its trait', fits({ requiredTraits: ['X'] })],
    ['in another zone than its own', fits({ az: 'az1' }, { az: 'az2' })],
    ['in another cell', fits({}, { cell: 'c2' })],
    ['on a CPU that lacks something', fits({}, { cpu: ['Y'] }, { from: { cpu: ['X', 'Y'] } })],
    ['on a disabled hypervisor', fits({}, { enabled: false })],
    ['on one that is down', fits({}, { up: false })],
    [
      'beside a member of its group',
      fits({}, {}, { groups: [{ id: 'g', policy: 'anti-affinity', members: ['a', 'b'] }] }),
    ],
  ])('does not fit a server %s', (_, does) => expect(does).toBe(false));

  it('counts extra resources', () => {
    const fleet = {
      ...fleetOf([hypervisor('hv0'), hypervisor('hv1')], [server('a', 'hv0', 1), server('b', 'hv0', 1)]),
      extraResources: ['PGPU'],
    };
    const [hv0, hv1] = fleet.hypervisors;
    const [a, b] = fleet.servers;
    const placement = placed({
      ...fleet,
      hypervisors: [
        { ...hv0!, extra: [4] },
        { ...hv1!, extra: [1] },
      ],
      servers: [
        { ...a!, extra: [1] },
        { ...b!, extra: [2] },
      ],
    });

    expect([placement.fits(0, 1), placement.fits(1, 1)]).toEqual([true, false]);
  });

  it('takes of the cells with room those with the least free vCPUs, then the lowest', () => {
    const fleet = fleetOf(
      [hypervisor('hv0', { vcpus: 12, numa: [4, 3, 2, 3].map((vcpus) => ({ vcpus, ramMb: 16 * GIB })) })],
      [server('a', 'hv0', 3, { numa: 1, cells: [0] }), server('b', 'hv0', 4, { numa: 2, cells: [1, 3] })],
    );
    const placement = placed(fleet);
    placement.take(0);
    placement.take(1);

    expect(placement.cellsFor(placement.model.kindOf[0]!, 0)).toBe(0b0010);
    expect(placement.cellsFor(placement.model.kindOf[1]!, 0)).toBe(0b0110);
  });

  it('is as before when what was done is undone, whatever it was', () => {
    fc.assert(
      fc.property(
        smallFleets({ hypervisors: [3, 5], servers: [5, 9] }),
        fc.array(fc.tuple(fc.nat(8), fc.nat(4)), { maxLength: 12 }),
        (fleet, moves) => {
          const placement = placed(fleet);
          const { model } = placement;
          const figures = () => [
            placement.free,
            placement.cellFreeVcpus,
            placement.cellFreeRamMb,
            placement.count,
            placement.at,
          ];
          const before = structuredClone(figures());
          for (const [s, h] of moves) {
            if (s >= model.serverCount || h >= model.hypervisorCount || !placement.fits(s, h)) continue;
            placement.take(s);
            placement.put(s, h);
          }
          expect(new Set(placement.copy().on(0))).toEqual(new Set(placement.on(0)));
          for (const s of model.home.keys()) placement.take(s);
          for (const [s, h] of model.home.entries()) placement.put(s, h, model.cellsAtHome[s]);
          expect(figures()).toEqual(before);
        },
      ),
    );
  });
});
