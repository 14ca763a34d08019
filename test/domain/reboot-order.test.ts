import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rebootReason } from '../../src/domain/cordon.ts';
import type { Fleet, Hypervisor, Server } from '../../src/domain/fleet.ts';
import { NO_HOLDS } from '../../src/domain/holds.ts';
import { kindOf } from '../../src/domain/lifetimes.ts';
import { ADMIT_ALL } from '../../src/domain/reboot-gates.ts';
import type { RebootNeed } from '../../src/domain/reboot-need.ts';
import { planReboots, type RebootQuestion } from '../../src/domain/reboot-order.ts';
import { reservedReason } from '../../src/domain/reserved.ts';
import { hypervisor, needsNone, needsReboot, server, size } from '../support/builders.ts';

function question(
  hypervisors: Hypervisor[],
  servers: Server[] = [],
  more: Partial<RebootQuestion> = {},
): RebootQuestion {
  const fleet: Fleet = { takenAt: '2026-11-24T22:00:00Z', hypervisors, servers, groups: [] };
  const needs = Object.fromEntries(hypervisors.map(({ name }) => [name, needsReboot()]));
  return { fleet, needs, armed: true, limit: 100, mbPerSecond: 100, waiting: {}, maxWaiting: 1, ...more };
}

const roomy = hypervisor('roomy');
const onlyHv1: Partial<RebootQuestion> = { needs: { hv1: needsReboot() } };

