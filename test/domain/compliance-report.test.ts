/** What operators read of a day, and that its counts add up. */
import { describe, expect, it } from 'vitest';
import type { Counts } from '../../src/domain/cases.ts';
import {
  type ComplianceDay,
  complianceMail,
  describeCompliance,
  trendOf,
} from '../../src/domain/compliance-report.ts';
import { endingSoon } from '../../src/domain/exemptions.ts';
import { NoticeSite } from '../support/notices.ts';
import { dayAfter, FIRST_POLL, host, policy, poll, servers } from '../support/polls.ts';

const CVE = 'CVE-2026-1';

function dayOf(counts: Counts, more: Partial<ComplianceDay> = {}): ComplianceDay {
  return {
    at: FIRST_POLL,
    zone: 'Europe/London',
    feed: 'pakiti',
    warnings: [],
    counts,
    notices: { owners: [], contacts: [], operators: [] },
    ambiguous: [],
    nobody: [],
    unowned: [],
    bounced: [],
    ending: [],
    ...more,
  };
}

function site() {
  const escalation = [
    { at: 'first', to: ['owner'] },
    { at: '+0d', to: ['operators'], propose: ['lock', 'networkOff'] },
  ];
  const rules = [{ match: {}, grace: '2d', remind: 'never' }];
  return new NoticeSite({ servers: servers('web', 'db'), policy: policy({ rules, escalation }) });
}

describe('the report', () => {
  it('says how servers stand, who was told, who was not and why, and what changed since the last', () => {
    const one = site();
    const first = poll(FIRST_POLL, [host('web', [CVE])]);
    const before = one.memory.see(first).counts;
    one.see(first);
    const next = poll(dayAfter(3), [host('web', [CVE]), host('db', [CVE])]);
    const { counts } = one.memory.see(next);
    one.judge(next);
    const { owners, contacts, operators } = one.decide(dayAfter(3));

    const day = dayOf(counts, {
      at: dayAfter(3),
      before: trendOf({ at: FIRST_POLL, counts: before }),
      notices: { owners, contacts, operators },
    });

    expect(describeCompliance(day)).toEqual({
      headline: '2 servers: 2 vulnerable. Findings: 2 open, 1 of them overdue, 0 exempt.',
      lines: [
        'Needs you',
        `  server web web… of alice@alpha.example: ${CVE}, due Sun 22 Nov 2026 17:00 GMT; could be done: lock it, cut its network`,
        'since Fri 20 Nov 2026  +1 vulnerable, -1 unknown, +1 findings open, +1 overdue',
        'today  1 opened, 0 resolved',
        'told  1 notice: 1 first',
      ],
    });
    expect(complianceMail(day).subject).toBe(
      '[nightshift] Mon 23 Nov 2026: 1 notice sent, 1 overdue, 1 needs you',
    );
  });

  it('says why owners were not told, each once', () => {
    const one = site();
    one.see(poll(FIRST_POLL, [host('web', [CVE])]));
    const { owners, contacts, operators } = one.decide(FIRST_POLL);

    const { lines } = describeCompliance(
      dayOf(one.memory.see(poll(FIRST_POLL, [])).counts, { notices: { owners, contacts, operators } }),
    );

    expect(lines).toContain('told  nobody');
    expect(lines).toContain('not told  1 owner: 1 told, with time left');
  });

  it('names what only a person can settle, cut where there is much of it, and nothing that steers a terminal', () => {
    const evil = 'x\u001b[2J\r\nBcc: a@b\u202e';
    const exemptions = [{ server: 'web', reason: evil, approvedBy: 'kim', until: '2026-11-24' }];
    const { counts } = site().memory.see(poll(FIRST_POLL, []));

    const day = dayOf(counts, {
      warnings: [`${evil} was left out`],
      ambiguous: [{ host: evil, candidates: ['web', 'db'], why: 'both are called so' }],
      nobody: Array.from({ length: 30 }, (_, i) => `host-${i}`),
      unowned: Array.from({ length: 14 }, (_, i) => ({ id: `s${i}`, name: evil, why: 'octavia made it' })),
      bounced: [{ address: '$(reboot)@alpha.example', why: `550 ${evil}` }],
      ending: endingSoon(exemptions, { now: FIRST_POLL, zone: 'Europe/London' }),
    });
    const { subject, text } = complianceMail(day);

    expect(subject).toBe('[nightshift] Fri 20 Nov 2026: no notices sent, 0 overdue, 16 need you');
    for (const line of [
      'may be web and db (both are called so): nobody is told of it',
      '  and 2 more like these',
      'when it does again: nightshift address clear)',
      'exemption of server web ends Tue 24 Nov 2026 23:59 GMT',
      'no server here  30 hosts of pakiti: host-0, host-1',
      'host-11 and 18 more',
    ])
      expect(text).toContain(line);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).not.toMatch(/^\s*Bcc/m);
    expect(text).not.toContain('clear $(');
  });
});
