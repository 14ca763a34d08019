import { expect, it } from 'vitest';
import { describeCordon } from '../../src/domain/cordon.ts';
import { isReserved, reservedReason, withoutReservations } from '../../src/domain/reserved.ts';
import { hypervisor } from '../support/builders.ts';

const KEPT = { run: 'defragment-hypervisors~20261124T220000Z', until: '2026-11-25T05:00:00.000Z' };
const REASON =
  'nightshift defragment-hypervisors~20261124T220000Z: reserved for reboot-hypervisors until 05:00 UTC';

it('says for whom and until when, and is told as ours', () => {
  expect(reservedReason(KEPT)).toBe(REASON);
  expect(describeCordon(REASON)).toBe('disabled (by nightshift defragment-hypervisors~20261124T220000Z)');
});

it.each<{ what: string; disabled?: string; known?: boolean; is: boolean }>([
  { what: 'disabled under its reason to the byte', disabled: REASON, is: true },
  { what: 'disabled under another', disabled: `${REASON}.`, is: false },
  { what: 'enabled', is: false },
  { what: 'disabled under a reason of which no row tells', disabled: REASON, known: false, is: false },
])('holds for one that is $what: $is', ({ disabled, known = true, is }) => {
  const one = hypervisor('hv1', disabled === undefined ? {} : { disabled });

  expect(isReserved(known ? { hv1: KEPT } : {}, one)).toBe(is);
});

it('shows the fleet as if nothing were reserved, and leaves all else disabled', () => {
  const hypervisors = [hypervisor('hv1', { disabled: REASON }), hypervisor('hv2', { disabled: 'disk swap' })];
  const fleet = { takenAt: '2026-11-24T22:00:00Z', hypervisors, servers: [], groups: [] };

  expect(
    withoutReservations(fleet, { hv1: KEPT, hv2: KEPT }).hypervisors.map(({ disabled }) => disabled),
  ).toEqual([undefined, 'disk swap']);
});