describe('planReboots', () => {
  it('takes empty hypervisors first, then the cheapest drain, then the name as people count', () => {
    const hypervisors = ['hv1', 'hv2', 'hv3', 'hv10'].map((name) => hypervisor(name));
    const servers = [server('big', 'hv1', { size: size(64) }), server('small', 'hv2', { size: size(8) })];

    const { order } = planReboots(question(hypervisors, servers));

    expect(order.map(({ name }) => name)).toEqual(['hv3', 'hv10', 'hv2', 'hv1']);
    expect(order.at(-1)).toEqual({
      name: 'hv1',
      guests: 1,
      ramMb: 65_536,
      diskGb: 10,
      why: '6.1.0-18 runs, 6.1.0-28 boots next',
      drainSeconds: 763,
      needSeconds: 1526,
      domains: ['zone nova'],
    });
  });

  it('takes what is reserved for it before any other empty one', () => {
    const kept = { run: 'defragment-hypervisors~1', until: '2026-11-25T05:00:00Z' };
    const hypervisors = [hypervisor('hv1'), hypervisor('hv2', { disabled: reservedReason(kept) })];

    const { order, held } = planReboots(question(hypervisors, [], { reserved: { hv2: kept } }));

    expect(order.map(({ name }) => name)).toEqual(['hv2', 'hv1']);
    expect(held).toEqual([]);
  });

  it('holds what is disabled for another reason than the one under which it was reserved', () => {
    const kept = { run: 'defragment-hypervisors~1', until: '2026-11-25T05:00:00Z' };
    const hypervisors = [hypervisor('hv1', { disabled: 'disk swap, ask Kim' })];

    const { held } = planReboots(question(hypervisors, [], { reserved: { hv1: kept } }));

    expect(held).toEqual([{ name: 'hv1', why: 'disabled by somebody else: "disk swap, ask Kim"' }]);
  });

  it('counts what is reserved as room for those that come after it', () => {
    const kept = { run: 'defragment-hypervisors~1', until: '2026-11-25T05:00:00Z' };
    const hypervisors = [hypervisor('hv1'), hypervisor('hv2', { disabled: reservedReason(kept) })];

    const { order } = planReboots(question(hypervisors, [server('a', 'hv1')], { reserved: { hv2: kept } }));

    expect(order.map(({ name }) => name)).toEqual(['hv2', 'hv1']);
  });

  it('counts a hypervisor with stopped guests only as empty', () => {
    const { order } = planReboots(question([hypervisor('hv1')], [server('s', 'hv1', { status: 'SHUTOFF' })]));

    expect(order[0]).toMatchObject({ guests: 0, drainSeconds: 0 });
  });

  it('leaves what exceeds the limit for later, in order', () => {
    const plan = planReboots(
      question(
        ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
        [],
        { limit: 1 },
      ),
    );

    expect(plan.order.map(({ name }) => name)).toEqual(['hv1']);
    expect(plan.later).toEqual(['hv2', 'hv3']);
  });

  it('takes only hypervisors that need it', () => {
    expect(planReboots(question([hypervisor('hv1')], [], { needs: { hv1: needsNone() } }))).toEqual({
      order: [],
      waits: [],
      held: [],
      later: [],
    });
  });

  it.each<{ why: string; is?: Partial<Hypervisor>; guests?: Server[]; more?: Partial<RebootQuestion> }>([
    { why: 'disabled by somebody else: "disk swap, ask Kim"', is: { disabled: 'disk swap, ask Kim' } },
    { why: 'disabled by somebody else, who gave no reason', is: { disabled: '' } },
    {
      why: 'disabled (by nightshift reboot-hypervisors~20261123T224100Z)',
      is: { disabled: 'nightshift reboot-hypervisors~20261123T224100Z: reboot' },
    },
    { why: 'its compute service is down', is: { up: false } },
    { why: 'not armed (outside aggregate canary)', more: { armed: { aggregates: ['canary'] } } },
    { why: 'not armed', more: { armed: false } },
    {
      why: 'cannot be reached: connection refused',
      more: { needs: { hv1: { need: 'unclear', why: 'cannot be reached: connection refused' } } },
    },
    {
      why: '2 servers cannot leave now: gpu-a gpu-… cannot be moved (PCI device) and web web… is locked',
      guests: [server('gpu-a', 'hv1', { pinned: 'PCI device' }), server('web', 'hv1', { locked: true })],
    },
    {
      why: '1 server cannot leave now: web web… has a resize that nobody has confirmed',
      guests: [server('web', 'hv1', { status: 'VERIFY_RESIZE' })],
    },
    {
      why: '1 server cannot leave now: web web… is being built',
      guests: [server('web', 'hv1', { status: 'BUILD' })],
    },
    {
      why: 'Nova cannot see 1 server: a cell is down',
      guests: [server('lost', '', { status: 'UNKNOWN' })],
    },
    {
      why: 'no room: no other hypervisor has 200 GiB of memory, 50 vCPU, 10 GiB of disk free for huge',
      guests: [server('huge', 'hv1', { size: size(200) })],
    },
  ])('holds a hypervisor: $why', ({ why, is, guests, more }) => {
    const plan = planReboots(question([hypervisor('hv1', is), roomy], guests, { ...onlyHv1, ...more }));

    expect(plan.held).toEqual([{ name: 'hv1', why }]);
    expect(plan.order).toEqual([]);
  });

  describe('servers that cannot be moved', () => {
    const RUN = 'reboot-hypervisors~20261123T224100Z~hv1';
    const why = '1 server cannot move: gpu gpu… (PCI device)';
    const gpus = ['hv1', 'hv2'].map((hv) =>
      server(hv === 'hv1' ? 'gpu' : 'gpu2', hv, { pinned: 'PCI device' }),
    );

    it('are waited for, on as many hypervisors as may be out of service for it', () => {
      const { waits, held } = planReboots(question([hypervisor('hv1'), hypervisor('hv2')], gpus));

      expect(waits).toEqual([{ name: 'hv1', why }]);
      expect(held).toEqual([
        {
          name: 'hv2',
          why: '1 server cannot move: gpu2 gpu2… (PCI device); 1 hypervisor is out of service for that already (maxWaiting=1)',
        },
      ]);
    });

    it('are not waited for where the site does not want it', () => {
      const { waits, held } = planReboots(question([hypervisor('hv1')], gpus, { maxWaiting: 0 }));

      expect(waits).toEqual([]);
      expect(held).toEqual([
        {
          name: 'hv1',
          why: '1 server cannot move: gpu gpu… (PCI device); this site does not wait for them (maxWaiting=0)',
        },
      ]);
    });

    it('are waited for first where the devices are likely to stand idle for the shortest time', () => {
      const now = new Date('2026-11-24T22:00:00Z');
      const born = (days: number) => new Date(now.getTime() - days * 86_400_000).toISOString();
      const short = server('short', 'hv2', { pinned: 'PCI device', projectId: 'beta', createdAt: born(0) });
      const long = server('long', 'hv1', { pinned: 'PCI device', createdAt: born(0) });
      const life = (kind: Server, days: number) => ({
        kind: kindOf(kind),
        createdAt: born(days),
        seenAt: born(0),
        ended: true,
      });
      const lives = Object.fromEntries(
        [1, 2, 3, 4, 5].flatMap((i) => [
          [`short-${i}`, life(short, 2)],
          [`long-${i}`, life(long, 30)],
        ]),
      );

      const { waits, held } = planReboots(
        question([hypervisor('hv1'), hypervisor('hv2')], [long, short], {
          lives,
          holds: { ...NO_HOLDS, now },
        }),
      );

      expect(waits).toEqual([
        {
          name: 'hv2',
          why: '1 server cannot move: short shor… (PCI device; half of its kind end within 2 days, 9 of 10 within 2 days (5 ends seen))',
          idleDays: 2,
        },
      ]);
      expect(held.map(({ name }) => name)).toEqual(['hv1']);
    });

    it('are waited for by the run that does so already, and count for the others', () => {
      const waiting = { hv1: { run: RUN, since: '2026-11-23T23:00:00Z' } };
      const out = hypervisor('hv1', { disabled: rebootReason(RUN) });

      const { waits, held } = planReboots(question([out, hypervisor('hv2')], gpus, { waiting }));

      expect(waits).toEqual([{ name: 'hv1', why, run: RUN, since: '2026-11-23T23:00:00Z' }]);
      expect(held.map(({ name }) => name)).toEqual(['hv2']);
    });

    it('are waited for by nobody where somebody else has disabled the hypervisor since', () => {
      const waiting = { hv1: { run: RUN, since: '2026-11-23T23:00:00Z' } };
      const theirs = hypervisor('hv1', { disabled: 'disk swap, ask Kim' });

      const { waits, held } = planReboots(question([theirs], gpus, { waiting }));

      expect(waits).toEqual([]);
      expect(held).toEqual([{ name: 'hv1', why: 'disabled by somebody else: "disk swap, ask Kim"' }]);
    });
  });

  it('takes the one that Nightshift itself runs on last, also after those that cost more', () => {
    const servers = [server('own', 'hv1', { size: size(1) }), server('big', 'hv2', { size: size(64) })];
    const hypervisors = [hypervisor('hv1'), hypervisor('hv2'), roomy];

    const { order } = planReboots(question(hypervisors, servers, { self: 'own' }));

    expect(order.map(({ name }) => name)).toEqual(['roomy', 'hv2', 'hv1']);
  });

  it('begins to wait for servers on a hypervisor only when its ring has come', () => {
    const rings = { ...ADMIT_ALL, rings: [{ hypervisors: 1 }, 'all' as const] };
    const gpu = server('gpu', 'hv2', { pinned: 'PCI device' });

    const { order, waits, held } = planReboots(
      question([hypervisor('hv1'), hypervisor('hv2')], [gpu], { admission: { ...rings, ringDays: 1 } }),
    );

    expect([order.map(({ name }) => name), waits.map(({ name }) => name)]).toEqual([['hv1'], []]);
    expect(held).toEqual([
      { name: 'hv2', why: 'a later ring of kernel 6.1.0-28: ring 1 (1 hypervisor) comes first' },
    ]);
  });

  it('takes a hypervisor that the asking run has disabled itself', () => {
    const mine = 'nightshift reboot-hypervisors~1~hv1: reboot for a new kernel';

    const { order } = planReboots(question([hypervisor('hv1', { disabled: mine })], [], { mine }));

    expect(order.map(({ name }) => name)).toEqual(['hv1']);
  });

  it('takes a hypervisor of an armed aggregate', () => {
    const canary = hypervisor('hv1', { aggregates: ['rack-a', 'canary'] });

    const plan = planReboots(question([canary, roomy], [], { armed: { aggregates: ['canary'] } }));

    expect(plan.order.map(({ name }) => name)).toEqual(['hv1']);
  });

  it('accounts for every hypervisor exactly once', () => {
    fc.assert(
      fc.property(fleets, fc.integer({ min: 1, max: 4 }), (spec, limit) => {
        const hypervisors = spec.map(({ is }, n) => hypervisor(`hv${n}`, is));
        const servers = spec.flatMap(({ guests }, n) =>
          guests.map((is, g) => server(`s${n}-${g}`, `hv${n}`, is)),
        );
        const needs = Object.fromEntries(spec.map(({ need }, n) => [`hv${n}`, need]));

        const { order, held, later } = planReboots(question(hypervisors, servers, { needs, limit }));

        const named = [...order.map(({ name }) => name), ...held.map(({ name }) => name), ...later];
        const needy = Object.keys(needs).filter((name) => needs[name]?.need !== 'no');
        expect(named.toSorted()).toEqual(needy.toSorted());
        expect(order.length).toBeLessThanOrEqual(limit);
        expect(held.every(({ why }) => why.length > 0)).toBe(true);
      }),
    );
  });
});

const unclear: RebootNeed = { need: 'unclear', why: 'cannot be reached' };
const fleets = fc.array(
  fc.record({
    need: fc.constantFrom(needsReboot(), needsReboot(), needsNone(), unclear),
    is: fc.constantFrom<Partial<Hypervisor>>({}, {}, { up: false }, { disabled: 'x' }, { zone: 'az2' }),
    guests: fc.array(
      fc.constantFrom<Partial<Server>>({}, { status: 'SHUTOFF' }, { locked: true }, { size: size(120) }),
      { maxLength: 3 },
    ),
  }),
  { maxLength: 6 },
);
