import { expect, it } from 'vitest';
import type { Hypervisor } from '../../src/domain/fleet.ts';
import { NO_HOLDS } from '../../src/domain/holds.ts';
import { ADMIT_ALL } from '../../src/domain/reboot-gates.ts';
import { type WorthQuestion, worthEmptying } from '../../src/domain/worth-emptying.ts';
import { hypervisor, needsNone, needsReboot } from '../support/builders.ts';

function worth(hypervisors: readonly Hypervisor[], more: Partial<WorthQuestion> = {}): string[] {
  const fleet = { takenAt: '2026-11-24T22:00:00Z', hypervisors, servers: [], groups: [] };
  const needs = Object.fromEntries(hypervisors.map(({ name }) => [name, needsReboot()]));
  return worthEmptying({ fleet, needs, holds: NO_HOLDS, admission: ADMIT_ALL, ...more });
}

const TWO = [hypervisor('hv1'), hypervisor('hv2')];

it.each<{ what: string; hypervisors?: Hypervisor[]; more?: Partial<WorthQuestion>; names: string[] }>([
  { what: 'needs a reboot', names: ['hv1', 'hv2'] },
  {
    what: 'needs one, and not what needs none or cannot say',
    more: { needs: { hv1: needsNone(), hv2: { need: 'unclear', why: 'no answer' } } },
    names: [],
  },
  {
    what: 'nobody has disabled',
    hypervisors: [hypervisor('hv1', { disabled: 'disk swap' }), hypervisor('hv2')],
    names: ['hv2'],
  },
  { what: 'is up', hypervisors: [hypervisor('hv1', { up: false }), hypervisor('hv2')], names: ['hv2'] },
  {
    what: 'nobody has claimed',
    more: {
      holds: {
        ...NO_HOLDS,
        claims: { hv1: { by: 'kim', reason: 'disk swap', since: '1970-01-01', until: '2099-01-01' } },
      },
    },
    names: ['hv2'],
  },
  {
    what: 'its ring lets go, each by itself',
    more: { admission: { ...ADMIT_ALL, rings: [{ hypervisors: 1 }, 'all'] } },
    names: ['hv1', 'hv2'],
  },
  {
    what: 'is in the ring that is open',
    hypervisors: [hypervisor('hv1', { aggregates: ['canary'] }), hypervisor('hv2')],
    more: { admission: { ...ADMIT_ALL, rings: [{ aggregate: 'canary' }, 'all'] } },
    names: ['hv1'],
  },
  {
    what: 'has a budget left',
    more: { admission: { ...ADMIT_ALL, budgets: [{ per: 'window', atMost: 0 }] } },
    names: [],
  },
])('is what $what', ({ hypervisors = TWO, more = {}, names }) => {
  expect(worth(hypervisors, more)).toEqual(names);
});
