import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRoom } from '../../src/domain/capacity.ts';
import type { Fleet, Hypervisor, Resources, Server, ServerGroup } from '../../src/domain/fleet.ts';
import { group, hypervisor, server, size } from '../support/builders.ts';

function fleet(hypervisors: Hypervisor[], servers: Server[], groups: ServerGroup[] = []): Fleet {
  return { takenAt: '2026-11-24T22:00:00Z', hypervisors, servers, groups };
}

/** Room for this much memory, and plenty of the rest. */
function roomFor(name: string, ramGib: number, more: Partial<Hypervisor> = {}): Hypervisor {
  return hypervisor(name, { capacity: { ramMb: ramGib * 1024, vcpus: 1000, diskGb: 100_000 }, ...more });
}

describe('findRoom', () => {
  const full = roomFor('hv1', 0);

  it('puts a large guest into the large hole and a small one into the small hole', () => {
    const guests = [server('small', 'hv1', { size: size(8) }), server('large', 'hv1', { size: size(32) })];

    const room = findRoom(fleet([full, roomFor('hv2', 32), roomFor('hv3', 8)], guests), full, guests);

    expect(room).toEqual({
      found: true,
      places: new Map([
        ['large', 'hv2'],
        ['small', 'hv3'],
      ]),
    });
  });

  it('searches on where the tightest fit leads nowhere', () => {
    const guests = [6, 4, 4, 4].map((gib, n) => server(`g${n}`, 'hv1', { size: size(gib) }));

    // Best fit puts the 6 into the 8 and strands a 4: only 6 into 10 (with a 4), 4 + 4 into 8 will do.
    const room = findRoom(fleet([full, roomFor('hv2', 8), roomFor('hv3', 10)], guests), full, guests);

    expect(room.found).toBe(true);
  });

  it('finds room for nothing anywhere', () => {
    expect(findRoom(fleet([full], []), full, [])).toEqual({ found: true, places: new Map() });
  });

  it.each([
    { what: 'down', is: { up: false } },
    { what: 'disabled', is: { disabled: 'disk swap' } },
    { what: 'booked by Placement', is: { used: { ramMb: 100 * 1024, vcpus: 0, diskGb: 0 } } },
  ])('sends nobody to a hypervisor that is $what', ({ is }) => {
    const guests = [server('g', 'hv1')];

    const room = findRoom(fleet([full, roomFor('hv2', 100, is)], guests), full, guests);

    expect(room).toEqual({
      found: false,
      why: 'no room: no other hypervisor has 8 GiB of memory, 2 vCPU, 10 GiB of disk free for g',
    });
  });

  const lacks = 'no room: no other hypervisor has 8 GiB of memory, 2 vCPU, 10 GiB of disk free for g';

  it.each([
    {
      what: 'a guest of which Nova does not tell what binds it',
      zone: {},
      why: `${lacks}; other zones have room, but this Nova does not tell which servers may leave zone nova`,
    },
    {
      what: 'a guest that its zone binds',
      zone: { zone: 'nova' },
      why: `${lacks}; other zones have room, but Nova keeps g in zone nova`,
    },
  ])('keeps $what in its zone, and says that the zone is the reason', ({ zone, why }) => {
    const guests = [server('g', 'hv1', zone)];

    const room = findRoom(fleet([full, roomFor('hv2', 100, { zone: 'az2' })], guests), full, guests);

    expect(room).toEqual({ found: false, why });
  });

  it('names no zone where the others have no room either', () => {
    const guests = [server('g', 'hv1')];
    const others = [roomFor('hv2', 1), roomFor('hv3', 1, { zone: 'az2' })];

    expect(findRoom(fleet([full, ...others], guests), full, guests)).toEqual({ found: false, why: lacks });
  });

  it('sends a guest that no zone binds to wherever there is room, and the others not', () => {
    const guests = [server('bound', 'hv1', { zone: 'nova' }), server('free', 'hv1', { zone: null })];
    const others = [roomFor('hv2', 8), roomFor('hv3', 100, { zone: 'az2' })];

    const room = findRoom(fleet([full, ...others], guests), full, guests);

    expect(room).toEqual({
      found: true,
      places: new Map([
        ['bound', 'hv2'],
        ['free', 'hv3'],
      ]),
    });
  });

  it('says how much is missing', () => {
    const guests = [server('a', 'hv1'), server('b', 'hv1'), server('c', 'hv1')];

    const room = findRoom(fleet([full, roomFor('hv2', 10)], guests), full, guests);

    expect(room).toEqual({ found: false, why: 'no room: 14 GiB of memory missing for its 3 running guests' });
  });

  it('says when the holes are too small, not too few', () => {
    const guests = [server('a', 'hv1'), server('b', 'hv1'), server('c', 'hv1')];

    const room = findRoom(fleet([full, roomFor('hv2', 14), roomFor('hv3', 14)], guests), full, guests);

    expect(room).toEqual({ found: false, why: 'no room: its 3 running guests find no place together' });
  });

  const quorum = [server('db-1', 'hv1'), server('db-2', 'hv2'), server('db-3', 'hv3')];
  const apart = [full, roomFor('hv2', 100), roomFor('hv3', 100)];

  it.each([
    {
      what: 'has too few hypervisors left',
      groups: [group('db-quorum', ['db-1', 'db-2', 'db-3'])],
      why: 'server group db-quorum needs 3 hypervisors, 2 would be left',
    },
    {
      what: 'keeps its members together',
      groups: [group('pair', ['db-1'], { policy: 'affinity' })],
      why: 'server group pair (affinity) ties db-1 to this hypervisor',
    },
  ])('holds a guest whose hard group $what', ({ groups, why }) => {
    expect(findRoom(fleet(apart, quorum, groups), full, [quorum[0]!])).toEqual({ found: false, why });
  });

  it.each([
    {
      what: 'a soft group',
      groups: [group('soft', ['db-1', 'db-2', 'db-3'], { policy: 'soft-anti-affinity' })],
    },
    { what: 'a group that allows two', groups: [group('two', ['db-1', 'db-2', 'db-3'], { maxPerHost: 2 })] },
  ])('moves a guest of $what', ({ groups }) => {
    expect(findRoom(fleet(apart, quorum, groups), full, [quorum[0]!]).found).toBe(true);
  });

  it('brings a member of a split affinity group to the other one', () => {
    const together = group('pair', ['db-1', 'db-3'], { policy: 'affinity' });

    const room = findRoom(fleet(apart, quorum, [together]), full, [quorum[0]!]);

    expect(room).toEqual({ found: true, places: new Map([['db-1', 'hv3']]) });
  });

  it('never overfills a hypervisor, never breaks a hard group, and finds what there is to find', () => {
    fc.assert(
      fc.property(crowded, ({ fleet, guests }) => {
        const from = fleet.hypervisors[0]!;

        const room = findRoom(fleet, from, guests);

        if (room.found) expect(faultsOf(fleet, guests, room.places)).toEqual([]);
        expect(room.found).toBe(somePlacement(fleet, guests));
      }),
      { numRuns: 300 },
    );
  });
});

