import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RebootPlan } from '../../src/domain/reboot-order.ts';
import { describeNight, describePlan, type Night, nightMail } from '../../src/domain/reboot-report.ts';

const RUN = 'reboot-hypervisors~20261124T224100Z';
const kernel = '6.1.0-18 runs, 6.1.0-28 boots next';
const plan: RebootPlan = {
  order: [
    {
      name: 'hv03',
      guests: 0,
      ramMb: 0,
      diskGb: 0,
      why: kernel,
      drainSeconds: 0,
      needSeconds: 900,
      domains: [],
    },
    {
      name: 'hv07',
      guests: 11,
      ramMb: 90_112,
      diskGb: 16,
      why: kernel,
      drainSeconds: 360,
      needSeconds: 1620,
      domains: [],
    },
  ],
  waits: [],
  held: [{ name: 'hv11', why: 'disabled by somebody else: "disk swap, ask Kim"' }],
  later: ['hv04', 'hv05'],
};
const night: Night = {
  plan,
  limit: 2,
  outcomes: [
    { name: 'hv03', verdict: 'done', why: 'rebooted in 41 s', run: `${RUN}~hv03` },
    { name: 'hv07', verdict: 'done', why: 'rebooted in 50 s', drainMs: 660_000, run: `${RUN}~hv07` },
  ],
  at: new Date('2026-11-24T23:30:00Z'),
};

describe('describePlan', () => {
  it('shows what is done tonight, what is held and why, and what is left for later', () => {
    expect(describePlan(plan, 2)).toEqual({
      headline: '5 hypervisors need a reboot. Tonight 2, held 1, not tonight 2.',
      sheet: {
        columns: ['#', 'hypervisor', 'guests', 'why', 'drain', 'GiB'],
        rows: [
          [1, 'hv03', 0, kernel, null, 0],
          [2, 'hv07', 11, kernel, '~6 min', 104],
        ],
      },
      lines: [
        'held  hv11  disabled by somebody else: "disk swap, ask Kim"',
        'not tonight  2 (limit=2): hv04 and hv05',
      ],
    });
  });

  it('says in one line that there is nothing to do', () => {
    const nothing = { order: [], waits: [], held: [], later: [] };

    expect(describePlan(nothing, 2)).toEqual({ headline: 'No hypervisor needs a reboot.', lines: [] });
  });
});

describe('nightMail', () => {
  it('tells of a night that went well', () => {
    expect(nightMail(night)).toEqual({
      subject: '[nightshift] Tue 24 Nov 2026: 2 rebooted',
      text: [
        '5 needed a reboot: 2 done, 1 held, 2 not tonight.',
        'done  2: hv03 and hv07 (longest drain hv07, 11 min)',
        'held  hv11  disabled by somebody else: "disk swap, ask Kim"',
        'not tonight  2 (limit=2): hv04 and hv05',
        '',
      ].join('\n'),
    });
  });

  it('tells first what needs a person, and what to type', () => {
    const why = 'failed 1 of 6 checks: kernel 6.1.0-18 runs, 6.1.0-28 was expected';
    const mail = nightMail({
      ...night,
      outcomes: [{ name: 'hv03', verdict: 'failed', why, run: `${RUN}~hv03` }],
      stopped: 'nothing was rebooted after hv03',
    });

    expect(mail?.subject).toBe('[nightshift] Tue 24 Nov 2026: 1 needs you');
    expect(mail?.text.split('\n').slice(0, 6)).toEqual([
      '5 needed a reboot: 1 held, 3 not tonight, 1 needs you.',
      'Needs you',
      `  hv03  ${why}. It is disabled (by nightshift).`,
      '    look:                  nightshift show reboot-hypervisors~20261124T224100Z~hv03',
      '    go on, when repaired:  nightshift resume reboot-hypervisors~20261124T224100Z~hv03',
      '    or enable it yourself: openstack compute service set --enable "$(openstack hypervisor show hv03 -f value -c service_host)" nova-compute',
    ]);
    expect(mail?.text).toContain('not tonight  1 (nothing was rebooted after hv03): hv07');
  });

  it('says of a cancelled night that it was, and what to do where a run cannot be resumed', () => {
    const why = '1 server not whole after the drain: a a… is in ERROR';
    const mail = nightMail({
      ...night,
      outcomes: [{ name: 'hv03', verdict: 'failed', why, run: `${RUN}~hv03`, cancelled: true }],
      stopped: 'cancelled by kim: wrong night',
      cancelled: true,
    });

    expect(mail?.subject).toBe('[nightshift] Tue 24 Nov 2026: cancelled, 1 needs you');
    expect(mail?.text).toContain(
      '    go on, when repaired:  enable it, then nightshift run reboot-hypervisor --option hypervisor=hv03 --go (a cancelled run is not resumed)\n',
    );
    expect(mail?.text).not.toContain('nightshift resume');
    expect(mail?.text).toContain('not tonight  1 (cancelled by kim: wrong night): hv07');
  });

  it('is not written for a night in which nothing was touched', () => {
    const outcomes = [{ name: 'hv03', verdict: 'held', why: 'no room', run: `${RUN}~hv03` } as const];

    expect(nightMail({ ...night, outcomes })).toBeUndefined();
  });
});

describe('describeNight', () => {
  it.each([
    { names: ['hv03'], says: '1 hypervisor needed a reboot and needs you.' },
    { names: ['hv03', 'hv07'], says: '2 hypervisors needed a reboot and need you.' },
  ])('says $says', ({ names, says }) => {
    const order = plan.order.filter(({ name }) => names.includes(name));
    const outcomes = names.map((name) => ({ name, verdict: 'failed', why: 'x', run: RUN }) as const);

    const { headline } = describeNight({
      ...night,
      plan: { order, waits: [], held: [], later: [] },
      outcomes,
    });

    expect(headline).toBe(says);
  });

  it('counts every hypervisor of the plan once', () => {
    const verdicts = fc.constantFrom('done', 'skipped', 'held', 'given back', 'failed');
    fc.assert(
      fc.property(
        fc.array(verdicts, { maxLength: 6 }),
        fc.nat(3),
        fc.nat(3),
        fc.nat(3),
        fc.nat(3),
        (ends, rest, waits, held, later) => {
          const order = names(ends.length + rest, 'hv').map((name) => ({ ...plan.order[0]!, name }));
          const outcomes = ends.map((verdict, i) => ({
            name: `hv${i}`,
            verdict: verdict as 'done',
            why: 'x',
            run: RUN,
          }));
          const planned = {
            order,
            waits: names(waits, 'waits').map((name) => ({ name, why: 'x' })),
            held: names(held, 'held').map((name) => ({ name, why: 'x' })),
            later: names(later, 'later'),
          };

          const { headline } = describeNight({ ...night, plan: planned, outcomes });

          const numbers = [...headline.matchAll(/\d+/g)].map(Number);
          const [all = 0, ...parts] = numbers;
          // Of those that all need a person only one number is said.
          const isOneKind = parts.length === 0;
          expect(isOneKind ? all : parts.reduce((sum, n) => sum + n, 0)).toBe(all);
          expect(all).toBe(order.length + waits + held + later);
        },
      ),
    );
  });
});

function names(n: number, as: string): string[] {
  return Array.from({ length: n }, (_, i) => `${as}${i}`);
}
