import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundOf } from '../../../src/domain/packing/bound.ts';
import { loadSolver } from '../../../src/domain/packing/highs.ts';
import { modelOf } from '../../../src/domain/packing/model.ts';
import { bestOf } from './support/all-states.ts';
import { fleetOf, type Given, hypervisor, server, smallFleets } from './support/small-fleets.ts';

const GIB = 1024;
const solve = await loadSolver();
const boundFor = (hypervisors: Given[], servers: Given[], maxMoves = Infinity) =>
  boundOf(
    modelOf(fleetOf(hypervisors, servers), { coolDownHours: 0, maxGibPerHypervisor: Infinity }),
    maxMoves,
    solve,
  );
const each = (count: number, of: (i: number) => Given) => [...Array(count).keys()].map(of);

describe('boundOf', () => {
  const four = each(4, (h) => hypervisor(`hv${h}`));

  it.each<[string, number, number]>([
    [
      'by volume: 12 of 32 vCPUs need two of four',
      boundFor(
        four,
        each(4, (i) => server(`s${i}`, `hv${i}`, 3)),
      ),
      2,
    ],
    [
      'by number: two of 5 vCPUs never share 8',
      boundFor(
        four,
        each(4, (i) => server(`s${i}`, `hv${i}`, 5)),
      ),
      0,
    ],
    [
      'by the budget: each costs two moves, five are allowed',
      boundFor(
        four,
        each(8, (i) => server(`s${i}`, `hv${i % 4}`, 1)),
        5,
      ),
      2,
    ],
    [
      'by NUMA cell: a cell takes one of 3 vCPUs, a hypervisor two',
      boundFor(
        each(4, (h) =>
          hypervisor(`hv${h}`, {
            vcpus: 12,
            ramMb: 48 * GIB,
            numa: [0, 1].map(() => ({ vcpus: 5, ramMb: 20 * GIB })),
          }),
        ),
        each(6, (i) => server(`s${i}`, `hv${i % 4}`, 3, { numa: 1, cells: [i < 4 ? 0 : 1] })),
      ),
      1,
    ],
    [
      'by two budgets of room at once: zones do not help each other',
      boundFor(
        each(4, (h) => hypervisor(`hv${h}`, { az: `az${h % 2}` })),
        each(4, (i) => server(`s${i}`, `hv${i}`, i % 2 === 0 ? 2 : 5, { az: `az${i % 2}` })),
      ),
      1,
    ],
  ])('knows %s', (_, bound, expected) => expect(bound).toBe(expected));

  it('is never below what a walk through all states finds', () => {
    fc.assert(
      fc.property(smallFleets({ hypervisors: [2, 4], servers: [3, 6] }), fc.nat(6), (fleet, maxMoves) => {
        const model = modelOf(fleet, { coolDownHours: 0, maxGibPerHypervisor: Infinity });
        const most = Math.max(
          ...bestOf(fleet).map(({ emptied, moves }) => (moves <= maxMoves ? emptied : 0)),
        );

        expect(boundOf(model, maxMoves, solve)).toBeGreaterThanOrEqual(most);
        expect(boundOf(model, maxMoves)).toBeGreaterThanOrEqual(boundOf(model, maxMoves, solve));
      }),
    );
  });
});
