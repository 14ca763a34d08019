import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Limits } from '../../../src/domain/move-order.ts';
import type { Leg } from '../../../src/domain/packing/legs.ts';
import { makespanBound, migrationSeconds, wavesBound } from '../../../src/domain/packing/makespan.ts';
import { randomFrom } from '../../../src/domain/packing/random.ts';
import type { Move } from '../../../src/domain/packing/timetable.ts';
import { wavesOf } from '../../../src/domain/packing/waves.ts';
import { fleetOf, hypervisor, server } from './support/small-fleets.ts';

const FEW: Limits = { parallel: 20, outPerHypervisor: 1, inPerHypervisor: 2 };
const ANY: Limits = { parallel: Infinity, outPerHypervisor: Infinity, inPerHypervisor: Infinity };

/** A leg of servers that take so many seconds each. */
interface Timed {
  readonly from: number;
  readonly to: number;
  readonly seconds: readonly number[];
  readonly waits?: readonly number[];
}

function wavesFor(timed: readonly Timed[], limits: Limits): readonly (readonly Move[])[] {
  const seconds = timed.flatMap((leg) => leg.seconds);
  let next = 0;
  const legs: Leg[] = timed.map(({ from, to, seconds }) => ({
    servers: seconds.map(() => next++),
    from,
    to,
    cells: seconds.map(() => 0),
  }));
  return wavesOf({
    legs,
    waits: timed.map(({ waits = [] }) => waits),
    limits,
    seconds: (server) => seconds[server]!,
    random: randomFrom(1),
  });
}

const lengths = (waves: readonly (readonly Move[])[]) =>
  waves.map((wave) => wave.map(({ seconds }) => seconds).toSorted((a, b) => b - a));

const move = (from: number, to: number, seconds: number) => ({ from, to, seconds });
const alone = (from: number, to: number, ...seconds: number[]) =>
  seconds.map((each) => ({ from, to, seconds: [each] }));

describe('migrationSeconds', () => {
  it.each([
    ['memory over the network', {}, 8 + 8 * 0.8],
    ['more for a server that writes its memory meanwhile', { dirtyRatio: 0.5 }, 8 + 8 * 1.6],
    ['a disk of its own as well', { localDisk: true }, 8 + 18 * 0.8],
  ])('counts %s', (_, more, seconds) => {
    const fleet = fleetOf([hypervisor('hv1')], [server('a', 'hv1', 2, more)]);

    expect(migrationSeconds(fleet, fleet.servers[0]!)).toBeCloseTo(seconds);
    expect(migrationSeconds({ migrationGbps: 5 }, fleet.servers[0]!) - 8).toBeCloseTo(2 * (seconds - 8));
  });
});

describe('bounds of the makespan', () => {
  it.each([
    ['nothing to do', [], FEW, { any: 0, waves: 0 }],
    ['one long move', [move(0, 1, 90), move(2, 3, 20)], FEW, { any: 90, waves: 90 }],
    ['all that leaves a hypervisor', [move(0, 1, 30), move(0, 2, 20)], FEW, { any: 50, waves: 50 }],
    ['all that comes to one', [1, 2, 3].map((h) => move(h, 0, 20)), FEW, { any: 30, waves: 40 }],
    [
      'how many may run in all',
      [1, 3, 5].map((h) => move(h, h + 1, 20)),
      { ...FEW, parallel: 2 },
      { any: 30, waves: 40 },
    ],
    [
      'a hypervisor that is done late, with others that take long at first',
      [move(0, 1, 10), move(0, 2, 10), move(3, 4, 90)],
      FEW,
      { any: 90, waves: 100 },
    ],
    ['no limits', [move(0, 1, 30), move(0, 1, 20)], ANY, { any: 30, waves: 30 }],
  ])('follow from %s', (_, moves, limits, bounds) => {
    expect(makespanBound(moves, limits)).toBeCloseTo(bounds.any);
    expect(wavesBound(moves, limits)).toBeCloseTo(bounds.waves);
  });
});

