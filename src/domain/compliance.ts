/** What do the patching terms ask of servers, and how long may each breach of them last? */
import { z } from 'zod';
import { ExemptionSchema } from './exemptions.ts';
import { daysFault, parseDays, spanFault, timeFault, zoneFault } from './time-forms.ts';
import { WEEKDAYS } from './window.ts';
import { graceFault, offsetFault, remindFault, type WorkingTime, workdayFault } from './working-time.ts';

/** What a server is, the first that is true of it; `unknown`: no feed tells. */
export const STATES = [
  'not-reporting',
  'vulnerable',
  'outdated',
  'reboot-pending',
  'unknown',
  'compliant',
] as const;
export type State = (typeof STATES)[number];

/** What a finding is about, and so what is asked of the owner. */
export type FindingKind = 'advisory' | 'updates' | 'reboot' | 'silence';

/** The ids of findings that are no advisories. */
export const PENDING_UPDATES = 'security-updates';
export const REBOOT_REQUIRED = 'reboot-required';
export const NOT_REPORTING = 'not-reporting';

const WORKWEEK = ['mon', 'tue', 'wed', 'thu', 'fri'] as const;
const SEVERITIES = ['critical', 'high', 'medium', 'low', 'unknown'] as const;
export type Severity = (typeof SEVERITIES)[number];

const Words = z.array(z.string().min(1)).min(1);
const Weekdays = z.array(z.enum(WEEKDAYS)).min(1);
const Span = form(spanFault);
const TimeOfDay = form(timeFault);

/** All that is given has to be true of a finding; nothing given: of every one but `not-reporting`. */
const MatchSchema = z.strictObject({
  tags: Words.optional().describe('One of the tags that the feed gives it'),
  severity: z
    .array(z.enum(SEVERITIES))
    .min(1)
    .optional()
    .describe('By its score (CVSS), else by the word its worst tag ends with; unknown: neither tells'),
  scoreMin: z.number().min(0).max(10).optional().describe('A CVSS score of at least this'),
  kev: z.boolean().optional().describe('Whether it is on the list `kev`'),
  package: Words.optional().describe('The package is like one of these; * stands for anything'),
  rebootRequired: z.boolean().optional().describe('Whether a reboot is all that is missing'),
  pendingSecurity: z.literal(true).optional().describe('Security updates are pending, whatever for'),
  notReportingFor: Span.optional().describe('The server has not reported for so long: 7d'),
});

const ClockStart = z.enum(['advisory', 'firstSeen']);

const RuleSchema = z.strictObject({
  match: MatchSchema,
  grace: form(graceFault).describe('7d: days of the calendar, 5wd: working days'),
  clockStart: ClockStart.optional().describe('Instead of the policy’s'),
  remind: form(remindFault).default('weekly').describe('daily, weekly, 3d, 2wd or never'),
  critical: z
    .boolean()
    .default(false)
    .describe('Not to be kept back by digests, nor by quiet hours that except it'),
});

const EscalationSchema = z.strictObject({
  at: form(offsetFault).describe('first: with the first notice; -2d, +0d, +3wd: days from the due date'),
  to: z.array(z.enum(['owner', 'projectContacts', 'operators'])).min(1),
  propose: z
    .array(z.enum(['lock', 'shelve', 'networkOff', 'reboot']))
    .min(1)
    .optional()
    .describe('What operators could do to the server; nothing is done without them'),
});

/** The usual terms: EGI's for what its security officers tag, Cyber Essentials' for the rest. */
const USUAL_RULES: readonly z.input<typeof RuleSchema>[] = [
  { match: { tags: ['EGI-Critical'] }, grace: '7d', clockStart: 'advisory', remind: 'daily', critical: true },
  { match: { kev: true }, grace: '14d', remind: 'daily', critical: true },
  { match: { rebootRequired: true }, grace: '5wd', remind: '2wd' },
  { match: { severity: ['critical', 'high', 'unknown'] }, grace: '14d' },
  { match: { pendingSecurity: true }, grace: '30d' },
  { match: { notReportingFor: '7d' }, grace: '7d' },
];

