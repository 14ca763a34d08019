import { describe, expect, it } from 'vitest';
import { decideDrain } from '../../src/domain/drain-policy.ts';
import { server } from '../support/builders.ts';

describe('decideDrain', () => {
  it.each([
    ['ACTIVE', 'live'],
    ['PAUSED', 'live'],
    ['SHUTOFF', 'stays'],
    ['SUSPENDED', 'stays'],
    ['SHELVED', 'stays'],
    ['SHELVED_OFFLOADED', 'stays'],
    ['SOFT_DELETED', 'stays'],
    ['DELETED', 'stays'],
    ['BUILD', 'waits'],
    ['REBUILD', 'waits'],
    ['REBOOT', 'waits'],
    ['HARD_REBOOT', 'waits'],
    ['PASSWORD', 'waits'],
    ['RESIZE', 'waits'],
    ['REVERT_RESIZE', 'waits'],
    ['MIGRATING', 'waits'],
    ['VERIFY_RESIZE', 'held'],
    ['RESCUE', 'held'],
    ['ERROR', 'held'],
    ['UNKNOWN', 'held'],
    ['A_STATUS_OF_2031', 'held'],
  ])('%s %s', (status, does) => {
    expect(decideDrain(server('web-1', 'hv1', { status })).does).toBe(does);
  });

  it.each([
    { what: 'a locked server that runs', is: { locked: true }, does: 'held', why: 'is locked' },
    { what: 'a locked server that is stopped', is: { locked: true, status: 'SHUTOFF' }, does: 'stays' },
    {
      what: 'a pinned server that runs',
      is: { pinned: 'PCI device of class gpu' },
      does: 'pinned',
      why: 'cannot be moved (PCI device of class gpu)',
    },
    {
      what: 'a pinned server that is stopped',
      is: { pinned: 'PCI device', status: 'SHUTOFF' },
      does: 'stays',
    },
    {
      what: 'a stopped server that is being started',
      is: { status: 'SHUTOFF', task: 'powering-on' },
      does: 'waits',
      why: 'is busy (powering-on)',
    },
    {
      what: 'a running server that is being snapshot',
      is: { task: 'image_snapshot' },
      does: 'waits',
      why: 'is busy (image_snapshot)',
    },
    {
      what: 'an unconfirmed resize, busy or not',
      is: { status: 'VERIFY_RESIZE', task: 'resize_confirming' },
      does: 'held',
      why: 'has a resize that nobody has confirmed',
    },
  ])('$what $does', ({ is, does, why }) => {
    const decision = decideDrain(server('web-1', 'hv1', is));

    expect(decision).toEqual(why === undefined ? { does } : { does, why });
  });
});
