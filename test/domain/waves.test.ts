import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Domain } from '../../src/domain/domains.ts';
import { wavesOf } from '../../src/domain/waves.ts';

function one(name: string, guests: number, ...domains: Domain[]) {
  return { name, guests, domains };
}

function names(waves: readonly { name: string }[][]): string[][] {
  return waves.map((wave) => wave.map(({ name }) => name));
}

describe('wavesOf', () => {
  const order = [
    one('a1', 0, 'zone a', 'rack r1'),
    one('a2', 0, 'zone a', 'rack r2'),
    one('b1', 0, 'zone b', 'rack r1'),
    one('b2', 0, 'zone b', 'rack r3'),
    one('full', 7, 'zone c'),
  ];

  it.each([
    { limits: { atOnce: 1, perZone: 1, perRack: 1 }, waves: [['a1'], ['a2'], ['b1'], ['b2'], ['full']] },
    { limits: { atOnce: 4, perZone: 1, perRack: 1 }, waves: [['a1', 'b2'], ['a2', 'b1'], ['full']] },
    { limits: { atOnce: 4, perZone: 2, perRack: 1 }, waves: [['a1', 'a2', 'b2'], ['b1'], ['full']] },
    { limits: { atOnce: 4, perZone: 9, perRack: 9 }, waves: [['a1', 'a2', 'b1', 'b2'], ['full']] },
    { limits: { atOnce: 3, perZone: 9, perRack: 9 }, waves: [['a1', 'a2', 'b1'], ['b2'], ['full']] },
  ])('keeps within $limits', ({ limits, waves }) => {
    expect(names(wavesOf(order, limits))).toEqual(waves);
  });

  it('leaves those that were given back behind all others, in their order', () => {
    const givenBackAt = '2026-11-24T23:00:00.000Z';
    const [a1, a2, ...others] = order;

    const waves = wavesOf([...others, { ...a1!, guests: 3, givenBackAt }, { ...a2!, givenBackAt }], {
      atOnce: 9,
      perZone: 9,
      perRack: 9,
    });

    expect(names(waves)).toEqual([['b1', 'b2'], ['full'], ['a1'], ['a2']]);
  });

  it('reboots each once, drained ones alone and last, and never more at once than may', () => {
    const domain = fc.constantFrom<Domain>('zone a', 'zone b', 'rack r1', 'rack r2', 'aggregate x');
    const fleet = fc.array(fc.tuple(fc.nat(1), fc.uniqueArray(domain, { maxLength: 3 })), { maxLength: 12 });
    const most = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(fleet, fc.tuple(most, most, most), (spec, [atOnce, perZone, perRack]) => {
        const order = spec.map(([guests, domains], i) => one(`hv${i}`, guests, ...domains));

        const waves = wavesOf(order, { atOnce, perZone, perRack });

        expect(names(waves).flat().toSorted()).toEqual(order.map(({ name }) => name).toSorted());
        for (const wave of waves) {
          expect(wave.length).toBeLessThanOrEqual(wave.some(({ guests }) => guests > 0) ? 1 : atOnce);
          const domains = wave.flatMap(({ domains }) => domains);
          for (const [kind, limit] of [
            ['zone', perZone],
            ['rack', perRack],
          ] as const)
            for (const domain of domains.filter((name) => name.startsWith(kind)))
              expect(domains.filter((name) => name === domain).length).toBeLessThanOrEqual(limit);
        }
        expect(wavesOf(waves.flat(), { atOnce, perZone, perRack })).toEqual(waves);
      }),
    );
  });
});
