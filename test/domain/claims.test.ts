import { describe, expect, it } from 'vitest';
import { type Claim, idleClaims, whyClaimed } from '../../src/domain/claims.ts';

const WHEN = { now: new Date('2026-11-24T22:41:00Z'), zone: 'Europe/London' };

function claim(until: string): Claim {
  return { by: 'kim', reason: 'disk swap', since: '2026-11-20T09:00:00Z', until };
}

describe('whyClaimed', () => {
  it.each([
    { what: 'its hostname', key: 'hv11.example.org' },
    { what: 'the short name that people say', key: 'hv11' },
  ])('says who claims a hypervisor under $what, until when and why', ({ key }) => {
    const claims = { [key]: claim('2026-11-27T17:00:00Z') };

    expect(whyClaimed(claims, 'hv11.example.org', WHEN)).toBe(
      'claimed by kim until Fri 27 Nov 2026 17:00 GMT: disk swap',
    );
  });

  it.each([
    { what: 'is of another hypervisor', claims: { hv12: claim('2026-11-27T17:00:00Z') } },
    { what: 'is over', claims: { hv11: claim('2026-11-24T22:40:59Z') } },
    { what: 'ends at this moment', claims: { hv11: claim('2026-11-24T22:41:00Z') } },
    { what: 'is none', claims: {} },
  ])('holds nothing when the claim $what', ({ claims }) => {
    expect(whyClaimed(claims, 'hv11', WHEN)).toBeUndefined();
  });
});

it('idleClaims names claims on what is no hypervisor, and not those that are over', () => {
  const until = '2026-11-27T17:00:00Z';
  const claims = {
    hv1: claim(until),
    hv2: claim(until),
    hv9: claim(until),
    hv8: claim('2026-11-01T00:00:00Z'),
  };

  expect(idleClaims(claims, ['hv1.example.org', 'hv2'], WHEN.now)).toEqual(['hv9']);
});
