import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AuditKind, Finding } from '../../src/domain/audit.ts';
import {
  type Audit,
  auditMail,
  auditResult,
  dateFindings,
  describeAudit,
  hasChanged,
  type Known,
  keyOf,
} from '../../src/domain/audit-report.ts';

const AT = '2026-11-24T07:00:00.000Z';
const BEFORE = '2026-11-20T07:00:00.000Z';

function finding(kind: AuditKind, id: string, more: Partial<Finding> = {}): Finding {
  return { kind, id, subject: id, why: `${id} is wrong`, ...more };
}

function known(kind: AuditKind, id: string): [string, Known] {
  return [keyOf({ kind, id }), { kind, subject: id, since: BEFORE }];
}

function audit(
  findings: readonly Finding[],
  before: readonly [string, Known][] = [],
  unasked: Audit['unasked'] = {},
): Audit {
  const looked = { at: AT, unasked };
  return { ...looked, hypervisors: 2, servers: 30, ...dateFindings(findings, new Map(before), looked) };
}

it('tells since when each finding is known, what is new and what is gone', () => {
  const { headline, sheet, lines } = describeAudit(
    audit(
      [
        finding('error', 'web-1', { look: 'openstack server show web-1' }),
        finding('resize', 'db-1', { since: BEFORE, repair: 'openstack server resize confirm db-1' }),
        finding('disabled', 'hv1'),
      ],
      [known('disabled', 'hv1'), known('down', 'hv2')],
    ),
    20,
  );

  expect(headline).toBe('3 findings on 2 hypervisors with 30 servers: 2 new, 1 gone.');
  expect(sheet?.rows).toEqual([
    ['server in ERROR', 1, 1, 0],
    ['resize that nobody confirms', 1, 1, 0],
    ['compute services down', 0, 0, 1],
    ['hypervisor disabled', 1, 0, 0],
  ]);
  expect(lines).toEqual([
    '1 server in ERROR',
    '  web-1  web-1 is wrong  [new]',
    '    look:    openstack server show web-1',
    '1 resize that nobody confirms',
    '  db-1  db-1 is wrong  [since Fri 20 Nov 2026 07:00 UTC, new]',
    '    repair:  openstack server resize confirm db-1',
    '1 hypervisor disabled',
    '  hv1  hv1 is wrong  [seen since Fri 20 Nov 2026 07:00 UTC]',
    'gone since the last audit  1: hv2 (compute service down)',
  ]);
});

it.each<[string, Audit, string]>([
  ['nothing is found', audit([]), 'Nothing found on 2 hypervisors with 30 servers.'],
  [
    'all is as it was',
    audit([finding('down', 'hv1')], [known('down', 'hv1')]),
    '1 finding on 2 hypervisors with 30 servers: as in the last audit.',
  ],
  [
    'all has gone',
    audit([], [known('down', 'hv1')]),
    'No findings on 2 hypervisors with 30 servers: 1 gone.',
  ],
])('says in one line when %s', (_, given, headline) => {
  expect(describeAudit(given, 20).headline).toBe(headline);
});

it('takes nothing for gone that it did not look for, and says why it did not', () => {
  const given = audit([], [known('kernel', 'hv1'), known('pinned', 'hv2')], {
    kernel: 'askHosts=false',
    pinned: 'askHosts=false',
    error: 'a cell is down',
  });

  expect(given.gone).toEqual([]);
  expect(hasChanged(given)).toBe(false);
  expect(describeAudit(given, 20).lines).toEqual([
    'not looked for  servers in ERROR: a cell is down',
    'not looked for  hypervisors whose next kernel is unclear and hypervisors with servers that cannot move: askHosts=false',
  ]);
});

it('tells of many the first ones, and how many are left', () => {
  const many = audit(Array.from({ length: 25 }, (_, n) => finding('error', `web-${n}`)));

  expect(describeAudit(many, 20).lines).toHaveLength(22);
  expect(describeAudit(many, 20).lines.at(-1)).toBe('  and 5 more (option shown)');
  expect(auditResult(many)).toMatchObject({ left: 0 });
});

it('mails what has changed in its subject', () => {
  const { subject, text } = auditMail(audit([finding('error', 'web-1')], [known('down', 'hv1')]), 20);

  expect(subject).toBe('[nightshift] Tue 24 Nov 2026: audit, 1 new finding, 1 gone');
  expect(text).toContain('1 server in ERROR\n  web-1  web-1 is wrong  [new]\n');
});

it('returns what fits into a run’s result, and counts the rest', () => {
  const why = 'w'.repeat(400);
  const many = audit(Array.from({ length: 500 }, (_, n) => finding('error', `web-${n}`, { why })));

  const result = auditResult(many);

  expect(result.findings.length + result.left).toBe(500);
  expect(JSON.stringify(result).length).toBeLessThan(60_000);
});

const KINDS: AuditKind[] = ['error', 'orphan', 'down', 'kernel'];
const keys = fc.uniqueArray(fc.tuple(fc.constantFrom(...KINDS), fc.nat(5)), { selector: String });

it('finds in the next audit of an unchanged cloud nothing new and nothing gone', () => {
  fc.assert(
    fc.property(keys, keys, (old, now) => {
      const findings = now.map(([kind, n]) => finding(kind, `x${n}`));
      const first = audit(
        findings,
        old.map(([kind, n]) => known(kind, `x${n}`)),
      );
      const remembered = new Map<string, Known>(old.map(([kind, n]) => known(kind, `x${n}`)));
      for (const each of first.findings) if (each.isNew) remembered.set(keyOf(each), each);
      for (const { key } of first.gone) remembered.delete(key);

      const again = dateFindings(findings, remembered, { at: '2026-11-25T07:00:00.000Z', unasked: {} });

      const fresh = first.findings.filter(({ isNew }) => isNew).length;
      expect(fresh + old.length - first.gone.length).toBe(now.length);
      expect(again.gone).toEqual([]);
      expect(again.findings.map(({ since }) => since)).toEqual(first.findings.map(({ since }) => since));
      expect(hasChanged({ ...first, ...again })).toBe(false);
    }),
  );
});
