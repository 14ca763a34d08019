/** Whether a rehearsal is what it forecasts: the real jobs, the same again for the same seed, each end with its why. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetFile } from '../../src/domain/fleet-file.ts';
import type { Forecast } from '../../src/domain/forecast.ts';
import { faultRules } from '../../src/rehearse/faults.ts';
import { type RehearsalWish, rehearse } from '../../src/rehearse/rehearse.ts';
import { readSite } from '../../src/rehearse/site.ts';
import { fleetFile } from '../support/fleet-file.ts';

const FROM = Date.UTC(2026, 10, 23);
const usual = await readSite(undefined, ['reboot-hypervisors']);

function play(fleet: FleetFile, wish: Partial<RehearsalWish> = {}): Promise<Forecast> {
  return rehearse({ fleet, site: usual, from: FROM, nights: 30, faults: [], seeds: [1], ...wish });
}

/** `count` hypervisors, each with as many servers as are told for it. */
function fleetOf(guests: readonly number[], more: Partial<Parameters<typeof fleetFile>[0]> = {}): FleetFile {
  const name = (i: number) => `hv${i + 1}`;
  return fleetFile({
    hypervisors: Object.fromEntries(guests.map((_, i) => [name(i), {}])),
    servers: Object.fromEntries(
      guests.flatMap((count, i) =>
        Array.from({ length: count }, (_, k) => [`${name(i)}-${k}`, { hypervisor: name(i) }] as const),
      ),
    ),
    ...more,
  });
}

describe('a rehearsal', () => {
  it('reboots what needs it by the schedule, and says when all is done', async () => {
    const { courses, finished } = await play(fleetOf([2, 0, 3]));

    const [course] = courses;
    expect(course).toMatchObject({ needed: 3, done: 3, end: 'done', nights: 1, unfinished: [], died: 0 });
    expect(course?.moves).toBeGreaterThanOrEqual(5);
    expect(course?.movedGib).toBe((course?.moves ?? 0) * 4);
    // Monday to Thursday, 22:30 in London.
    expect(finished.p50).toMatch(/^2026-11-(23T2[23]|24T0)/);
    expect(course?.headroom?.share).toBeLessThan(1);
  });

  it('tells the same for the same seed, whatever the fleet', async () => {
    const fleets = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fleets, fc.integer({ min: 1, max: 1000 }), async (guests, seed) => {
        const wish = { seeds: [seed], faults: faultRules('harsh'), nights: 2 };
        const fleet = fleetOf(guests);

        expect(await play(fleet, wish)).toEqual(await play(fleet, wish));
      }),
      { numRuns: 3 },
    );
  }, 120_000);

  it('waits for servers with a device to end, and finishes when they have', async () => {
    const createdAt = new Date(FROM - 3 * 86_400_000).toISOString();
    const young = Object.fromEntries(
      Array.from({ length: 6 }, (_, i) => [`young-${i}`, { hypervisor: 'hv2', pinned: 'gpu', createdAt }]),
    );
    const fleet = fleetFile({
      hypervisors: { hv1: {}, hv2: { kernel: { running: '6.1', next: '6.1' } } },
      servers: { ...young, gpu: { hypervisor: 'hv1', pinned: 'gpu', createdAt } },
    });

    const schedules = usual.schedules.map((one) => ({ ...one, options: { waitPollSeconds: 3600 } }));
    const { courses } = await play(fleet, { site: { ...usual, schedules } });

    expect(courses[0]).toMatchObject({ needed: 1, done: 1, end: 'done' });
    // As old as the others are, it has three days left.
    expect(courses[0]?.lastBackAt).toMatch(/^2026-11-26T/);
  });

  it('ends when nothing changes any more, each that is left with its why', async () => {
    const fleet = fleetFile({
      hypervisors: { hv1: {}, hv2: {}, hv3: { enabled: false, disabledReason: 'disk swap, ask Kim' } },
      servers: { a: { hypervisor: 'hv1', movable: false } },
    });

    const { courses, unfinished } = await play(fleet);

    expect(courses[0]).toMatchObject({ needed: 3, done: 1, end: 'nothing changes' });
    expect(unfinished).toEqual([
      { hypervisor: 'hv1', courses: 1, why: expect.stringContaining('held: ') },
      { hypervisor: 'hv3', courses: 1, why: 'held: disabled by somebody else: "disk swap, ask Kim"' },
    ]);
  });

  it('has a person come in the morning for one that does not come back, and goes on with the others', async () => {
    const faults = [{ what: 'never back', when: { hypervisor: 'hv2' } }] as const;

    const { courses, unfinished } = await play(fleetOf([0, 0, 0, 0]), { faults });

    // The second night finds the breaker reset.
    expect(courses[0]).toMatchObject({ needed: 4, done: 3, calls: 1 });
    expect(unfinished).toEqual([
      { hypervisor: 'hv2', courses: 1, why: expect.stringMatching(/^(needs you|held): /) },
    ]);
  });

  it('tells a migration that fails from one that does not', async () => {
    const faults = [{ what: 'fail', when: { server: 'hv1-0' } }] as const;

    const { unfinished } = await play(fleetOf([1, 0]), { faults });

    expect(unfinished).toEqual([
      { hypervisor: 'hv1', courses: 1, why: expect.stringContaining('given back: hv1-0') },
    ]);
  });

  it('finishes all that can be, however many of the cheapest cannot be emptied', async () => {
    const stuck = ['hv1', 'hv2', 'hv3', 'hv4', 'hv5', 'hv6', 'hv7'];
    const fleet = fleetFile({
      isolatedAggregates: stuck,
      hypervisors: {
        ...Object.fromEntries(stuck.map((name) => [name, { aggregates: [name] }])),
        hv8: {},
        hv9: {},
      },
      servers: {
        // Of its isolated aggregate each is the only one, which Nova's scheduler alone knows.
        ...Object.fromEntries(stuck.map((name) => [`on-${name}`, { hypervisor: name, aggregate: name }])),
        large: { hypervisor: 'hv8', ramMb: 16_384 },
        larger: { hypervisor: 'hv9', ramMb: 24_576 },
      },
    });
    const schedules = usual.schedules.map((one) => ({ ...one, options: { limit: 12, maxGivenBack: 0 } }));

    const { courses, unfinished } = await play(fleet, { site: { ...usual, schedules } });

    // One a night is found to be stuck; then both others go.
    expect(courses[0]).toMatchObject({ needed: 9, done: 2, nights: 8, end: 'nothing changes' });
    const why = expect.stringMatching(/^given back: on-hv\d .*No valid host/);
    expect(unfinished).toEqual(stuck.map((hypervisor) => ({ hypervisor, courses: 1, why })));
  });

  it('says in the words of the last campaign why some had no turn', async () => {
    const schedules = usual.schedules.map((one) => ({ ...one, options: { limit: 1 } }));

    const { unfinished } = await play(fleetOf([0, 0, 0]), { site: { ...usual, schedules }, nights: 1 });

    const why = 'its turn had not come (the last campaign: limit=1)';
    expect(unfinished).toEqual(['hv2', 'hv3'].map((hypervisor) => ({ hypervisor, courses: 1, why })));
  });

  it('is called off', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const wish = { fleet: fleetOf([1, 1]), site: usual, from: FROM, nights: 1, faults: [], seeds: [1] };

    await expect(rehearse(wish, { signal })).rejects.toThrow('enough');
  });
});
