import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressesIn, canonicalAddress } from '../../src/domain/addresses.ts';

describe('canonicalAddress', () => {
  it.each([
    ['172.16.105.23', '172.16.105.23'],
    ['010.0.0.007', '10.0.0.7'],
    ['2001:DB8:0::17', '2001:db8::17'],
    ['2001:0db8:0000:0000:0000:0000:0000:0017', '2001:db8::17'],
    ['fe80::1%eth0', 'fe80::1'],
    ['256.0.0.1', undefined],
    ['1.2.3', undefined],
    ['1.2.3.4.5', undefined],
    ['12345::', undefined],
    [':::', undefined],
    ['web]/', undefined],
    ['', undefined],
  ])('takes %s for %s', (text, address) => {
    expect(canonicalAddress(text)).toBe(address);
  });
});

describe('addressesIn', () => {
  it.each([
    ['host-172-16-105-23', ['172.16.105.23']],
    ['HOST-172-16-105-23.nubes.example.org', ['172.16.105.23']],
    ['host-172-16-105-23-db.example.org', ['172.16.105.23']],
    ['ip172-16-105-23', ['172.16.105.23']],
    ['vm.172-16-105-23.example.org', ['172.16.105.23']],
    ['172.16.105.23', ['172.16.105.23']],
    ['2001:db8::17', ['2001:db8::17']],
    ['host-2001-db8--17.example.org', ['2001:db8::17']],
    ['host-2001-db8-0-0-0-0-0-17', ['2001:db8::17']],
    ['host-fe80--f816-3eff-fe12-3456', ['fe80::f816:3eff:fe12:3456']],
  ])('finds in %s %j', (name, found) => {
    expect(addressesIn(name)).toEqual(expect.arrayContaining(found));
  });

  it('reads a run of five numbers both ways', () => {
    expect(addressesIn('rack-1-172-16-105-23')).toEqual(['1.172.16.105', '172.16.105.23']);
  });

  it.each(['web-1', 'web-1-2-3', 'host-1721-16-105-23', 'host-300-1-1-300', 'a-b-c', '', '-'])(
    'finds none in "%s"',
    (name) => {
      expect(addressesIn(name)).toEqual([]);
    },
  );

  it('finds every address that stands in a name as Neutron writes it', () => {
    const named = fc.record({
      address: fc.oneof(fc.ipV4(), fc.ipV6()),
      prefix: fc.constantFrom('host-', 'vm-', ''),
      domain: fc.constantFrom('', '.novalocal', '.nubes.example.org'),
    });
    fc.assert(
      fc.property(named, ({ address, prefix, domain }) => {
        // Neutron writes no address of IPv4 within one of IPv6.
        fc.pre(!address.includes(':') || !address.includes('.'));
        const name = `${prefix}${address.replaceAll(/[.:]/g, '-')}${domain}`;

        expect(addressesIn(name)).toContain(canonicalAddress(address));
      }),
    );
  });

  it('bears whatever a machine calls itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (name) => {
        expect(addressesIn(name).every((address) => canonicalAddress(address) === address)).toBe(true);
      }),
    );
  });
});
