import { describe, expect, it } from 'vitest';
import type { FleetFile } from '../../src/domain/fleet-file.ts';
import { worldOf } from '../../src/twin/from-fleet.ts';
import { lifetimesOf } from '../../src/twin/lifetimes.ts';
import { chooseHost } from '../../src/twin/placing.ts';
import { HANDLERS } from '../../src/twin/simulate.ts';
import type { World } from '../../src/twin/world.ts';
import { fleetFile } from '../support/fleet-file.ts';

const AT = Date.UTC(2026, 10, 24);
const DAY_MS = 86_400_000;

function open(fleet: FleetFile, seed = 1): World {
  return worldOf(fleet, { seed, at: AT }, HANDLERS);
}

describe('a cloud out of a file', () => {
  it('is the same for the same seed, and another one for another', () => {
    const fleet = fleetFile({ hypervisors: { hv1: {}, hv2: {} }, servers: { a: {}, b: { pinned: 'gpu' } } });

    expect(open(fleet, 3).state).toEqual(open(fleet, 3).state);
    expect(open(fleet, 4).state).not.toEqual(open(fleet, 3).state);
  });

  it('awaits a kernel where the file tells of none, and else what the file tells', () => {
    const world = open(
      fleetFile({
        hypervisors: {
          untold: {},
          fresh: { kernel: { running: '6.1', next: '6.1' } },
          old: { kernel: { running: '6.0', next: '6.1' } },
        },
      }),
    );

    const awaits = Object.values(world.state.hypervisors).filter(
      ({ boot, kernels }) => kernels.at(-1) !== boot.kernel,
    );
    expect(awaits.map(({ name }) => name)).toEqual(['untold', 'old']);
    expect(world.named('old').boot.kernel).toBe('6.0');
  });

  it('has disabled hypervisors with their reason, and those that are down are off', () => {
    const world = open(
      fleetFile({
        hypervisors: { hv1: { enabled: false, disabledReason: 'disk swap' }, hv2: { up: false } },
      }),
    );

    expect(world.named('hv1')).toMatchObject({ disabled: true, disabledReason: 'disk swap', power: 'on' });
    expect(world.named('hv2')).toMatchObject({ disabled: false, power: 'off' });
  });

  it.each([
    { status: 'ACTIVE', vmState: 'active', running: true },
    { status: 'SHUTOFF', vmState: 'stopped', running: false },
    { status: 'PAUSED', vmState: 'paused', running: true },
    { status: 'ERROR', vmState: 'error', running: false },
  ])('has a server that is $status', ({ status, vmState, running }) => {
    const world = open(fleetFile({ hypervisors: { hv1: {} }, servers: { a: { status } } }));

    expect(world.server('a')).toMatchObject({ vmState, domain: { host: 'hv1', running } });
  });

  it.each([
    { what: 'a device', wish: { pinned: 'PCI device of class gpu' }, has: 'device' },
    {
      what: 'its owner’s wish',
      wish: { movable: false, pinned: 'is only to be stopped, as is wished for it' },
      has: 'wish',
    },
    { what: 'no reason', wish: { movable: false }, has: 'wish' },
    { what: 'nothing', wish: {}, has: 'neither' },
    { what: 'a lock', wish: { movable: false, locked: true }, has: 'neither' },
  ])('has a server that is held by $what', ({ wish, has }) => {
    const world = open(fleetFile({ hypervisors: { hv1: {} }, servers: { a: wish } }));

    const server = world.server('a')!;
    const isDevice = 'pci_passthrough:alias' in world.flavorOf(server).extraSpecs;
    const isWish = server.metadata['nightshift:drain'] === 'never';
    expect(isDevice ? 'device' : isWish ? 'wish' : 'neither').toBe(has);
    expect(world.named('hv1').stock.gpus).toBe(isDevice ? 1 : 0);
  });

  it.each<{ what: string; wish: Parameters<typeof fleetFile>[0]; to: string | undefined }>([
    { what: 'where there is room', wish: { hypervisors: { hv1: {}, hv2: {} } }, to: 'hv2' },
    {
      what: 'nowhere, by memory that is reserved',
      wish: { hypervisors: { hv1: {}, hv2: { reservedRamMb: 65_536 } } },
      to: undefined,
    },
    {
      what: 'where memory may be booked twice',
      wish: { hypervisors: { hv1: {}, hv2: { ramMb: 3000, reservedRamMb: 0, ramRatio: 2 } } },
      to: 'hv2',
    },
    {
      what: 'into no isolated aggregate that it does not ask for',
      wish: { isolatedAggregates: ['gpu'], hypervisors: { hv1: {}, hv2: { aggregates: ['gpu'] } } },
      to: undefined,
    },
    {
      what: 'into the aggregate that it asks for, and into no other',
      wish: {
        isolatedAggregates: ['gpu'],
        hypervisors: { hv1: { aggregates: ['gpu'] }, hv2: {}, hv3: { aggregates: ['gpu'] } },
        servers: { a: { aggregate: 'gpu' } },
      },
      to: 'hv3',
    },
    {
      what: 'where its traits are',
      wish: {
        hypervisors: { hv1: {}, hv2: {}, hv3: { traits: ['FAST'] } },
        servers: { a: { requiredTraits: ['FAST'] } },
      },
      to: 'hv3',
    },
    {
      what: 'nowhere beside another of its group',
      wish: {
        hypervisors: { hv1: {}, hv2: {} },
        servers: { a: {}, b: { hypervisor: 'hv2' } },
        groups: [{ id: 'g', policy: 'anti-affinity', maxPerHost: 1, members: ['a', 'b'] }],
      },
      to: undefined,
    },
    {
      what: 'beside as many of its group as may be together',
      wish: {
        hypervisors: { hv1: {}, hv2: {} },
        servers: { a: {}, b: { hypervisor: 'hv2' } },
        groups: [{ id: 'g', policy: 'anti-affinity', maxPerHost: 2, members: ['a', 'b'] }],
      },
      to: 'hv2',
    },
    {
      what: 'nowhere outside its zone',
      wish: { hypervisors: { hv1: { az: 'one' }, hv2: { az: 'two' } }, servers: { a: { az: 'one' } } },
      to: undefined,
    },
    {
      what: 'into no other cell',
      wish: { hypervisors: { hv1: { cell: 'c1' }, hv2: { cell: 'c2' } } },
      to: undefined,
    },
  ])('lets a server go $what', ({ wish, to }) => {
    const world = open(fleetFile({ servers: { a: {} }, ...wish }));

    expect(chooseHost(world, world.server('a')!, { wanted: null })).toBe(to);
  });
});