/** What is wrong with a placement, judged without any of the code under test. */
function faultsOf(fleet: Fleet, guests: readonly Server[], places: ReadonlyMap<string, string>): string[] {
  const home = new Map(fleet.servers.map((s) => [s.id, s.hypervisor]));
  const faults = guests.filter(({ id }) => !places.has(id)).map(({ id }) => `${id} has no place`);
  for (const [id, to] of places) home.set(id, to);
  for (const hv of fleet.hypervisors) {
    const arrived = guests.filter(({ id }) => places.get(id) === hv.name);
    if (arrived.length === 0) continue;
    if (hv === fleet.hypervisors[0] || !hv.up || hv.disabled !== undefined)
      faults.push(`${hv.name} is no target`);
    for (const kind of ['ramMb', 'vcpus', 'diskGb'] satisfies (keyof Resources)[]) {
      const sum = arrived.reduce((total, guest) => total + guest.size[kind], hv.used[kind]);
      if (sum > hv.capacity[kind]) faults.push(`${hv.name} is overfilled`);
    }
    for (const { policy, members, maxPerHost, name } of fleet.groups) {
      const aboard = members.filter((id) => home.get(id) === hv.name).length;
      const moved = arrived.some(({ id }) => members.includes(id));
      if (moved && policy === 'anti-affinity' && aboard > maxPerHost) faults.push(`${name} is broken`);
    }
  }
  return faults;
}

/** Tries everything. */
function somePlacement(fleet: Fleet, guests: readonly Server[], chosen: readonly string[] = []): boolean {
  if (chosen.length === guests.length) {
    return faultsOf(fleet, guests, new Map(guests.map(({ id }, n) => [id, chosen[n]!]))).length === 0;
  }
  return fleet.hypervisors.slice(1).some(({ name }) => somePlacement(fleet, guests, [...chosen, name]));
}

/** Up to four guests on the first of up to four hypervisors, members of up to two groups with others. */
const crowded = fc
  .record({
    guests: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }),
    targets: fc.array(
      fc.record({
        ramGib: fc.integer({ min: 0, max: 14 }),
        state: fc.constantFrom({}, {}, {}, { up: false }, { disabled: '' }),
      }),
      { maxLength: 3 },
    ),
    groups: fc.array(
      fc.record({
        members: fc.uniqueArray(fc.constantFrom('g0', 'g1', 'g2', 'g3', 'o1', 'o2', 'o3')),
        maxPerHost: fc.integer({ min: 1, max: 2 }),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ guests, targets, groups }) => {
    const hypervisors = [
      roomFor('hv0', 0),
      ...targets.map(({ ramGib, state }, n) => roomFor(`hv${n + 1}`, ramGib, state)),
    ];
    const aboard = guests.map((gib, n) => server(`g${n}`, 'hv0', { size: size(gib) }));
    const others = targets.map((_, n) => server(`o${n + 1}`, `hv${n + 1}`, { status: 'SHUTOFF' }));
    const bound = groups.map(({ members, maxPerHost }, n) => group(`group${n}`, members, { maxPerHost }));
    return { fleet: fleet(hypervisors, [...aboard, ...others], bound), guests: aboard };
  });
