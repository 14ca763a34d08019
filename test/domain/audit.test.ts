import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditKind, type AuditQuestion, auditCloud, unaskedOf } from '../../src/domain/audit.ts';
import type { Fleet, Hypervisor, Server } from '../../src/domain/fleet.ts';
import type { RebootRecord } from '../../src/domain/reboot-record.ts';
import { group, hypervisor, needsNone, needsReboot, server, size } from '../support/builders.ts';

const NOW = '2026-11-24T07:00:00.000Z';
const DAY_MS = 86_400_000;

/** What a test does not name is a cloud of two hypervisors without servers, nothing wrong with it. */
type Asked = Partial<Omit<AuditQuestion, 'fleet'>> & { readonly fleet?: Partial<Fleet> };

function ago(ms: number): string {
  return new Date(Date.parse(NOW) - ms).toISOString();
}

function question({ fleet, ...more }: Asked = {}): AuditQuestion {
  const hypervisors = [hypervisor('hv1'), hypervisor('hv2')];
  return {
    needs: {},
    leftovers: [],
    resizes: {},
    reboots: {},
    ...more,
    fleet: { takenAt: NOW, hypervisors, servers: [], groups: [], ...fleet },
  };
}

function record(verdict: RebootRecord['verdict']): RebootRecord {
  return { at: ago(DAY_MS), verdict, why: 'web-1 is stuck', kernel: '', run: 'r~hv1', errors: 0, took: [] };
}

function servers(...some: Server[]): Asked {
  return { fleet: { servers: some } };
}

function hypervisors(...some: Hypervisor[]): Asked {
  return { fleet: { hypervisors: some } };
}

const full = { used: { ramMb: 125 * 1024, vcpus: 30, diskGb: 10 } };

it.each<[kind: AuditKind, what: string, asked: Asked, subject: string, why: RegExp]>([
  [
    'cell down',
    'servers that Nova cannot see',
    servers(server('a', '', { status: 'UNKNOWN' })),
    'a cell',
    /cannot see 1 server/,
  ],
  [
    'error',
    'a server in ERROR on a hypervisor',
    servers(server('a', 'hv1', { status: 'ERROR' })),
    'a a…',
    /on hv1, where it may still run \(project alpha\)/,
  ],
  [
    'error',
    'a server in ERROR that never ran',
    servers(server('a', '', { status: 'ERROR' })),
    'a a…',
    /never found a place/,
  ],
  [
    'orphan',
    'a leftover',
    {
      leftovers: [
        { hypervisor: 'hv1', consumer: 'x', resources: '2 VCPU', why: 'x, which is gone', repair: 'r' },
      ],
    },
    'x on hv1',
    /^Placement books 2 VCPU for x, which is gone$/,
  ],
  [
    'resize',
    'a resize that waits for more than a day',
    { ...servers(server('a', 'hv1', { status: 'VERIFY_RESIZE' })), resizes: { a: ago(DAY_MS) } },
    'a a…',
    /holds room on hv1 and where it came from/,
  ],
  [
    'down',
    'a compute service that is down',
    hypervisors(hypervisor('hv1', { up: false })),
    'hv1',
    /hears nothing/,
  ],
  ['undrained', 'a drain that failed', { reboots: { hv1: record('given back') } }, 'hv1', /^web-1 is stuck$/],
  [
    'untouchable',
    'guests that have no place even in a whole fleet',
    {
      fleet: {
        hypervisors: [hypervisor('hv1', full), hypervisor('hv2', full)],
        servers: [server('a', 'hv1')],
      },
    },
    'hv1',
    /also with every other hypervisor up and enabled: no room/,
  ],
  [
    'untouchable',
    'a hard group as wide as the fleet',
    {
      fleet: {
        servers: [server('a', 'hv1'), server('b', 'hv2', { status: 'SHUTOFF' })],
        groups: [group('db', ['a', 'b'])],
      },
    },
    'hv1',
    /server group db needs 2 hypervisors, 1 would be left/,
  ],
  [
    'kernel',
    'a kernel that cannot be told',
    { needs: { hv1: { need: 'unclear', why: 'no image' } } },
    'hv1',
    /^no image$/,
  ],
  [
    'disabled',
    'a cordon of somebody else',
    hypervisors(hypervisor('hv1', { disabled: 'disk swap' })),
    'hv1',
    /disabled by somebody else: "disk swap"/,
  ],
  [
    'disabled',
    'a cordon of ours',
    hypervisors(hypervisor('hv1', { disabled: 'nightshift r~hv1: reboot' })),
    'hv1',
    /disabled \(by nightshift r~hv1\)/,
  ],
  [
    'pinned',
    'servers that cannot move',
    servers(server('a', 'hv1', { pinned: 'PCI device' }), server('b', 'hv1', { pinned: 'PCI device' })),
    'hv1',
    /^2 servers can leave only by ending: a a… \(PCI device\) and b/,
  ],
])('tells as %s: %s', (kind, _, asked, subject, why) => {
  const found = auditCloud(question(asked));

  expect(found.map((finding) => [finding.kind, finding.subject])).toEqual([[kind, subject]]);
  expect(found[0]?.why).toMatch(why);
});

