/** Where a server with a device may be migrated cold to, by what Placement counts. */
import { describe, expect, it } from 'vitest';
import { type ColdQuestion, findColdPlaces } from '../../src/domain/device-places.ts';
import type { DeviceStock, Fleet, Hypervisor, Server } from '../../src/domain/fleet.ts';
import { ANYWHERE } from '../../src/domain/reach.ts';
import { hypervisor, server, size } from '../support/builders.ts';

const GPU = { pinned: 'PCI device of class gpu' };
const A = server('a', 'hv1', GPU);
const B = server('b', 'hv1', GPU);

function stock(on: string, more: Partial<DeviceStock> = {}): DeviceStock {
  const { provider = `gpu of ${on}` } = more;
  return { hypervisor: on, provider, resourceClass: 'VGPU', capacity: 1, bookedBy: {}, traits: [], ...more };
}

/** hv1, whose devices `a` and `b` hold, and the others; `hv1` of `devices` is there always. */
function ask(
  others: readonly Hypervisor[],
  devices: readonly DeviceStock[],
  {
    servers = [A],
    held = { a: 1, b: 1 },
    traits = [],
    ...more
  }: Partial<ColdQuestion> & {
    servers?: readonly Server[];
    held?: Record<string, number>;
    traits?: readonly string[];
  } = {},
) {
  const from = hypervisor('hv1');
  const fleet: Fleet = {
    takenAt: '2026-11-24T22:41:00Z',
    hypervisors: [from, ...others],
    servers: [A, B],
    groups: [],
  };
  const own = stock('hv1', { capacity: 2, bookedBy: held, traits });
  return findColdPlaces({ fleet, devices: [own, ...devices], from, reach: ANYWHERE, ...more }, servers);
}

const FULL = { bookedBy: { other: 1 } };

describe('a server with a device', () => {
  it.each<[string, Hypervisor[], DeviceStock[], object]>([
    ['goes where one is free', [hypervisor('hv2')], [stock('hv2')], { to: 'hv2' }],
    [
      'goes nowhere where all are taken, and says how many there are',
      [hypervisor('hv2'), hypervisor('hv3')],
      [
        stock('hv2', { capacity: 4, bookedBy: { x: 3, y: 1 } }),
        stock('hv3', { capacity: 2, bookedBy: { z: 2 } }),
      ],
      { why: 'no device of class VGPU is free elsewhere (0 of 6)' },
    ],
    [
      'goes nowhere where those that are free are of another class',
      [hypervisor('hv2')],
      [stock('hv2', { resourceClass: 'FPGA' })],
      { why: 'no device of class VGPU is free elsewhere (0 of 0)' },
    ],
    [
      'goes to none that is disabled, nor to one that is down',
      [hypervisor('hv2', { disabled: 'disk swap' }), hypervisor('hv3', { up: false })],
      [stock('hv2'), stock('hv3')],
      { why: 'no device of class VGPU is free elsewhere (0 of 0)' },
    ],
    [
      'goes nowhere where the hypervisor has no room beside its device',
      [hypervisor('hv2', { used: size(124) })],
      [stock('hv2')],
      {
        why: 'a device like its own is free on hv2, but no room: no other hypervisor has 8 GiB of memory, 2 vCPU, 10 GiB of disk free for a',
      },
    ],
    [
      'is not given what was taken from under its bookings',
      [hypervisor('hv2'), hypervisor('hv3')],
      [stock('hv2', { capacity: 0, bookedBy: { x: 2 } }), stock('hv3', FULL)],
      { why: 'no device of class VGPU is free elsewhere (0 of 1)' },
    ],
  ])('%s', (_, others, devices, place) => {
    expect(ask(others, devices)).toEqual({ a: place });
  });

  it('goes only where the device is like its own', () => {
    const others = [hypervisor('hv2'), hypervisor('hv3')];
    const devices = [
      stock('hv2', { traits: ['CUSTOM_A40'] }),
      stock('hv3', { traits: ['CUSTOM_A100', 'HW_GPU'] }),
    ];

    expect(ask(others, devices, { traits: ['CUSTOM_A100'] })).toEqual({ a: { to: 'hv3' } });
  });

  it('goes to one that is soon drained itself only where there is no other', () => {
    const others = [hypervisor('hv2', { used: size(64) }), hypervisor('hv3')];
    const devices = [stock('hv2'), stock('hv3')];

    expect(ask(others, devices)).toEqual({ a: { to: 'hv2' } });
    expect(ask(others, devices, { avoid: ['hv2'] })).toEqual({ a: { to: 'hv3' } });
    expect(ask(others, devices, { avoid: ['hv2', 'hv3'] })).toEqual({ a: { to: 'hv2' } });
  });

  it('goes only where it could go for all else', () => {
    const reach = { ...ANYWHERE, cellPrefixes: ['cell-'] };
    const others = [hypervisor('hv2', { aggregates: ['cell-2'] })];
    const from = hypervisor('hv1', { aggregates: ['cell-1'] });

    expect(ask(others, [stock('hv2')], { reach, from })).toEqual({
      a: { why: 'no device of class VGPU is free elsewhere (0 of 0)' },
    });
  });

  it('is not known to find one where Placement does not count its own', () => {
    expect(ask([hypervisor('hv2')], [stock('hv2')], { held: {} })).toEqual({
      a: { why: 'Placement does not count its device, so none is known to be free elsewhere' },
    });
  });
});

describe('several servers', () => {
  it('share what is free, so that no device is promised twice', () => {
    const servers = [A, B];

    expect(ask([hypervisor('hv2')], [stock('hv2')], { servers })).toEqual({
      a: { to: 'hv2' },
      b: { why: 'no device of class VGPU is free elsewhere (0 of 1)' },
    });
    expect(
      ask([hypervisor('hv2')], [stock('hv2'), stock('hv2', { provider: 'second' })], { servers }),
    ).toEqual({
      a: { to: 'hv2' },
      b: { to: 'hv2' },
    });
  });

  it('share the room, too', () => {
    const cramped = hypervisor('hv2', { used: size(116) });
    const devices = [stock('hv2', { capacity: 2 })];

    expect(ask([cramped], devices, { servers: [A, B] })).toMatchObject({
      a: { to: 'hv2' },
      b: { why: expect.stringContaining('is free on hv2, but no room') },
    });
  });
});

it('finds all devices of a server on one hypervisor, or none', () => {
  const others = [hypervisor('hv2'), hypervisor('hv3')];
  const one = (on: string, n: number) => stock(on, { provider: `${on} ${n}` });

  expect(ask(others, [one('hv2', 1), one('hv3', 1)], { held: { a: 2 } })).toEqual({
    a: {
      why: 'no other hypervisor has all free that it needs: 2 devices of class VGPU (2 of 2 free in all)',
    },
  });
  expect(ask(others, [one('hv2', 1), one('hv3', 1), one('hv3', 2)], { held: { a: 2 } })).toEqual({
    a: { to: 'hv3' },
  });
});
