import { describe, expect, it } from 'vitest';
import { balance, leftoversOf, suspectsOf, whyUnbalanced } from '../../src/domain/books.ts';
import { judgeEmptiness } from '../../src/domain/emptiness.ts';
import type { Migration, Occupancy, Server } from '../../src/domain/fleet.ts';
import { server } from '../support/builders.ts';

const nothing: Occupancy = {
  hypervisor: 'hv1',
  from: '2026-11-24T22:50:00Z',
  to: '2026-11-24T22:50:01Z',
  servers: [],
  allocations: [],
  migrations: [],
};
const row = { consumer: '3f2a-gone', resources: '2 VCPU' };
const move: Migration = {
  id: '42',
  uuid: 'm42',
  serverId: '3f2a-gone',
  kind: 'live-migration',
  status: 'running',
  from: 'hv1',
  to: 'hv2',
  createdAt: '2026-10-01T00:00:00Z',
  updatedAt: '2026-10-01T00:00:00Z',
};

function keysOf(occupancy: Partial<Occupancy>, ...servers: Server[]): string[] {
  const known = new Map(servers.map((each) => [each.id, each]));
  return leftoversOf({ ...nothing, ...occupancy }, known).map(({ key }) => key);
}

describe('leftoversOf', () => {
  it.each<[string, Partial<Occupancy>, Server[], string[]]>([
    ['a row of no server', { allocations: [row] }, [], ['allocation 3f2a-gone']],
    [
      'a row of a server that is elsewhere',
      { allocations: [{ ...row, consumer: 'a' }] },
      [server('a', 'hv2')],
      ['allocation a'],
    ],
    [
      'a row of a server that awaits its confirmation elsewhere',
      { allocations: [{ ...row, consumer: 'a' }] },
      [server('a', 'hv2', { status: 'VERIFY_RESIZE' })],
      [],
    ],
    [
      'the row of an unconfirmed resize',
      {
        allocations: [{ ...row, consumer: 'm42' }],
        migrations: [{ ...move, kind: 'resize', status: 'finished' }],
      },
      [],
      [],
    ],
    [
      'a row of a server whose cell is down',
      { allocations: [{ ...row, consumer: 'a' }] },
      [server('a', '', { status: 'UNKNOWN' })],
      [],
    ],
    [
      'anything while Nova does not see some servers',
      { allocations: [row], servers: [{ id: 'b', name: '', status: 'UNKNOWN', hypervisor: '' }] },
      [],
      [],
    ],
    [
      'a live migration that has stood still for weeks, of a server that is gone',
      { migrations: [move] },
      [],
      ['migration 42 running 2026-10-01T00:00:00Z'],
    ],
    [
      'one that stood still for an hour',
      { migrations: [{ ...move, updatedAt: '2026-11-24T21:50:00Z' }] },
      [],
      [],
    ],
    [
      'one of a server that is being moved',
      { migrations: [{ ...move, serverId: 'a' }] },
      [server('a', 'hv2', { task: 'migrating' })],
      [],
    ],
    [
      'one of a server that is here',
      { migrations: [move], servers: [{ id: '3f2a-gone', name: 'x', status: 'SHUTOFF', hypervisor: 'hv1' }] },
      [],
      [],
    ],
    [
      'an old resize that is not confirmed',
      { migrations: [{ ...move, kind: 'resize', status: 'finished' }] },
      [],
      [],
    ],
  ])('%s', (_, occupancy, servers, keys) => {
    expect(keysOf(occupancy, ...servers)).toEqual(keys);
  });
});

it('asks about whoever is not aboard', () => {
  const servers = [{ id: 'a', name: 'a', status: 'ACTIVE', hypervisor: 'hv1' }];
  const allocations = [{ ...row, consumer: 'a' }, row];

  expect(suspectsOf({ ...nothing, servers, allocations, migrations: [move] })).toEqual(['3f2a-gone']);
});

describe('balance', () => {
  const [a, b] = [
    { key: 'allocation a', why: 'Placement books a' },
    { key: 'allocation b', why: 'Placement books b' },
  ];

  it('takes all for old at the first look', () => {
    expect(balance([a, b], undefined)).toEqual({
      known: ['allocation a', 'allocation b'],
      old: [a, b],
      fresh: [],
    });
  });

  it('calls what came since fresh, every time until it is gone', () => {
    const books = balance([a, b], ['allocation a', 'allocation gone']);

    expect(books).toEqual({ known: ['allocation a'], old: [a], fresh: [b] });
    expect(balance([a, b], books.known).fresh).toEqual([b]);
    expect(whyUnbalanced(books)).toBe(
      '1 row in its books belongs to nothing and came since the first look: Placement books b',
    );
    expect(whyUnbalanced(balance([a], books.known))).toBeUndefined();
  });
});

describe('a proof of emptiness', () => {
  const occupancy = { ...nothing, allocations: [row], migrations: [move] };
  const known = ['allocation 3f2a-gone', 'migration 42 running 2026-10-01T00:00:00Z'];
  const host = { known: true as const, domains: [], processes: 0 };

  it('lets old rows be', () => {
    expect(judgeEmptiness({ occupancy, host, tookMs: 1, known })).toEqual({ empty: true });
    expect(judgeEmptiness({ occupancy, host, tookMs: 1 })).toMatchObject({ empty: false });
  });

  it('does not when the record has changed since', () => {
    const changed = { ...occupancy, migrations: [{ ...move, updatedAt: '2026-11-24T22:49:00Z' }] };

    expect(judgeEmptiness({ occupancy: changed, host, tookMs: 1, known })).toMatchObject({ empty: false });
  });

  it('never lets what the host itself runs be', () => {
    const running = { ...host, domains: ['instance-1'], processes: 1 };

    expect(judgeEmptiness({ occupancy, host: running, tookMs: 1, known })).toMatchObject({ empty: false });
  });
});
