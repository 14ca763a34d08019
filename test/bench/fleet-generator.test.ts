import { describe, expect, it } from 'vitest';
import type { FleetHypervisor } from '../../src/domain/fleet-file.ts';
import { capacityOf } from '../../src/domain/fleet-room.ts';
import { fleetWarnings } from '../../src/domain/fleet-warnings.ts';
import { generateFleet } from './fleet-generator.ts';

const fleet = generateFleet({ seed: 3, hypervisors: 200 });

function share(isOf: (one: FleetHypervisor) => boolean): number {
  return fleet.hypervisors.filter(isOf).length / fleet.hypervisors.length;
}

describe('a generated fleet', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(generateFleet({ seed: 3, hypervisors: 200 })).toEqual(fleet);
    expect(generateFleet({ seed: 4, hypervisors: 200 }).servers).not.toEqual(fleet.servers);
  });

  it('keeps every rule', () => {
    expect(fleetWarnings(fleet)).toEqual([]);
  });

  it('has the shape of a cloud that grew and shrank', () => {
    const ramMb = fleet.servers.reduce((sum, server) => sum + server.ramMb, 0);
    const capacity = fleet.hypervisors.reduce((sum, one) => sum + (capacityOf(one)[1] ?? 0), 0);

    expect(ramMb / capacity).toBeCloseTo(0.6, 1);
    expect(share(({ aggregates }) => aggregates.includes('pinned'))).toBe(0.1);
    expect(share(({ aggregates }) => aggregates.includes('gpu'))).toBe(0.05);
    expect(share(({ enabled }) => !enabled)).toBeLessThan(0.05);
    expect(new Set(fleet.hypervisors.map(({ az }) => az))).toEqual(new Set(['az1', 'az2', 'az3']));
    expect(fleet.servers.some(({ pinned }) => pinned === 'sriov')).toBe(true);
    expect(fleet.servers.some(({ numa, cells }) => numa === 2 && cells?.length === 2)).toBe(true);
    expect(new Set(fleet.groups.map(({ policy }) => policy))).toEqual(new Set(['affinity', 'anti-affinity']));
  });
});