const USUAL_ESCALATION: readonly z.input<typeof EscalationSchema>[] = [
  { at: 'first', to: ['owner'] },
  { at: '-2d', to: ['owner'] },
  { at: '+0d', to: ['owner', 'projectContacts'] },
  { at: '+3d', to: ['owner', 'projectContacts', 'operators'] },
];

/** Parsing what it gave gives the same again. */
export const PolicySchema = z.strictObject({
  timezone: form(zoneFault).optional().describe('Of all days and times here; left out, the site’s'),
  workday: z
    .strictObject({ from: TimeOfDay.default('09:00'), to: TimeOfDay.default('17:00') })
    .superRefine((workday, ctx) => addFault(ctx, workdayFault(workday)))
    .prefault({}),
  workingDays: Weekdays.default([...WORKWEEK]),
  holidays: z.array(form(daysFault)).default([]).describe('2026-12-25, or 2026-12-24..2027-01-02'),
  clockStart: ClockStart.default('firstSeen').describe(
    'advisory: when it was published or tagged, where the feed tells, but not before the server was made',
  ),
  rules: z
    .array(RuleSchema)
    .min(1)
    .default(() => USUAL_RULES.map((rule) => RuleSchema.parse(rule)))
    .describe('The first that fits a finding counts; what none fits is no breach'),
  kev: z.array(z.string().min(1)).default([]).describe('CVEs that are known to be exploited'),
  minServerAge: Span.default('7d').describe('Younger servers are left alone'),
  escalation: z
    .array(EscalationSchema)
    .min(1)
    .default(() => USUAL_ESCALATION.map((step) => EscalationSchema.parse(step))),
  digest: z
    .strictObject({
      at: TimeOfDay.default('09:00').describe('No earlier on a day'),
      days: Weekdays.default([...WORKWEEK]),
      criticalImmediately: z.boolean().default(true),
    })
    .prefault({}),
  quietHours: z
    .strictObject({ from: TimeOfDay, to: TimeOfDay, exceptCritical: z.boolean().default(false) })
    .optional(),
  exemptions: z.array(ExemptionSchema).default([]),
  resolve: z
    .strictObject({ afterCompletePolls: z.int().min(1).max(100).default(2) })
    .prefault({})
    .describe('A finding is over when so many complete polls in a row have not shown it'),
  reopenKeepsClock: Span.default('14d').describe('One that comes back so soon goes on with its clock'),
  hosts: z
    .record(z.string().min(1), z.string().min(1))
    .default({})
    .describe('Ids of servers by what a feed calls them, where their names do not tell'),
  services: z
    .strictObject({
      users: z.array(z.string().min(1)).default(['octavia', 'trove', 'magnum', 'heat', 'sahara', 'manila']),
      projects: z.array(z.string().min(1)).default(['service', 'services']),
    })
    .prefault({})
    .describe('Names of users and projects that make servers for others and read no mail'),
});

export type Policy = z.output<typeof PolicySchema>;
export type Rule = Policy['rules'][number];
export type EscalationStep = Policy['escalation'][number];

/** `zone`: the site's, for a policy that names none. */
export function workingTimeOf(policy: Policy, zone: string): WorkingTime {
  return {
    zone: policy.timezone ?? zone,
    days: policy.workingDays,
    ...policy.workday,
    holidays: policy.holidays.map(parseDays),
  };
}

/** A text against which `faultOf` has nothing to say. */
function form(faultOf: (text: string) => string | undefined) {
  return z.string().superRefine((text, ctx) => addFault(ctx, faultOf(text)));
}

function addFault(ctx: z.core.$RefinementCtx, message: string | undefined): void {
  if (message !== undefined) ctx.addIssue({ code: 'custom', message });
}
