import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PolicySchema, type Rule } from '../../src/domain/compliance.ts';
import type { Finding } from '../../src/domain/patch-feed.ts';
import { type Subject, severityOf, termsOf } from '../../src/domain/policy-rules.ts';

const DAY_MS = 86_400_000;

const advisory = (more: Partial<Finding> = {}): Subject => ({
  finding: { id: 'CVE-2026-1', tags: ['High'], ...more },
  kind: 'advisory',
});
const updates: Subject = { finding: { id: 'security-updates', tags: [] }, kind: 'updates' };
const reboot: Subject = { finding: { id: 'reboot-required', tags: [], needsReboot: true }, kind: 'reboot' };
const silent = (days: number): Subject => ({
  finding: { id: 'not-reporting', tags: [] },
  kind: 'silence',
  silentMs: days * DAY_MS,
});

function terms(matches: readonly Rule['match'][], kev: string[] = []) {
  return termsOf(PolicySchema.parse({ rules: matches.map((match) => ({ match, grace: '7d' })), kev }));
}

const fits = (match: Rule['match'], subject: Subject, kev: string[] = []) =>
  terms([match], kev)[0]!.fits(subject);

describe('a rule', () => {
  it.each([
    { match: { tags: ['High', 'Critical'] }, fit: advisory(), not: advisory({ tags: ['Low'] }) },
    { match: { tags: ['EGI-High'] }, fit: advisory({ tags: ['Critical', 'EGI-High'] }), not: advisory() },
    { match: { scoreMin: 7 }, fit: advisory({ score: 7 }), not: advisory({ score: 6.9 }) },
    { match: { scoreMin: 0 }, fit: advisory({ score: 0 }), not: advisory() },
    { match: { severity: ['high' as const] }, fit: advisory({ score: 8 }), not: advisory({ score: 9 }) },
    { match: { severity: ['unknown' as const] }, fit: advisory({ tags: ['DSA'] }), not: updates },
    { match: { severity: ['unknown' as const] }, fit: advisory({ tags: [] }), not: reboot },
    {
      match: { package: ['linux-image*', 'kernel'] },
      fit: advisory({ package: 'kernel' }),
      not: advisory({ package: 'kernel-doc' }),
    },
    { match: { package: ['*'] }, fit: advisory({ package: 'x' }), not: advisory() },
    { match: { rebootRequired: true }, fit: reboot, not: advisory() },
    { match: { rebootRequired: false }, fit: advisory(), not: reboot },
    { match: { pendingSecurity: true as const }, fit: updates, not: advisory() },
    { match: { notReportingFor: '7d' }, fit: silent(7), not: silent(6.9) },
    { match: { notReportingFor: '7d' }, fit: silent(30), not: advisory() },
    { match: {}, fit: advisory(), not: silent(100) },
    { match: { tags: ['High'], scoreMin: 7 }, fit: advisory({ score: 8 }), not: advisory() },
  ])('with %j fits what it says and nothing else', ({ match, fit, not }) => {
    expect([fits(match, fit), fits(match, not)]).toEqual([true, false]);
  });

  it('knows what is exploited by the list of the policy', () => {
    expect(fits({ kev: true }, advisory(), ['CVE-2026-1'])).toBe(true);
    expect(fits({ kev: true }, advisory(), ['CVE-2026-2'])).toBe(false);
    expect(fits({ kev: false }, advisory(), ['CVE-2026-2'])).toBe(true);
  });

  it('says what it asks', () => {
    const rules = [
      {
        match: { tags: ['EGI-Critical', 'Critical'], rebootRequired: true },
        grace: '7d',
        clockStart: 'advisory',
      },
      { match: {}, grace: '5wd' },
    ];

    expect(termsOf(PolicySchema.parse({ rules })).map(({ text }) => text)).toEqual([
      'tags EGI-Critical or Critical, rebootRequired: 7d from advisory',
      'anything: 5wd from first seen',
    ]);
  });
});

describe('severityOf', () => {
  it.each([
    { finding: { score: 9 }, severity: 'critical' },
    { finding: { score: 8.9 }, severity: 'high' },
    { finding: { score: 6.9 }, severity: 'medium' },
    { finding: { score: 3.9 }, severity: 'low' },
    { finding: { score: 2, tags: ['Critical'] }, severity: 'low' },
    { finding: { tags: ['EGI-Critical', 'Low'] }, severity: 'critical' },
    { finding: { tags: ['Moderate'] }, severity: 'medium' },
    { finding: { tags: ['DSA-5724'] }, severity: 'unknown' },
    { finding: { tags: [] }, severity: 'unknown' },
  ])('is $severity of $finding', ({ finding, severity }) => {
    expect(severityOf({ id: 'CVE-2026-1', tags: [], ...finding })).toBe(severity);
  });
});

describe('the rules', () => {
  it('count in their order: the first that fits decides, whatever comes after it', () => {
    const match = fc.record(
      {
        tags: fc.subarray(['High', 'Critical', 'Low'], { minLength: 1 }),
        scoreMin: fc.constantFrom(0, 4, 7, 9),
        rebootRequired: fc.boolean(),
        notReportingFor: fc.constantFrom('1d', '7d', '30d'),
      },
      { requiredKeys: [] },
    );
    const subject = fc.oneof(
      fc.constantFrom(updates, reboot, silent(2), silent(8)),
      fc
        .record({ tags: fc.subarray(['High', 'Critical', 'Low']), score: fc.constantFrom(1, 5, 8, 10) })
        .map(advisory),
    );
    fc.assert(
      fc.property(fc.array(match, { minLength: 1, maxLength: 6 }), subject, (matches, one) => {
        const given = matches as Rule['match'][];
        const first = terms(given).findIndex((term) => term.fits(one));
        const alone = given.map((each) => fits(each, one));

        expect(first).toBe(alone.indexOf(true));
        expect(terms([{}, ...given]).findIndex((term) => term.fits(one))).toBe(
          one.kind === 'silence' ? (first === -1 ? -1 : first + 1) : 0,
        );
      }),
    );
  });
});
