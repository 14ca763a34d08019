import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetFile } from '../../../src/domain/fleet-file.ts';
import type { Limits } from '../../../src/domain/move-order.ts';
import { type Model, modelOf } from '../../../src/domain/packing/model.ts';
import { Placement } from '../../../src/domain/packing/placement.ts';
import { type Sequence, sequence } from '../../../src/domain/packing/sequence.ts';
import { replayed, said } from './support/replay.ts';
import { fleetOf, type Given, hypervisor, server, smallFleets } from './support/small-fleets.ts';

const ALONE: Limits = { parallel: 1, outPerHypervisor: 1, inPerHypervisor: 1 };
const FEW: Limits = { parallel: 20, outPerHypervisor: 1, inPerHypervisor: 2 };
const POLICY = { coolDownHours: 0, maxGibPerHypervisor: Number.POSITIVE_INFINITY };

function targetOf({ servers, hypervisors }: FleetFile, wishes: Readonly<Record<string, string>>): Int32Array {
  return Int32Array.from(servers, ({ id, hypervisor }) =>
    hypervisors.findIndex(({ name }) => name === (wishes[id] ?? hypervisor)),
  );
}

/** The sequence, replayed by the checker, and in words. */
function tried(fleet: FleetFile, wishes: Readonly<Record<string, string>>, limits: Limits) {
  const model = modelOf(fleet, POLICY);
  const found = sequence(model, model.home, targetOf(fleet, wishes), limits);
  expect(replayed(fleet, found.waves, limits).complaints).toEqual([]);
  return { ...found, waves: said(fleet, found.waves), dropped: whys(fleet, found) };
}

function whys({ servers }: FleetFile, { dropped }: Sequence): Record<string, string> {
  return Object.fromEntries(dropped.map(({ server, why }) => [servers[server]!.id, why]));
}

const three = (more: Given = {}) => ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name, more));

