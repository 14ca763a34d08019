import { describe, expect, it } from 'vitest';
import { admit } from '../../src/domain/admission.ts';
import { NO_HOLDS } from '../../src/domain/holds.ts';
import { ADMIT_ALL, type Admission, gatesOf } from '../../src/domain/reboot-gates.ts';
import type { RebootRecord } from '../../src/domain/reboot-record.ts';
import type { SiteWindow } from '../../src/domain/window.ts';
import { hypervisor, needsReboot } from '../support/builders.ts';

const times = {
  open: '22:00',
  startBy: '04:00',
  backBy: '05:00',
  days: ['mon', 'tue', 'wed', 'thu'],
  except: [],
} as const;
const window: SiteWindow = { name: 'nightly', times, zone: 'UTC' };

function tried(at: string): RebootRecord {
  return { at, verdict: 'failed', why: '', kernel: '6.1.0-28', run: 'r', errors: 0, took: [] };
}

/** Of hv1 (an hour) and hv2 (five hours), who may go at `now`, and why not? */
function tonight(now: string, more: Partial<Admission>, records: Record<string, RebootRecord> = {}) {
  const hypervisors = ['hv1', 'hv2', 'hv9'].map((name) => hypervisor(name));
  const fleet = { takenAt: now, hypervisors, servers: [], groups: [] };
  const needs = { hv1: needsReboot(), hv2: needsReboot() };
  const holds = { ...NO_HOLDS, now: new Date(now), records };
  const { all } = gatesOf({ fleet, needs, holds, admission: { ...ADMIT_ALL, ...more } }, ['hv1', 'hv2']);
  const queue = [
    { name: 'hv1', domains: [], needSeconds: 3600 },
    { name: 'hv2', domains: [], needSeconds: 5 * 3600 },
  ];
  return admit(queue, all, 9).held.map(({ name, why }) => `${name}: ${why}`);
}

describe('the window', () => {
  it.each([
    { when: 'leaves time for both', now: '2026-11-24T22:30:00Z', held: [] },
    {
      when: 'is too short for one',
      now: '2026-11-25T02:00:00Z',
      held: ['hv2: it takes ~5 h and would not be back by 05:00 (window nightly)'],
    },
    { when: 'is not open: a plan by day is for the night', now: '2026-11-24T12:00:00Z', held: [] },
    { when: 'takes nothing new: the campaign itself says so', now: '2026-11-25T04:30:00Z', held: [] },
  ])('holds what would not be back when it $when', ({ now, held }) => {
    expect(tonight(now, { window })).toEqual(held);
  });
});

describe('the budget of a window', () => {
  const budgets = [{ per: 'window', atMost: 2 } as const];
  const spent = 'hv2: the budget of 2 a window is spent: 1 tried already, 1 planned before it';

  it.each([
    {
      what: 'what was tried since it opened',
      at: '2026-11-24T22:10:00Z',
      now: '2026-11-24T23:00:00Z',
      held: [spent],
    },
    {
      what: 'nothing of the night before',
      at: '2026-11-24T03:00:00Z',
      now: '2026-11-24T23:00:00Z',
      held: [],
    },
  ])('counts $what', ({ at, now, held }) => {
    expect(tonight(now, { window, budgets }, { hv9: tried(at) })).toEqual(held);
  });

  it.each([
    { what: 'what was tried within a day', at: '2026-11-24T03:00:00Z', held: [spent] },
    { what: 'nothing older', at: '2026-11-23T22:59:59Z', held: [] },
  ])('counts $what where there is no window', ({ at, held }) => {
    expect(tonight('2026-11-24T23:00:00Z', { budgets }, { hv9: tried(at) })).toEqual(held);
  });
});
