import { describe, expect, it } from 'vitest';
import { planUntil } from '../../../src/domain/packing/in-thread.ts';
import { computing } from '../../../src/engine/computing.ts';
import { fleetOf, hypervisor, server } from './support/small-fleets.ts';

const MODULE = new URL('../../../src/domain/packing/in-thread.ts', import.meta.url).href;
const FLEET = fleetOf(
  [0, 1, 2].map((h) => hypervisor(`hv${h}`)),
  [0, 1, 2].map((h) => server(`s${h}`, `hv${h}`, 2)),
);
const POLICY = {
  maxMoves: Infinity,
  wanted: 'max',
  keepEmpty: 0,
  parallel: 20,
  outPerHypervisor: 1,
  inPerHypervisor: 2,
  coolDownHours: 0,
  maxGibPerHypervisor: Infinity,
  seed: 1,
  iterations: 20,
} as const;
const shared = () => new Int32Array(new SharedArrayBuffer(8));

describe('planUntil', () => {
  it('plans in a thread of its own, and counts its rounds', async () => {
    const stop = shared();
    const plan = await computing(new AbortController().signal)(MODULE, planUntil, FLEET, POLICY, stop);

    expect(plan).toMatchObject({ emptyAfter: 2, moves: 2 });
    expect(stop[1]).toBe(20);
  });

  it('gives the best so far when it is told to stop', async () => {
    const stop = shared();
    stop[0] = 1;

    await expect(planUntil(FLEET, POLICY, stop)).resolves.toMatchObject({ emptyAfter: 2, moves: 2 });
    expect(stop[1]).toBe(0);
  });
});
