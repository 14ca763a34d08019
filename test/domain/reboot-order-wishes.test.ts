/** What owners wish for their servers, and what was measured, in the plan of a night. */
import { describe, expect, it } from 'vitest';
import type { Server } from '../../src/domain/fleet.ts';
import { NO_HOLDS } from '../../src/domain/holds.ts';
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

describe('a server with a device that is to be migrated cold', () => {
  const gpu = server('a', 'hv1', { ...wish('cold'), pinned: 'PCI device of class gpu' });
  const own = {
    hypervisor: 'hv1',
    provider: 'p1',
    resourceClass: 'VGPU',
    capacity: 1,
    bookedBy: { a: 1 },
    traits: [],
  };
  const other = { ...own, hypervisor: 'spare', provider: 'p2', bookedBy: {} };

  it('is waited for where no device is free, and says so', () => {
    const devices = [own, { ...other, bookedBy: { someone: 1 } }];

    expect(plan([gpu], { devices })).toMatchObject({
      order: [],
      waits: [
        {
          name: 'hv1',
          why: '1 server cannot move: a a… (PCI device of class gpu; no device of class VGPU is free elsewhere (0 of 1))',
        },
      ],
    });
  });

  it('goes where one is free, and where nobody counts', () => {
    expect(plan([gpu], { devices: [own, other] }).order).toMatchObject([{ name: 'hv1', guests: 1 }]);
    expect(plan([gpu]).order).toMatchObject([{ name: 'hv1', guests: 1 }]);
  });
});

describe('an owner who does not agree to a stop', () => {
  const why = 'kim noted that its owner does not agree to a stop: a long job';
  const gpu = { pinned: 'PCI device of class gpu' };
  const holds = { ...NO_HOLDS, now: new Date('2026-11-26T22:00:00Z') };
  const refused = (at: string) => ({ noticeHours: 0, notices: {}, refusals: { a: { why, at } } });

  it('holds the hypervisor for a month, or until another word of theirs', () => {
    const notice = refused('2026-11-24T22:00:00Z');
    const policy = { projects: {}, classes: [], allow: { cold: true, stop: false }, owners: { ask: true } };

    expect(plan([server('a', 'hv1', gpu)], { holds, notice, policy }).held).toEqual([
      {
        name: 'hv1',
        why: `1 server may not be stopped: a a… (${why}; asked again after Thu 24 Dec 2026 22:00 UTC)`,
      },
    ]);
    const agrees = server('a', 'hv1', { ...gpu, ...wish('stop') });
    expect(plan([agrees], { holds, notice, policy }).waits).toMatchObject([{ name: 'hv1' }]);
    const old = refused('2026-10-27T21:59:59Z');
    expect(plan([server('a', 'hv1', gpu)], { holds, notice: old, policy }).waits).toMatchObject([
      { name: 'hv1' },
    ]);
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