describe('sequence', () => {
  it('moves nothing where nothing changes', () => {
    const fleet = fleetOf(three(), [server('a', 'hv1', 8)]);

    expect(tried(fleet, {}, FEW)).toEqual({ waves: [], detours: 0, dropped: {} });
  });

  it('lets a server go before the one that needs its room', () => {
    const fleet = fleetOf(three(), [server('a', 'hv1', 8), server('b', 'hv2', 6)]);

    expect(tried(fleet, { a: 'hv2', b: 'hv3' }, FEW)).toEqual({
      waves: [['b hv2>hv3'], ['a hv1>hv2']],
      detours: 0,
      dropped: {},
    });
  });

  it('moves together what does not wait for another', () => {
    const fleet = fleetOf(three(), [server('a', 'hv1', 4), server('b', 'hv2', 4)]);

    expect(tried(fleet, { a: 'hv3', b: 'hv3' }, FEW).waves).toEqual([['a hv1>hv3', 'b hv2>hv3']]);
    expect(tried(fleet, { a: 'hv3', b: 'hv3' }, ALONE).waves).toEqual([['a hv1>hv3'], ['b hv2>hv3']]);
  });

  it('does not fill room that another needs to let a third one out', () => {
    const fleet = fleetOf(
      [hypervisor('hv1'), hypervisor('hv2', { vcpus: 16, ramMb: 65_536 }), hypervisor('hv3')],
      [server('small', 'hv1', 4), server('out', 'hv2', 8), server('big', 'hv3', 8)],
    );

    expect(tried(fleet, { small: 'hv2', out: 'hv3', big: 'hv2' }, FEW)).toEqual({
      waves: [['big hv3>hv2'], ['out hv2>hv3'], ['small hv1>hv2']],
      detours: 0,
      dropped: {},
    });
  });

  it('lets two full hypervisors change their servers by way of a third one, and counts the detour', () => {
    const fleet = fleetOf(three(), [server('a', 'hv1', 8), server('b', 'hv2', 6)]);

    expect(tried(fleet, { a: 'hv2', b: 'hv1' }, FEW)).toEqual({
      waves: [['b hv2>hv3'], ['a hv1>hv2'], ['b hv3>hv1']],
      detours: 1,
      dropped: {},
    });
  });

  it('makes a detour by a hypervisor in use rather than by an empty one', () => {
    const fleet = fleetOf(
      [...three(), hypervisor('hv4')],
      [server('a', 'hv1', 8), server('b', 'hv2', 6), server('c', 'hv4', 2)],
    );

    expect(tried(fleet, { a: 'hv2', b: 'hv1' }, FEW).waves[0]).toEqual(['b hv2>hv4']);
  });

  it('keeps to an order that is given, a detour that nothing else waits for included', () => {
    const fleet = fleetOf(three(), [server('a', 'hv1', 2)]);
    const model = modelOf(fleet, POLICY);
    const leg = { servers: [0], cells: [0] };
    const ordered = [
      { ...leg, from: 0, to: 2, isDetour: true },
      { ...leg, from: 2, to: 1 },
    ];

    const found = sequence(model, model.home, targetOf(fleet, { a: 'hv2' }), { ...FEW, ordered });

    expect(said(fleet, found.waves)).toEqual([['a hv1>hv3'], ['a hv3>hv2']]);
    expect(found.detours).toBe(1);
  });

  it('leaves servers where they are, with the reason, when no order and no detour helps', () => {
    const fleet = fleetOf(three().slice(0, 2), [server('a', 'hv1', 8), server('b', 'hv2', 6)]);

    expect(tried(fleet, { a: 'hv2', b: 'hv1' }, FEW)).toEqual({
      waves: [],
      detours: 0,
      dropped: {
        a: 'hv2 has no room for it, since b cannot leave',
        b: 'hv1 has room for it only when others have left, which wait in turn; no hypervisor can hold one of them meanwhile',
      },
    });
  });

  it('says where there is no room at all', () => {
    const fleet = fleetOf(three(), [server('a', 'hv1', 6), server('b', 'hv2', 3)]);

    expect(tried(fleet, { a: 'hv2' }, FEW)).toMatchObject({
      waves: [],
      dropped: { a: 'hv2 has no room for it' },
    });
  });

  describe('server groups', () => {
    const trio = [
      server('a1', 'hv1', 1),
      server('a2', 'hv1', 3),
      server('a3', 'hv1', 2),
      server('b', 'hv2', 2),
    ];
    const together = [{ id: 'g', policy: 'affinity', members: ['a1', 'a2', 'a3'] }];

    it('moves those that go together in waves one right after the other, the longest first', () => {
      const found = tried(
        fleetOf(three(), trio, together),
        { a1: 'hv3', a2: 'hv3', a3: 'hv3', b: 'hv1' },
        FEW,
      );

      expect(found.waves.map((wave) => wave.filter((move) => move.startsWith('a')))).toEqual([
        ['a2 hv1>hv3'],
        ['a3 hv1>hv3'],
        ['a1 hv1>hv3'],
      ]);
    });

    it('moves as many of them at once as may be', () => {
      const limits = { parallel: 2, outPerHypervisor: 3, inPerHypervisor: 3 };
      const found = tried(fleetOf(three(), trio, together), { a1: 'hv3', a2: 'hv3', a3: 'hv3' }, limits);

      expect(found.waves).toEqual([['a2 hv1>hv3', 'a3 hv1>hv3'], ['a1 hv1>hv3']]);
    });

    it('does not take them apart', () => {
      const why = 'its affinity group would be on several hypervisors';

      expect(tried(fleetOf(three(), trio, together), { a1: 'hv3', a2: 'hv2' }, FEW)).toMatchObject({
        waves: [],
        dropped: { a1: why, a2: why },
      });
    });

    it('keeps apart those that are under way, too', () => {
      const fleet = fleetOf(
        three(),
        [server('a', 'hv1', 2), server('b', 'hv2', 2)],
        [{ id: 'g', policy: 'anti-affinity', members: ['a', 'b'] }],
      );

      expect(tried(fleet, { a: 'hv2', b: 'hv3' }, FEW).waves).toEqual([['b hv2>hv3'], ['a hv1>hv2']]);
    });
  });

  it('chooses NUMA cells in which all that come find room', () => {
    const cells = (a: number, b: number) => ({
      vcpus: a + b,
      numa: [a, b].map((vcpus) => ({ vcpus, ramMb: 99_999 })),
    });
    const pair = { ramMb: 99_999 };
    const fleet = fleetOf(
      [hypervisor('hv1', { ...cells(8, 8), ...pair }), hypervisor('hv2', { ...cells(6, 7), ...pair })],
      [
        server('a', 'hv1', 4, { numa: 1, cells: [0] }),
        server('b', 'hv1', 3, { numa: 1, cells: [1] }),
        server('c', 'hv1', 3, { numa: 1, cells: [1] }),
        server('d', 'hv1', 3, { numa: 1, cells: [0] }),
      ],
    );
    const found = tried(fleet, { a: 'hv2', b: 'hv2', c: 'hv2', d: 'hv2' }, FEW);

    expect(found.dropped).toEqual({});
    expect(found.waves.flat().find((move) => move.startsWith('a'))).toBe('a hv1>hv2 cells 1');
  });

  const limits = fc.record({
    parallel: fc.integer({ min: 1, max: 6 }),
    outPerHypervisor: fc.integer({ min: 1, max: 3 }),
    inPerHypervisor: fc.integer({ min: 1, max: 3 }),
  });
  const fleets = smallFleets({ hypervisors: [2, 6], servers: [4, 16] });
  const wish = fc.array(fc.option(fc.nat(5), { freq: 2 }), { minLength: 16, maxLength: 16 });

  it('leads only through legal states, and every server is where it should be or left with a reason', () => {
    fc.assert(
      fc.property(fleets, wish, limits, fc.boolean(), (fleet, wishes, limits, isFeasible) => {
        const model = modelOf(fleet, POLICY);
        const target = isFeasible ? feasible(model, wishes) : wanted(model, wishes);

        const found = sequence(model, model.home, target, limits);

        const { complaints, homes } = replayed(fleet, found.waves, limits);
        expect(complaints).toEqual([]);
        const left = new Set(found.dropped.map(({ server }) => server));
        for (const [s, { id, hypervisor }] of fleet.servers.entries())
          expect(homes.get(id)).toBe(left.has(s) ? hypervisor : fleet.hypervisors[target[s]!]!.name);
        expect(found.dropped.every(({ why }) => why.length > 0)).toBe(true);
        expect(left.size).toBe(found.dropped.length);
        const moved = found.waves.flat().map(({ server }) => server);
        expect(moved.length - new Set(moved).size).toBe(found.detours);
      }),
      { numRuns: 1500 },
    );
  });

  it('needs neither a detour nor a drop where no hypervisor both takes and gives', () => {
    fc.assert(
      fc.property(fleets, wish, limits, (fleet, wishes, limits) => {
        const model = modelOf(fleet, POLICY);
        const target = oneWay(model, wishes);

        expect(sequence(model, model.home, target, limits)).toMatchObject({ detours: 0, dropped: [] });
      }),
      { numRuns: 500 },
    );
  });

  it('finds the same each time', () => {
    fc.assert(
      fc.property(fleets, wish, limits, (fleet, wishes, limits) => {
        const model = modelOf(fleet, POLICY);
        const target = wanted(model, wishes);

        expect(sequence(model, model.home, target, limits)).toEqual(
          sequence(model, model.home, target, limits),
        );
      }),
      { numRuns: 50 },
    );
  });
});

