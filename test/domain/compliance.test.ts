import { describe, expect, it } from 'vitest';
import { PolicySchema, workingTimeOf } from '../../src/domain/compliance.ts';
import { faultsOf, sayPath, wordsOf } from '../../src/domain/words.ts';

const faults = (policy: unknown) =>
  faultsOf(PolicySchema.safeParse(policy, { error: wordsOf }).error).map(
    ({ path, message }) => `${sayPath(path)}: ${message}`,
  );

const exemption = { server: 'a', reason: 'vendor', approvedBy: 'kim', until: '2026-12-31' };

describe('the policy', () => {
  it('is whole when nothing is said', () => {
    const policy = PolicySchema.parse({});

    expect(policy.rules[0]).toEqual({
      match: { tags: ['EGI-Critical'] },
      grace: '7d',
      clockStart: 'advisory',
      remind: 'daily',
      critical: true,
    });
    expect(policy).toMatchObject({
      minServerAge: '7d',
      resolve: { afterCompletePolls: 2 },
      workday: { from: '09:00', to: '17:00' },
      escalation: [{ at: 'first', to: ['owner'] }, { at: '-2d' }, { at: '+0d' }, { at: '+3d' }],
    });
  });

  it('is the same when it is read again', () => {
    const once = PolicySchema.parse({ holidays: ['2026-12-24..2027-01-02'], exemptions: [exemption] });

    expect(PolicySchema.parse(once)).toEqual(once);
  });

  it.each([
    {
      policy: { timezone: 'Europe/Londn' },
      fault: 'timezone: "Europe/Londn" is no time zone, did you mean `Europe/London`?',
    },
    { policy: { workday: { from: '18:00' } }, fault: 'workday: to (17:00) is not later than from (18:00)' },
    { policy: { workday: { to: '24:00' } }, fault: 'workday.to: "24:00" is no time of day (00:00–23:59)' },
    { policy: { workingDays: [] }, fault: 'workingDays: is empty' },
    {
      policy: { holidays: ['2027-02-29'] },
      fault:
        'holidays[0]: "2027-02-29" is no day and no range of days (2026-12-24 or 2026-12-24..2027-01-02)',
    },
    { policy: { rules: [] }, fault: 'rules: is empty' },
    { policy: { rules: [{ match: {} }] }, fault: 'rules[0].grace: is missing' },
    {
      policy: { rules: [{ match: {}, grace: '0d' }] },
      fault: 'rules[0].grace: "0d" is no number of days (7d, 2w, or 5wd for working days)',
    },
    {
      policy: { rules: [{ match: { tag: ['x'] }, grace: '1d' }] },
      fault: 'rules[0].match.tag: unknown key, did you mean `tags`?',
    },
    {
      policy: { rules: [{ match: { scoreMin: 11 }, grace: '1d' }] },
      fault: 'rules[0].match.scoreMin: 11 is too large: at most 10',
    },
    {
      policy: { rules: [{ match: { severity: ['hihg'] }, grace: '1d' }] },
      fault:
        'rules[0].match.severity[0]: "hihg" is none of critical, high, medium, low, unknown, did you mean `high`?',
    },
    { policy: { minServerAge: '7' }, fault: 'minServerAge: "7" is no span of time (12h, 7d, 2w)' },
    {
      policy: { escalation: [{ at: '2d', to: ['owner'] }] },
      fault: 'escalation[0].at: "2d" is neither first nor days from the due date (-2d, +0d, +3wd)',
    },
    {
      policy: { escalation: [{ at: 'first', to: ['owner'], propose: ['delete'] }] },
      fault: 'escalation[0].propose[0]: "delete" is none of lock, shelve, networkOff, reboot',
    },
    {
      policy: { resolve: { afterCompletePolls: 0 } },
      fault: 'resolve.afterCompletePolls: 0 is too small: at least 1',
    },
    { policy: { quietHours: { from: '18:00' } }, fault: 'quietHours.to: is missing' },
  ])('is refused: $fault', ({ policy, fault }) => {
    expect(faults(policy)).toEqual([fault]);
  });

  it('names all faults of an exemption at once: no end, no reason, nobody who approved it, nothing that it is for', () => {
    expect(faults({ exemptions: [{ cve: 'CVE-2026-1', reason: ' ' }] })).toEqual([
      'exemptions[0].reason: is empty',
      'exemptions[0].approvedBy: is missing',
      'exemptions[0].until: is missing',
    ]);
    expect(faults({ exemptions: [{ ...exemption, server: undefined }] })).toEqual([
      'exemptions[0].server: is missing (or project, image or cve): what is exempt?',
    ]);
  });

  it.each(['never', '3d', '2026-02-30', '2026-12-31T25:00', ''])(
    'refuses an exemption until "%s"',
    (until) => {
      expect(faults({ exemptions: [{ ...exemption, until }] })).toEqual([
        `exemptions[0].until: ${JSON.stringify(until)} is no end; say 2026-12-31 (that day included), 2026-12-31T17:00, or an instant in UTC`,
      ]);
    },
  );
});

describe('workingTimeOf', () => {
  it('means the site’s zone where the policy names none', () => {
    const holidays = ['2026-12-25', '2026-12-28..2026-12-29'];

    expect(workingTimeOf(PolicySchema.parse({ holidays }), 'Europe/Oslo')).toMatchObject({
      zone: 'Europe/Oslo',
      holidays: [
        { from: '2026-12-25', to: '2026-12-25' },
        { from: '2026-12-28', to: '2026-12-29' },
      ],
    });
    expect(workingTimeOf(PolicySchema.parse({ timezone: 'UTC' }), 'Europe/Oslo').zone).toBe('UTC');
  });
});
