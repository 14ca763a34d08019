/** What owners wish for their servers, and what was measured, in the plan of a night. */
import { describe, expect, it } from 'vitest';
import type { Server } from '../../src/domain/fleet.ts';
import { planReboots, type RebootQuestion } from '../../src/domain/reboot-order.ts';
import { hypervisor, needsReboot, server, size } from '../support/builders.ts';

const wish = (value: string) => ({ metadata: { 'nightshift:drain': value } });

function plan(servers: Server[], more: Partial<RebootQuestion> = {}, room = 128) {
  const spare = hypervisor('spare', { capacity: { ...hypervisor('x').capacity, ramMb: room * 1024 } });
  return planReboots({
    fleet: {
      takenAt: '2026-11-24T22:00:00Z',
      hypervisors: [hypervisor('hv1'), spare],
      servers,
      groups: [],
    },
    needs: { hv1: needsReboot() },
    armed: true,
    limit: 5,
    mbPerSecond: 100,
    waiting: {},
    maxWaiting: 1,
    policy: { projects: { beta: 'never' }, classes: [], allow: { cold: true, stop: true } },
    ...more,
  });
}

describe('a hypervisor with guests that wish something', () => {
  it.each([
    [
      'never',
      server('a', 'hv1', wish('never')),
      'a a… has an owner who does not want it touched (nightshift:drain = never)',
    ],
    [
      'ask',
      server('a', 'hv1', wish('ask')),
      'a a… has an owner who wants to be asked first (nightshift:drain = ask)',
    ],
    [
      'never, as its project',
      server('a', 'hv1', { projectId: 'beta' }),
      'a a… has an owner who does not want it touched (project beta: never)',
    ],
  ])('is held for %s', (_, guest, why) => {
    expect(plan([guest]).held).toEqual([{ name: 'hv1', why: `1 server cannot leave now: ${why}` }]);
  });

  it('needs room for those that move, cold or live, and none for those that stop', () => {
    const large = { size: size(64) };
    const stays = server('stop', 'hv1', { ...wish('stop'), ...large });
    const moves = server('cold', 'hv1', { ...wish('cold'), ...large });

    expect(plan([stays], {}, 8).order).toMatchObject([{ name: 'hv1', guests: 1, ramMb: 0 }]);
    expect(plan([moves], {}, 8).held[0]?.why).toMatch(/^no room: /);
    expect(plan([moves], {}).order).toMatchObject([{ name: 'hv1', guests: 1, ramMb: 65_536 }]);
  });

  it('does not wait for a server with a device that may be stopped', () => {
    const gpu = { pinned: 'PCI device of class gpu' };

    expect(plan([server('a', 'hv1', { ...wish('stop'), ...gpu })])).toMatchObject({
      waits: [],
      order: [{ name: 'hv1' }],
    });
    expect(plan([server('a', 'hv1', gpu)])).toMatchObject({ waits: [{ name: 'hv1' }], order: [] });
  });
});

it('reckons with what was measured on a hypervisor', () => {
  const guests = [server('a', 'hv1', { size: { ramMb: 10_000, diskGb: 0, vcpus: 1 } })];
  const drainSeconds = (measured: RebootQuestion['measured']) =>
    plan(guests, measured && { measured }).order[0]?.drainSeconds;

  expect(drainSeconds(undefined)).toBe(105);
  expect(drainSeconds({ hv1: [50, 50, 50, 50, 50] })).toBe(205);
  expect(drainSeconds({ hv1: [50] })).toBe(105);
  expect(drainSeconds({ other: [50, 50, 50, 50, 50] })).toBe(105);
});