/** Where each server that can move is wished to be; those that cannot stay. */
function wanted(model: Model, wishes: readonly (number | null)[]): Int32Array {
  return model.home.map((home, s) => {
    const to = wishes[model.units.items[model.units.start[model.unitOf[s]!]!]!] ?? home;
    return model.canMove[s] === 1 ? to % model.hypervisorCount : home;
  });
}

/** The units of one pass, each with where it is wished to be. */
function unitsTo(model: Model, target: Int32Array): { servers: number[]; from: number; to: number }[] {
  return Array.from({ length: model.units.start.length - 1 }, (_, unit) => {
    const servers = [...model.units.items.subarray(model.units.start[unit], model.units.start[unit + 1])];
    return { servers, from: model.home[servers[0]!]!, to: target[servers[0]!]! };
  }).filter(({ from, to }) => from !== to);
}

/** Puts servers that are nowhere on a hypervisor, all or none. */
function putAll(placement: Placement, servers: readonly number[], to: number): boolean {
  const put: number[] = [];
  for (const s of servers) {
    if (!placement.fits(s, to)) break;
    placement.put(s, to);
    put.push(s);
  }
  if (put.length === servers.length) return true;
  for (const s of put) placement.take(s);
  return false;
}

/** A target that is legal as a whole, although there may be no way to it: all go at once, as far as there is room. */
function feasible(model: Model, wishes: readonly (number | null)[]): Int32Array {
  const placement = new Placement(model);
  const units = unitsTo(model, wanted(model, wishes));
  for (const { servers } of units) for (const s of servers) placement.take(s);
  const isLegal = units.every(({ servers, from, to }) =>
    [to, ...placement.count.keys(), from].some((h) => putAll(placement, servers, h)),
  );
  return isLegal ? placement.at : model.home;
}

/** A target to which each hypervisor only takes or only gives, and all that come find room. */
function oneWay(model: Model, wishes: readonly (number | null)[]): Int32Array {
  const placement = new Placement(model);
  const takes = new Set<number>();
  const gives = new Set<number>();
  for (const { servers, from, to } of unitsTo(model, wanted(model, wishes))) {
    if (gives.has(to) || takes.has(from)) continue;
    for (const s of servers) placement.take(s);
    if (putAll(placement, servers, to)) {
      takes.add(to);
      gives.add(from);
    } else for (const s of servers) placement.put(s, from);
  }
  return placement.at;
}
