/** Where a service is, and what is said when it is nowhere. */
import { describe, expect, it } from 'vitest';
import { findEndpoint, type Place } from '../../../src/clients/openstack/catalog.ts';

const endpoint = (face: string, region: string) => ({
  interface: face,
  region_id: region,
  url: `https://${face}.${region}.example/compute/`,
});
const oneRegion = [
  { type: 'compute', endpoints: [endpoint('public', 'north'), endpoint('internal', 'north')] },
  { type: 'identity', endpoints: [endpoint('public', 'north')] },
];
const twoRegions = [
  { type: 'compute', endpoints: [endpoint('public', 'north'), endpoint('public', 'south')] },
];

function place(more: Partial<Place>): Place {
  return { type: 'compute', interface: 'public', ...more };
}

describe('an endpoint', () => {
  it.each([
    ['the public one', oneRegion, place({}), 'https://public.north.example/compute'],
    [
      'the internal one',
      oneRegion,
      place({ interface: 'internal' }),
      'https://internal.north.example/compute',
    ],
    ['the one of its region', twoRegions, place({ region: 'south' }), 'https://public.south.example/compute'],
  ])('is %s', (_, catalog, wanted, url) => {
    expect(findEndpoint(catalog, wanted)).toBe(url);
  });

  it.each([
    [
      'type',
      oneRegion,
      place({ type: 'placement' }),
      'no service of type placement (types it has: compute, identity)',
    ],
    ['region', oneRegion, place({ region: 'west' }), 'no compute in region west (regions it has: north)'],
    [
      'choice of region',
      twoRegions,
      place({}),
      'compute in several regions; say which in region_name (regions it has: north, south)',
    ],
    [
      'interface',
      oneRegion,
      place({ interface: 'admin' }),
      'no admin endpoint of compute (interfaces it has: internal, public)',
    ],
    ['anything', [], place({}), 'no service of type compute (types it has: none)'],
  ])('without its %s is an error that says what there is', (_, catalog, wanted, message) => {
    expect(() => findEndpoint(catalog, wanted)).toThrow(`Keystone's catalog has ${message}`);
  });
});
