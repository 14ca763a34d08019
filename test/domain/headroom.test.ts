import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRoom } from '../../src/domain/capacity.ts';
import type { Hypervisor, Server } from '../../src/domain/fleet.ts';
import { type Headroom, whyNoHeadroom } from '../../src/domain/headroom.ts';
import { hypervisor, server, size } from '../support/builders.ts';

/** Hypervisors of 32 GiB that run servers of so many GiB each. */
function fleetOf(
  aboard: Readonly<Record<string, readonly number[]>>,
  is: Record<string, Partial<Hypervisor>> = {},
) {
  const servers = Object.entries(aboard).flatMap(([name, sizes]) =>
    sizes.map((gib, i) => server(`${name}-${i}`, name, { size: size(gib) })),
  );
  const hypervisors = Object.keys(aboard).map((name) => {
    const used = (aboard[name] ?? []).reduce((sum, gib) => sum + gib, 0);
    const capacity = { ramMb: 32 * 1024, vcpus: 1000, diskGb: 100_000 };
    return hypervisor(name, { capacity, used: { ramMb: used * 1024, vcpus: 0, diskGb: 0 }, ...is[name] });
  });
  return { takenAt: '', hypervisors, servers, groups: [] };
}

function why(fleet: ReturnType<typeof fleetOf>, headroom: Partial<Headroom>): string | undefined {
  const from = fleet.hypervisors[0]!;
  const guests = fleet.servers.filter((one) => one.hypervisor === from.name);
  const room = findRoom(fleet, from, guests);
  if (!room.found) throw new Error(room.why);
  return whyNoHeadroom(fleet, from, {
    headroom: { hypervisors: 1, pools: [], ...headroom },
    places: room.places,
  });
}

describe('headroom', () => {
  it('asks nothing where no hypervisor is to be spared', () => {
    expect(why(fleetOf({ hv1: [8], hv2: [16] }), { hypervisors: 0 })).toBeUndefined();
  });

  it('is there when the largest of the others may fail as well', () => {
    expect(why(fleetOf({ hv1: [8], hv2: [16], hv3: [8], hv4: [] }), {})).toBeUndefined();
  });

  it('counts the guests that have just moved, and says how much is missing', () => {
    // hv2 takes the 8 of hv1: should it fail, 28 GiB look for room in the 24 that hv3 has left.
    expect(why(fleetOf({ hv1: [8], hv2: [10, 10], hv3: [8] }), {})).toBe(
      'no headroom, should hv2 fail meanwhile: 4 GiB of memory missing for its 3 running guests',
    );
  });

  it('is used up also by an empty hypervisor that goes out of service', () => {
    const fleet = fleetOf({ hv1: [], hv2: [20], hv3: [20], hv4: [] });

    expect(why(fleet, {})).toBeUndefined();
    expect(why(fleet, { hypervisors: 2 })).toBe(
      'no headroom, should hv2 and hv3 fail meanwhile: 8 GiB of memory missing for its 2 running guests',
    );
  });

  it('names the pool that is too small for any failure', () => {
    expect(why(fleetOf({ hv1: [], hv2: [] }), {})).toBe(
      'no headroom: 1 hypervisor would be left in nova, and 1 may fail (headroom)',
    );
  });

  it('counts a pool that the site names by itself', () => {
    const gpu = { aggregates: ['gpu'] };
    const fleet = fleetOf(
      { hv1: [], hv2: [20], hv3: [20], hv4: [], hv5: [] },
      { hv1: gpu, hv2: gpu, hv3: gpu },
    );

    expect(why(fleet, {})).toBeUndefined();
    expect(why(fleet, { pools: ['gpu'] })).toBe(
      'no headroom, should hv2 fail meanwhile: no other hypervisor has 20 GiB of memory, 5 vCPU, 10 GiB of disk free for hv2-0',
    );
  });

  it('counts no guest that is stopped: nobody restarts it elsewhere', () => {
    const fleet = fleetOf({ hv1: [], hv2: [30], hv3: [20] });
    const stopped: Server[] = fleet.servers.map((one) => ({ ...one, status: 'SHUTOFF' }));

    expect(why(fleet, {})).toMatch(/^no headroom/);
    expect(why({ ...fleet, servers: stopped }, {})).toBeUndefined();
  });

  it('never says that there is room where the sums are against it', () => {
    const guests = fc.array(fc.constantFrom(4, 8, 16), { maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(guests, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 2 }),
        (spec, k) => {
          const fleet = fleetOf(Object.fromEntries(spec.map((sizes, i) => [`hv${i}`, sizes.slice(0, 2)])));
          const from = fleet.hypervisors[0]!;
          const room = findRoom(
            fleet,
            from,
            fleet.servers.filter((one) => one.hypervisor === from.name),
          );
          fc.pre(room.found);

          const verdict = why(fleet, { hypervisors: k });

          const running = fleet.servers.reduce((sum, one) => sum + one.size.ramMb, 0);
          const left = Math.max(0, spec.length - 1 - k) * 32 * 1024;
          if (running > left) expect(verdict).toMatch(/^no headroom/);
        },
      ),
    );
  });
});