describe('servers with devices', () => {
  it('end by themselves, and another one takes the place unless the hypervisor is disabled', () => {
    const servers = Object.fromEntries(
      ['hv1', 'hv2'].flatMap((hypervisor) =>
        Array.from({ length: 20 }, (_, i) => [
          `${hypervisor}-${i}`,
          { hypervisor, pinned: 'gpu', ramMb: 512 },
        ]),
      ),
    );
    const world = open(fleetFile({ hypervisors: { hv1: {}, hv2: { enabled: false } }, servers }));

    world.advance(AT + 3 * DAY_MS);
    const left = world.listedOn('hv2').length;
    world.advance(AT + 3650 * DAY_MS);

    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(20);
    expect(world.listedOn('hv1')).toHaveLength(20);
    expect(world.listedOn('hv2')).toHaveLength(0);
    expect(world.listedOn('hv1').some(({ id }) => id.startsWith('hv1-'))).toBe(false);
  });

  it.each([
    { what: 'their ages', ages: [1, 2, 4, 8, 16], medianDays: 4 },
    { what: 'what is usual, where few ages are known', ages: [100, 100], medianDays: 3 },
  ])('live by $what', ({ ages, medianDays }) => {
    const found = lifetimesOf(ages);

    expect(found.medianDays).toBeCloseTo(medianDays);
    expect(found.spread).toBeGreaterThan(0.5);
  });
});
