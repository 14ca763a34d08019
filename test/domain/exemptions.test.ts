import { describe, expect, it } from 'vitest';
import { type Exemption, endingSoon, grantsBy } from '../../src/domain/exemptions.ts';
import { server } from '../support/builders.ts';

const NOW = new Date('2026-11-27T09:00:00Z');
const AT = { now: NOW, zone: 'Europe/Oslo' };
const web = server('web', 'hv1', { projectId: 'alpha', image: 'debian' });

const exemption = (more: Partial<Exemption>): Exemption => ({
  reason: 'vendor fix is due',
  approvedBy: 'kim',
  until: '2026-12-31',
  ...more,
});
const granted = (given: readonly Exemption[], id = 'CVE-2026-1', of = web) => grantsBy(given, AT)(of)(id);

describe('grantsBy', () => {
  it.each([
    { by: 'server', given: { server: 'web' } },
    { by: 'project', given: { project: 'alpha' } },
    { by: 'image', given: { image: 'debian' } },
    { by: 'CVE', given: { cve: 'CVE-2026-1' } },
    { by: 'all of these', given: { server: 'web', project: 'alpha', image: 'debian', cve: 'CVE-2026-1' } },
  ])('finds what is exempt by $by', ({ given }) => {
    expect(granted([exemption(given)])).toMatchObject({ stands: true, exemption: given });
  });

  it.each([
    { what: 'another server', given: { server: 'db' } },
    { what: 'another project', given: { project: 'beta' } },
    { what: 'another image', given: { image: 'rocky' } },
    { what: 'another CVE', given: { cve: 'CVE-2026-2' } },
    { what: 'this CVE on another server', given: { server: 'db', cve: 'CVE-2026-1' } },
    { what: 'another CVE on this server', given: { server: 'web', cve: 'CVE-2026-2' } },
    { what: 'this server in another project', given: { server: 'web', project: 'beta' } },
  ])('does not take $what for it', ({ given }) => {
    expect(granted([exemption(given)])).toBeUndefined();
  });

  it('knows no image of a server that boots from a volume', () => {
    expect(granted([exemption({ image: 'debian' })], 'CVE-2026-1', server('db', 'hv1'))).toBeUndefined();
  });

  it.each([
    { until: '2026-11-27', ends: '2026-11-27T22:59:00Z', stands: true },
    { until: '2026-11-26', ends: '2026-11-26T22:59:00Z', stands: false },
    { until: '2026-11-27T10:01', ends: '2026-11-27T09:01:00Z', stands: true },
    { until: '2026-11-27T10:00', ends: '2026-11-27T09:00:00Z', stands: false },
    { until: '2026-11-27T10:00Z', ends: '2026-11-27T10:00:00Z', stands: true },
    { until: '2026-11-27T09:30:59.123Z', ends: '2026-11-27T09:30:00Z', stands: true },
  ])('ends one until $until by the clocks of its zone', ({ until, ends, stands }) => {
    expect(granted([exemption({ server: 'web', until })])).toMatchObject({ endsAt: new Date(ends), stands });
  });

  it('takes the one of several that ends last', () => {
    const given = [
      exemption({ server: 'web', until: '2026-12-01' }),
      exemption({ cve: 'CVE-2026-1', until: '2027-01-31' }),
      exemption({ project: 'alpha', until: '2026-12-31' }),
    ];

    expect(granted(given)?.exemption).toBe(given[1]);
    expect(granted(given, 'CVE-2026-2')?.exemption).toBe(given[2]);
  });
});

describe('endingSoon', () => {
  it('warns of those that end within seven days, the next first', () => {
    const until = ['2026-12-04T10:01', '2026-12-04T10:00', '2026-11-28', '2026-11-26'];
    const given = until.map((each, i) => exemption({ server: `s${i}`, until: each }));

    expect(endingSoon(given, AT).map(({ exemption: { server: id } }) => id)).toEqual(['s2', 's1']);
  });
});
