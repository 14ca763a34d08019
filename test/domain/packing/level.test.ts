import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetFile } from '../../../src/domain/fleet-file.ts';
import { bestDraft } from '../../../src/domain/packing/best-draft.ts';
import { level, loadOf } from '../../../src/domain/packing/level.ts';
import { modelOf } from '../../../src/domain/packing/model.ts';
import { fleetOf, hypervisor, server, smallFleets } from './support/small-fleets.ts';

const LIMITS = { maxMoves: Infinity, most: Infinity, seed: 1, iterations: 20, isOver: () => false };
const drafted = (fleet: FleetFile) =>
  bestDraft(modelOf(fleet, { coolDownHours: 0, maxGibPerHypervisor: Infinity }), LIMITS).draft;

/** The loads of those that are in use, the highest first. */
const loadsOf = (draft: ReturnType<typeof drafted>) =>
  [...draft.placement.count.keys()]
    .filter((h) => draft.placement.count[h]! > 0)
    .map((h) => loadOf(draft, h))
    .toSorted((a, b) => b - a);

describe('level', () => {
  it('sends a server that moves anyway to the hypervisor that has most to spare', () => {
    const draft = drafted(
      fleetOf(
        [hypervisor('hv0'), hypervisor('hv1'), hypervisor('hv2')],
        [server('a', 'hv0', 2), server('b', 'hv1', 6), server('c', 'hv2', 3)],
      ),
    );
    draft.move(0, 1);
    level(draft, () => false);

    expect(draft.placement.at[0]).toBe(2);
    expect(loadsOf(draft)).toEqual([6 / 8, 5 / 8]);
  });

  it('moves nobody who stays', () => {
    const draft = drafted(
      fleetOf([hypervisor('hv0'), hypervisor('hv1')], [server('a', 'hv0', 6), server('b', 'hv1', 3)]),
    );
    level(draft, () => false);

    expect([...draft.placement.at]).toEqual([0, 1]);
  });

  it('leaves as many empty, with as many moves, at the same cost, and no peak higher, on any fleet', () => {
    const fleets = smallFleets({ hypervisors: [3, 8], servers: [3, 20] });
    fc.assert(
      fc.property(fleets, (fleet) => {
        const draft = drafted(fleet);
        const { emptied, moves, cost } = draft;
        const before = loadsOf(draft);
        level(draft, () => false);

        expect({ emptied: draft.emptied, moves: draft.moves, cost: draft.cost }).toEqual({
          emptied,
          moves,
          cost,
        });
        const changed = loadsOf(draft).map((load, i) => load - before[i]!);
        expect(changed.find((by) => Math.abs(by) > 1e-9) ?? 0).toBeLessThanOrEqual(0);
      }),
      { numRuns: 150 },
    );
  });
});
