import { describe, expect, it } from 'vitest';
import type { Fleet, Migration, Occupancy, Server } from '../../src/domain/fleet.ts';
import { judgeSuspect, suspectsIn } from '../../src/domain/leftovers.ts';
import { hypervisor, server } from '../support/builders.ts';

const fleet: Fleet = {
  takenAt: '2026-11-24T07:00:00.000Z',
  hypervisors: [hypervisor('hv1'), hypervisor('hv2')],
  servers: [server('a', 'hv1'), server('b', 'hv2')],
  groups: [],
};
const booked = (consumer: string, hypervisor = 'hv1') => ({ hypervisor, consumer, resources: '2 VCPU' });

function occupancy(more: Partial<Occupancy> = {}): Occupancy {
  return {
    hypervisor: 'hv1',
    from: fleet.takenAt,
    to: fleet.takenAt,
    servers: [],
    allocations: [{ consumer: 'x', resources: '2 VCPU' }],
    migrations: [],
    ...more,
  };
}

function migration(more: Partial<Migration>): Migration {
  const at = fleet.takenAt;
  return {
    id: '1',
    uuid: 'm1',
    serverId: 's1',
    kind: 'resize',
    status: 'finished',
    from: 'hv1',
    to: 'hv2',
    createdAt: at,
    updatedAt: at,
    ...more,
  };
}

it('suspects every row of a hypervisor whose consumer is no server on it', () => {
  const rows = [booked('a'), booked('b', 'hv2'), booked('b'), booked('gone'), booked('a', 'shared-pool')];

  expect(suspectsIn(fleet, rows)).toEqual([booked('b'), booked('gone')]);
});

describe('a suspect', () => {
  it.each<[what: string, server: Server | undefined, occupancy: Occupancy]>([
    ['is booked no more', undefined, occupancy({ allocations: [] })],
    ['is a server that has come', undefined, occupancy({ servers: [server('x', 'hv1')] })],
    ['is an open migration', undefined, occupancy({ migrations: [migration({ uuid: 'x' })] })],
    ['is a server on its way', server('x', 'hv2'), occupancy({ migrations: [migration({ serverId: 'x' })] })],
    ['is a soft-deleted server', server('x', 'hv1', { status: 'SOFT_DELETED' }), occupancy()],
    ['is a server that is being built', server('x', '', { status: 'BUILD', task: 'spawning' }), occupancy()],
    ['is a server that waits to be placed', server('x', '', { status: 'BUILD' }), occupancy()],
    ['is a server that cannot be seen', server('x', '', { status: 'UNKNOWN' }), occupancy()],
    ['is a server with a task', server('x', 'hv2', { task: 'migrating' }), occupancy()],
  ])('is no leftover when it %s', (_, found, seen) => {
    expect(judgeSuspect(booked('x'), found, seen)).toBeUndefined();
  });

  it('that is neither a server nor an open migration is a leftover, and goes as a whole', () => {
    const over = occupancy({ migrations: [migration({ uuid: 'x', status: 'completed' })] });

    expect(judgeSuspect(booked('x'), undefined, over)).toEqual({
      ...booked('x'),
      why: 'x, which is neither a server nor an open migration',
      repair: 'openstack resource provider allocation delete x',
    });
  });

  it.each<[what: string, server: Server, why: string]>([
    ['runs elsewhere', server('x', 'hv2'), 'x x…, which is on hv2 and is not being moved'],
    [
      'is shelved',
      server('x', '', { status: 'SHELVED_OFFLOADED' }),
      'x x…, which is on no hypervisor and is not being moved',
    ],
  ])('that is a server which %s loses this row alone', (_, found, why) => {
    const leftover = judgeSuspect(booked('x'), found, occupancy());

    expect(leftover?.why).toBe(why);
    expect(leftover?.repair).toBe(
      'openstack resource provider allocation unset --provider "$(openstack resource provider list --name hv1 -f value -c uuid)" x',
    );
  });
});
