import { describe, expect, it } from 'vitest';
import { type Breaker, openBreakers, whyBroken } from '../../src/domain/breakers.ts';
import type { RebootRecord } from '../../src/domain/reboot-record.ts';

const NOW = new Date('2026-11-24T22:41:00Z');
const RULE = { failures: 3, days: 7, perKernel: false };

function failed(at: string, kernel = '6.1.0-28'): RebootRecord {
  return { at, verdict: 'failed', why: 'it does not come back', kernel, run: 'r', errors: 0, took: [] };
}

function closed(since: string): Breaker {
  return { state: 'closed', since, why: 'mended', by: 'kim' };
}

const three = {
  hv10: failed('2026-11-20T23:00:00Z'),
  hv2: failed('2026-11-22T23:00:00Z'),
  hv1: failed('2026-11-23T23:00:00Z'),
};

describe('the breaker of all reboots', () => {
  it('opens when as many hypervisors as the rule says were left disabled within its days', () => {
    const open = openBreakers({}, three, { rule: RULE, now: NOW });

    expect(open).toEqual({
      'reboot-hypervisors': {
        state: 'open',
        since: '2026-11-23T23:00:00Z',
        why: '3 hypervisors left disabled within 7 days: hv1, hv2 and hv10',
      },
    });
  });

  it.each([
    { what: 'they are fewer', records: { hv1: three.hv1, hv2: three.hv2 }, table: {} },
    { what: 'one is too long ago', records: { ...three, hv10: failed('2026-11-17T22:41:00Z') }, table: {} },
    {
      what: 'one was mended and rebooted since',
      records: { ...three, hv10: { ...three.hv10, verdict: 'done' as const } },
      table: {},
    },
    {
      what: 'one drain only was given back',
      records: { ...three, hv10: { ...three.hv10, verdict: 'given back' as const } },
      table: {},
    },
    {
      what: 'a person has closed it since the first',
      records: three,
      table: { 'reboot-hypervisors': closed('2026-11-20T23:00:00Z') },
    },
  ])('stays closed when $what', ({ records, table }) => {
    expect(openBreakers(table, records, { rule: RULE, now: NOW })).toEqual({});
  });

  it('stays open, with its own words, until a person closes it', () => {
    const row: Breaker = { state: 'open', since: '2026-10-01T22:00:00Z', why: 'hv1 was left disabled' };

    expect(openBreakers({ 'reboot-hypervisors': row }, {}, { rule: RULE, now: NOW })).toEqual({
      'reboot-hypervisors': row,
    });
  });
});

describe('the breaker of a kernel', () => {
  const rule = { ...RULE, perKernel: true };
  const records = { hv1: failed('2026-11-01T23:00:00Z'), hv2: failed('2026-11-23T23:00:00Z', '6.1.0-29') };

  it('opens for each kernel with which a hypervisor failed, however long ago', () => {
    expect(Object.keys(openBreakers({}, records, { rule, now: NOW }))).toEqual([
      'kernel 6.1.0-28',
      'kernel 6.1.0-29',
    ]);
    expect(openBreakers({}, records, { rule, now: NOW })['kernel 6.1.0-28']?.why).toBe(
      'hv1 failed with it: it does not come back',
    );
  });

  it('opens again only for what fails after a person closed it', () => {
    const table = { 'kernel 6.1.0-28': closed('2026-11-02T09:00:00Z') };
    const again = { ...records, hv3: failed('2026-11-03T23:00:00Z') };

    expect(Object.keys(openBreakers(table, records, { rule, now: NOW }))).toEqual(['kernel 6.1.0-29']);
    expect(Object.keys(openBreakers(table, again, { rule, now: NOW }))).toContain('kernel 6.1.0-28');
  });
});

it('whyBroken says since when, why, and how it is reset', () => {
  const breakers = {
    'kernel 6.1': { state: 'open', since: '2026-11-23T23:00:00Z', why: 'hv1 failed' } as const,
  };

  expect(whyBroken(breakers, 'kernel 6.1', 'UTC')).toBe(
    `the breaker "kernel 6.1" is open since Mon 23 Nov 2026 23:00 UTC (hv1 failed); when all is well: nightshift reset-breaker 'kernel 6.1' --reason '…'`,
  );
  expect(whyBroken(breakers, 'reboot-hypervisors', 'UTC')).toBeUndefined();
});