describe('is silent about', () => {
  it.each<[string, Asked]>([
    ['a cloud at its best', servers(server('a', 'hv1'), server('b', 'hv2', { status: 'SHUTOFF' }))],
    [
      'a fresh resize',
      { ...servers(server('a', 'hv1', { status: 'VERIFY_RESIZE' })), resizes: { a: ago(DAY_MS - 1) } },
    ],
    ['a hypervisor that was done', { reboots: { hv1: record('done') } }],
    [
      'a failed drain of one that needs no reboot any more',
      { reboots: { hv1: record('given back') }, needs: { hv1: needsNone() } },
    ],
    ['a failed drain of one that is gone', { reboots: { hv9: record('given back') } }],
    [
      'room that is there once the others are back',
      {
        fleet: {
          hypervisors: [hypervisor('hv1', full), hypervisor('hv2', full), hypervisor('hv3')],
          servers: [server('a', 'hv1', { size: size(8) })],
        },
      },
    ],
    ['kernels that are clear', { needs: { hv1: needsReboot(), hv2: needsNone() } }],
  ])('%s', (_, asked) => {
    expect(auditCloud(question(asked))).toEqual([]);
  });
});

it('says nothing of servers while it cannot see some, and which kinds that leaves out', () => {
  const asked = question({
    ...servers(server('a', 'hv1', { status: 'ERROR' }), server('b', '', { status: 'UNKNOWN' })),
    whyNoNeeds: 'askHosts=false',
  });

  expect(auditCloud(asked).map(({ kind }) => kind)).toEqual(['cell down']);
  expect(unaskedOf(asked)).toEqual({
    error: 'a cell is down',
    orphan: 'a cell is down',
    resize: 'a cell is down',
    untouchable: 'a cell is down',
    pinned: 'a cell is down',
    kernel: 'askHosts=false',
  });
});

it('offers a command for whatever a command ends', () => {
  const found = auditCloud(
    question({
      fleet: {
        hypervisors: [hypervisor('hv1', { disabled: 'disk' })],
        servers: [server('a', 'hv1', { status: 'VERIFY_RESIZE' }), server('b', 'hv1', { status: 'ERROR' })],
      },
      resizes: { a: ago(2 * DAY_MS) },
    }),
  );

  expect(found.map(({ kind, look, repair }) => [kind, look, repair])).toEqual([
    ['error', 'openstack server show b -c fault -c OS-EXT-STS:power_state', undefined],
    ['resize', undefined, 'openstack server resize confirm a'],
    ['disabled', undefined, expect.stringContaining('openstack compute service set --enable')],
  ]);
});

const STATUSES = ['ACTIVE', 'SHUTOFF', 'ERROR', 'VERIFY_RESIZE', 'PAUSED'];
const someServer = fc.record({
  on: fc.constantFrom('hv1', 'hv2', 'hv3'),
  status: fc.constantFrom(...STATUSES),
  pinned: fc.boolean(),
});
const someHypervisor = fc.record({ up: fc.boolean(), disabled: fc.boolean(), unclear: fc.boolean() });

it('names each fault once, worst first, whatever the cloud looks like', () => {
  const cloud = fc.tuple(
    fc.array(someServer, { maxLength: 20 }),
    fc.array(someHypervisor, { minLength: 3, maxLength: 3 }),
  );
  fc.assert(
    fc.property(cloud, ([some, hosts]) => {
      const names = ['hv1', 'hv2', 'hv3'];
      const aboard = some.map(({ on, status, pinned }, n) =>
        server(`s${n}`, on, { status, ...(pinned && { pinned: 'PCI' }) }),
      );
      const fleet: Fleet = {
        takenAt: NOW,
        hypervisors: hosts.map(({ up, disabled }, n) =>
          hypervisor(names[n]!, { up, ...(disabled && { disabled: 'x' }) }),
        ),
        servers: aboard,
        groups: [],
      };
      const needs = Object.fromEntries(
        hosts.map(({ unclear }, n) => [
          names[n]!,
          unclear ? ({ need: 'unclear', why: '?' } as const) : needsNone(),
        ]),
      );
      const resizes = Object.fromEntries(aboard.map(({ id }) => [id, ago(3 * DAY_MS)]));

      const found = auditCloud(question({ fleet, needs, resizes }));

      const count = (kind: AuditKind) => found.filter((finding) => finding.kind === kind).length;
      const having = (status: string) => aboard.filter((each) => each.status === status).length;
      expect(count('error')).toBe(having('ERROR'));
      expect(count('resize')).toBe(having('VERIFY_RESIZE'));
      expect(count('down')).toBe(hosts.filter(({ up }) => !up).length);
      expect(count('disabled')).toBe(hosts.filter(({ disabled }) => disabled).length);
      expect(count('kernel')).toBe(hosts.filter(({ unclear }) => unclear).length);
      const running = aboard.filter(({ status, pinned }) => pinned && /ACTIVE|PAUSED/.test(status));
      expect(count('pinned')).toBe(new Set(running.map((each) => each.hypervisor)).size);
      const ids = found.map(({ kind, id }) => `${kind} ${id}`);
      expect(new Set(ids).size).toBe(ids.length);
      const order = ['error', 'resize', 'down', 'untouchable', 'kernel', 'disabled', 'pinned'];
      const ranks = found.map(({ kind }) => order.indexOf(kind));
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    }),
  );
});
