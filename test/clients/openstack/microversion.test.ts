/** Which microversion is spoken with which cloud. */
import { describe, expect, it } from 'vitest';
import { chooseMicroversion, offerOf, WANTED } from '../../../src/clients/openstack/microversion.ts';

describe('the microversion', () => {
  it.each([
    ['ours, below theirs', '2.1', '2.93', '2.87'],
    ['theirs, below ours', '2.1', '2.79', '2.79'],
    ['the least that will do', '2.1', '2.69', '2.69'],
    ['ours, when that is the last they know', '2.87', '2.96', '2.87'],
  ])('is %s', (_, min, max, chosen) => {
    expect(chooseMicroversion('Nova', WANTED.compute, { id: 'v2.1', min, max })).toBe(chosen);
  });

  it.each([
    ['2.1', '2.68', 'Nova speaks microversions up to 2.68, Nightshift needs 2.69 or newer'],
    ['2.1', '2.7', 'Nova speaks microversions up to 2.7, Nightshift needs 2.69 or newer'],
    ['', '', 'Nova speaks microversions up to none, Nightshift needs 2.69 or newer'],
    ['2.88', '2.99', 'Nova speaks microversions from 2.88 on, Nightshift knows them up to 2.87'],
  ])('is none of those between "%s" and "%s"', (min, max, message) => {
    expect(() => chooseMicroversion('Nova', WANTED.compute, { id: 'v2.1', min, max })).toThrow(message);
  });
});

describe('what a service offers', () => {
  it('is the one version at its endpoint', () => {
    const version = { id: 'v2.1', version: '2.93', min_version: '2.1' };

    expect(offerOf({ version })).toEqual({ id: 'v2.1', min: '2.1', max: '2.93' });
  });

  it('is the newest where several are listed', () => {
    const versions = [
      { id: 'v2.1', version: '2.100', min_version: '2.1' },
      { id: 'v2.0', version: '', min_version: '' },
    ];

    expect(offerOf({ versions })).toEqual({ id: 'v2.1', min: '2.1', max: '2.100' });
  });

  it('has another name at Placement', () => {
    const versions = [{ id: 'v1.0', max_version: '1.39', min_version: '1.0' }];

    expect(offerOf({ versions })).toEqual({ id: 'v1.0', min: '1.0', max: '1.39' });
  });
});