describe('wavesOf', () => {
  it('lets moves of similar length run together, whatever their order', () => {
    const timed = [...alone(0, 9, 20, 90), ...alone(1, 8, 90, 20), ...alone(2, 7, 20, 90)];

    expect(lengths(wavesFor(timed, FEW))).toEqual([
      [90, 90, 90],
      [20, 20, 20],
    ]);
  });

  it('has what others wait for run first, even where it is short', () => {
    const timed = [
      { from: 0, to: 1, seconds: [10] },
      { from: 2, to: 0, seconds: [90], waits: [0] },
      { from: 3, to: 4, seconds: [90] },
    ];

    const waves = wavesFor(timed, FEW);

    expect(waves.map((wave) => wave.map(({ server }) => server).toSorted((a, b) => a - b))).toEqual([
      [0],
      [1, 2],
    ]);
    expect(oneByOne(waves)).toBe(100);
  });

  it('gets one wave out of moves that no limit keeps apart', () => {
    expect(lengths(wavesFor(alone(0, 1, 30, 20, 10), ANY))).toEqual([[30, 20, 10]]);
  });

  it('comes near to the bound where only the number in all is limited', () => {
    const random = randomFrom(3);
    const timed = Array.from({ length: 300 }, (_, i) => alone(2 * i, 2 * i + 1, 10 + 200 * random())).flat();

    const waves = wavesFor(timed, FEW);

    expect(waves.length).toBe(15);
    expect(oneByOne(waves)).toBeLessThanOrEqual(wavesBound(waves.flat(), FEW) * 1.001);
  });

  const legs = fc.array(
    fc.record({
      from: fc.nat(4),
      to: fc.integer({ min: 5, max: 9 }),
      seconds: fc.array(fc.constantFrom(10, 20, 30, 90), { minLength: 1, maxLength: 3 }),
      waits: fc.array(fc.nat(30), { maxLength: 2 }),
    }),
    { maxLength: 30, size: 'max' },
  );
  const limits = fc.record({
    parallel: fc.integer({ min: 1, max: 8 }),
    outPerHypervisor: fc.integer({ min: 1, max: 3 }),
    inPerHypervisor: fc.integer({ min: 1, max: 3 }),
  });

  it('has each move once, within the limits, after what it waits for, and takes no less than the bounds say', () => {
    fc.assert(
      fc.property(legs, limits, (given, limits) => {
        const timed = given.map((leg, i) => ({ ...leg, waits: leg.waits.filter((before) => before < i) }));

        const waves = wavesFor(timed, limits);

        const moves = waves.flat();
        expect(moves.map(({ server }) => server).toSorted((a, b) => a - b)).toEqual([
          ...timed.flatMap(({ seconds }) => seconds).keys(),
        ]);
        for (const wave of waves) expect(isWithin(wave, limits)).toBe(true);
        const ends = wavesOfLegs(timed, waves);
        for (const [i, { waits }] of timed.entries())
          for (const before of waits) expect(ends[before]!.last).toBeLessThan(ends[i]!.first);
        for (const [i, { first, last, size }] of ends.entries()) {
          const together = Math.min(limits.parallel, limits.outPerHypervisor, limits.inPerHypervisor);
          expect([i, last - first + 1]).toEqual([i, Math.ceil(size / together)]);
        }
        expect(oneByOne(waves)).toBeGreaterThanOrEqual(wavesBound(moves, limits));
        expect(wavesBound(moves, limits)).toBeGreaterThanOrEqual(makespanBound(moves, limits) - 1e-9);
      }),
      { numRuns: 500 },
    );
  });
});

/** Seconds that the waves take when each waits for the longest move of the one before. */
function oneByOne(waves: readonly (readonly Move[])[]): number {
  return lengths(waves).reduce((sum, [longest = 0]) => sum + longest, 0);
}

function isWithin(wave: readonly Move[], limits: Limits): boolean {
  const most = (ends: readonly number[]) =>
    Math.max(
      ...Map.groupBy(ends, (h) => h)
        .values()
        .map(({ length }) => length),
    );
  return (
    wave.length > 0 &&
    wave.length <= limits.parallel &&
    most(wave.map(({ from }) => from)) <= limits.outPerHypervisor &&
    most(wave.map(({ to }) => to)) <= limits.inPerHypervisor
  );
}

/** The first and the last wave in which servers of each leg run. */
function wavesOfLegs(timed: readonly Timed[], waves: readonly (readonly Move[])[]) {
  const waveOf = new Map(waves.flatMap((wave, w) => wave.map(({ server }) => [server, w] as const)));
  let next = 0;
  return timed.map(({ seconds }) => {
    const mine = seconds.map(() => waveOf.get(next++)!);
    return { first: Math.min(...mine), last: Math.max(...mine), size: seconds.length };
  });
}
