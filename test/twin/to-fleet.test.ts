import { expect, it } from 'vitest';
import { worldOf } from '../../src/twin/from-fleet.ts';
import { seedWorld } from '../../src/twin/seed.ts';
import { HANDLERS } from '../../src/twin/simulate.ts';
import { fleetOf } from '../../src/twin/to-fleet.ts';
import { fleetFile } from '../support/fleet-file.ts';

const AT = Date.UTC(2026, 10, 24);

it('a fleet that became a simulated cloud is the same fleet again', () => {
  const fleet = fleetFile({
    name: 'there and back',
    takenAt: new Date(AT).toISOString(),
    isolatedAggregates: ['gpu'],
    hypervisors: {
      hv1: { az: 'one', cell: 'c1', kernel: { running: '6.0', next: '6.1' }, aggregates: ['gpu'] },
      hv2: {
        az: 'two',
        cell: 'c1',
        kernel: { running: '6.1', next: '6.1' },
        enabled: false,
        disabledReason: 'disk swap',
      },
    },
    servers: {
      a: { aggregate: 'gpu', movable: false, pinned: 'PCI device', createdAt: '2026-11-01T00:00:00.000Z' },
      b: {
        hypervisor: 'hv2',
        az: 'two',
        status: 'SHUTOFF',
        locked: true,
        createdAt: '2026-10-01T00:00:00.000Z',
      },
    },
    groups: [{ id: 'g', policy: 'anti-affinity', maxPerHost: 2, members: ['a', 'b'] }],
  });

  const again = fleetOf(worldOf(fleet, { seed: 1, at: AT }, HANDLERS), fleet.name);

  const project = expect.any(String);
  expect(again).toEqual({
    ...fleet,
    hypervisors: fleet.hypervisors.map((each) => ({ ...each, traits: ['COMPUTE_NODE'] })),
    servers: fleet.servers.map((each) => ({ ...each, project })),
  });
});

it('a simulated cloud that became a fleet and a cloud again books the same', () => {
  const world = seedWorld({ seed: 7, hypervisors: 8, servers: 60, at: AT }, HANDLERS);

  const again = worldOf(fleetOf(world, 'twice'), { seed: 1, at: AT }, HANDLERS);

  for (const { name, host } of Object.values(world.state.hypervisors)) {
    expect(again.used(name)).toEqual(world.used(host));
    expect(again.zoneOf(name)).toBe(world.zoneOf(host));
    expect(
      again
        .listedOn(name)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(
      world
        .listedOn(host)
        .map(({ id }) => id)
        .toSorted(),
    );
  }
});
