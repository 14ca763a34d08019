import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeEmptiness } from '../../src/domain/emptiness.ts';
import type { Migration, Occupancy } from '../../src/domain/fleet.ts';
import type { HostGuests } from '../../src/domain/host-guests.ts';

const nothingRuns: HostGuests = { known: true, domains: [], processes: 0 };
const nothingThere: Occupancy = {
  hypervisor: 'hv03',
  from: '2026-11-24T22:50:00Z',
  to: '2026-11-24T22:50:01Z',
  servers: [],
  allocations: [],
  migrations: [],
};
const resize: Migration = {
  id: '42',
  uuid: 'm42-uuid',
  serverId: '3f2a-server',
  kind: 'resize',
  status: 'finished',
  from: 'hv03',
  to: 'hv04',
  createdAt: '2026-11-24T20:00:00Z',
  updatedAt: '2026-11-24T20:01:00Z',
};

function row(id: string, status: string, task?: string): Occupancy['servers'][number] {
  return { id, name: id, status, hypervisor: 'hv03', ...(task === undefined ? {} : { task }) };
}

describe('judgeEmptiness', () => {
  it('calls a hypervisor empty on which all four find nothing', () => {
    expect(judgeEmptiness({ occupancy: nothingThere, host: nothingRuns, tookMs: 900 })).toEqual({
      empty: true,
    });
  });

  it('lets stopped guests and their allocations stay', () => {
    const servers = ['SHUTOFF', 'SUSPENDED', 'SHELVED'].map((status) => row(status.toLowerCase(), status));
    const allocations = servers.map(({ id }) => ({ consumer: id, resources: '2 VCPU' }));
    const occupancy = { ...nothingThere, servers, allocations };

    expect(judgeEmptiness({ occupancy, host: nothingRuns, tookMs: 900 })).toEqual({ empty: true });
  });

  it.each<{
    what: string;
    occupancy?: Partial<Occupancy>;
    host?: HostGuests;
    tookMs?: number;
    why: string[];
  }>([
    {
      what: 'a domain runs although Nova lists nothing: its cell is down',
      host: { known: true, domains: ['instance-0001'], processes: 1 },
      why: ['1 domain active on the host: instance-0001'],
    },
    {
      what: 'a process runs that libvirt does not know',
      host: { known: true, domains: [], processes: 2 },
      why: ['2 virtual machine processes on the host, unknown to libvirt'],
    },
    {
      what: 'the host cannot say',
      host: { known: false, why: 'its guests cannot be listed: connection refused' },
      why: ['its guests cannot be listed: connection refused'],
    },
    {
      what: 'Nova has a running server on it',
      occupancy: {
        servers: [row('3f2a', 'ACTIVE')],
        allocations: [{ consumer: '3f2a', resources: '2 VCPU' }],
      },
      why: ['3f2a 3f2a… is ACTIVE'],
    },
    {
      what: 'a stopped server is being started',
      occupancy: { servers: [row('3f2a', 'SHUTOFF', 'powering-on')] },
      why: ['3f2a 3f2a… is SHUTOFF (powering-on)'],
    },
    {
      what: 'Nova cannot see some servers',
      occupancy: { servers: [row('a', 'UNKNOWN'), row('b', 'UNKNOWN')] },
      why: ['Nova cannot see 2 servers: a cell is down'],
    },
    {
      what: 'Placement holds something for a server that Nova does not list',
      occupancy: { allocations: [{ consumer: '3f2a-server', resources: '2 VCPU, 8192 MEMORY_MB' }] },
      why: [
        'Placement holds 2 VCPU, 8192 MEMORY_MB for 3f2a-server, which is no server here: one that Nova does not list, or a leftover (if `openstack server show 3f2a-server` finds none: `openstack resource provider allocation delete 3f2a-server`)',
      ],
    },
    {
      what: 'a resize off it is not confirmed',
      occupancy: { migrations: [resize], allocations: [{ consumer: 'm42-uuid', resources: '2 VCPU' }] },
      why: ['resize 42 of 3f2a… from hv03 to hv04 is not over (finished)'],
    },
    {
      what: 'the picture was taken over too long a time',
      tookMs: 60_000,
      why: ['looking took 60 s, too long for one picture (30 s)'],
    },
  ])('refuses when $what', ({ occupancy, host = nothingRuns, tookMs = 900, why }) => {
    const verdict = judgeEmptiness({ occupancy: { ...nothingThere, ...occupancy }, host, tookMs });

    expect(verdict).toEqual({ empty: false, reasons: why });
  });

  it('is empty exactly when nothing speaks against it, whatever else is aboard', () => {
    fc.assert(
      fc.property(pictures, ({ occupancy, host, tookMs }) => {
        const stopped = new Set(
          occupancy.servers.filter((s) => s.status === 'SHUTOFF' && !s.task).map((s) => s.id),
        );
        const nothing =
          host.known &&
          host.domains.length + host.processes === 0 &&
          occupancy.servers.every(({ id }) => stopped.has(id)) &&
          occupancy.allocations.every(({ consumer }) => stopped.has(consumer)) &&
          occupancy.migrations.length === 0 &&
          tookMs <= 30_000;

        expect(judgeEmptiness({ occupancy, host, tookMs }).empty).toBe(nothing);
      }),
      { numRuns: 500 },
    );
  });
});

const ids = fc.constantFrom('a', 'b', 'c', 'm42-uuid');
const pictures = fc.record({
  host: fc.oneof(
    { weight: 6, arbitrary: fc.constant(nothingRuns) },
    fc.record({
      known: fc.constant(true as const),
      domains: fc.array(ids, { maxLength: 1 }),
      processes: fc.nat(1),
    }),
    fc.constant({ known: false as const, why: 'away' }),
  ),
  occupancy: fc
    .record({
      rows: fc.uniqueArray(
        fc.record({
          id: fc.constantFrom('a', 'b', 'c'),
          status: fc.constantFrom('SHUTOFF', 'SHUTOFF', 'SHUTOFF', 'ACTIVE', 'UNKNOWN'),
          task: fc.constantFrom(undefined, undefined, undefined, 'powering-on'),
        }),
        { selector: ({ id }) => id, maxLength: 3 },
      ),
      consumers: fc.uniqueArray(ids, { maxLength: 2 }),
      migrations: fc.constantFrom([], [], [], [resize]),
    })
    .map(({ rows, consumers, migrations }) => ({
      ...nothingThere,
      servers: rows.map(({ id, status, task }) => row(id, status, task)),
      allocations: consumers.map((consumer) => ({ consumer, resources: '1 VCPU' })),
      migrations,
    })),
  tookMs: fc.constantFrom(0, 30_000, 30_000, 30_001),
});
