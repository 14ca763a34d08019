/**
 * What do requests and answers look like? One schema each, from which they are checked, written and described.
 *
 * Shapes of the engine's records name every field of theirs, or this does not compile: what is not named here would
 * be left out of answers silently.
 */
import { z } from 'zod';
import type { Mode } from '../engine/acts.ts';
import type { Health } from '../engine/alerts.ts';
import type { HeldSchedules } from '../engine/clock-guard.ts';
import type { Instant as DueInstant } from '../engine/cron.ts';
import type { Answered, Json, Note, Report, Sheet, Trigger } from '../engine/job.ts';
import {
  type ChildView,
  type LeaseTurn,
  RUN_STATES,
  type RunRecord,
  type RunSummary,
  type StepView,
  type SubjectNote,
} from '../engine/runs.ts';

type ShapeOf<T> = Readonly<Record<keyof T, z.ZodType>>;

/** Whatever a body can hold: it was JSON before it came here. */
const AnyJson = z.custom<Json>();
const Instant = z.string().describe('ISO 8601 in UTC');

const TriggerShape = z.object({
  kind: z.enum(['cron', 'http', 'cli', 'run']),
  by: z.string().optional().describe("Who asked: a person's name, a token's, a run's id"),
  instant: Instant.optional().describe('The due instant of a cron run'),
} satisfies ShapeOf<Trigger>);

const summary = {
  id: z.string(),
  job: z.string(),
  state: z.enum(RUN_STATES),
  trigger: TriggerShape,
  options: z.unknown(),
  acting: z.boolean().describe('False: a dry run, which changes nothing'),
  createdAt: Instant,
  startedAt: Instant.optional(),
  endedAt: Instant.optional(),
  progress: z.object({ done: z.number(), total: z.number(), unit: z.string() }).optional(),
  waiting: z
    .object({ for: z.string(), since: Instant, until: Instant.optional() } satisfies ShapeOf<
      NonNullable<RunSummary['waiting']>
    >)
    .optional()
    .describe('What it waits for, completing "waits for …"'),
  parent: z.string().optional().describe('The run that started it'),
  cancel: z.string().optional().describe('Who asked it to stop, and why'),
  error: z.string().optional(),
  failedStep: z.string().optional(),
  owner: z.string().optional().describe('The process that works it, while one does'),
  definition: z.string().describe('Which version of the job it began with'),
} satisfies ShapeOf<RunSummary>;

const StepShape = z
  .object({
    key: z.string(),
    state: z.enum(['begun', 'done', 'skipped', 'failed', 'unknown']),
    effect: z.enum(['read', 'idempotent', 'verify', 'once']),
    tries: z.int(),
    startedAt: Instant,
    endedAt: Instant.optional(),
    why: z.string().optional(),
  } satisfies ShapeOf<StepView>)
  .meta({ id: 'Step' });

const SheetShape = z
  .object({
    columns: z.array(z.string()),
    rows: z.array(z.array(z.union([z.string(), z.number(), z.null(), z.object({ at: Instant })]))),
  } satisfies ShapeOf<Sheet>)
  .meta({ id: 'Sheet', description: 'A cell is a text, a number, an instant, or nothing' });

const NoteShape = z
  .object({
    subject: z.string(),
    verdict: z.string(),
    why: z.string(),
    evidence: z.string().optional(),
    since: Instant.optional().describe('Since when it is so'),
    until: Instant.optional().describe('Until when at the latest'),
    sheet: SheetShape.optional().describe('What it is made of, a row each'),
    lines: z.array(z.string()).optional(),
  } satisfies ShapeOf<Note>)
  .meta({ id: 'Note' });

const ReportShape = z
  .object({
    headline: z.string(),
    sheet: SheetShape.optional(),
    lines: z.array(z.string()).optional(),
  } satisfies ShapeOf<Report>)
  .meta({ id: 'Report' });

const ChildShape = z
  .object({
    id: z.string(),
    state: z.enum(RUN_STATES),
    for: z.string().nullable().describe('What it waits for, completing "waits for …"'),
    since: Instant.describe('Since when it has been in its state'),
    until: Instant.nullable().describe('Until when it waits, where it said so'),
  } satisfies ShapeOf<ChildView>)
  .meta({ id: 'Child' });

const whole = {
  ...summary,
  children: z.array(ChildShape).describe('The runs that it started, in that order'),
  result: z.unknown().optional().describe('What its job returned, as JSON'),
  report: ReportShape.optional(),
  notes: z.array(NoteShape),
  steps: z.array(StepShape).describe('In the order in which they were begun'),
  claims: z.int().describe('How often a process took it'),
  resumes: z.int().describe('How often a person had it resumed'),
} satisfies ShapeOf<RunRecord>;

export const RunShape = z.object(whole).meta({ id: 'Run' });

export const StartedRun = RunShape.extend({
  dryRunBecause: z.string().optional().describe('Why it changes nothing, where it does not'),
}).meta({ id: 'StartedRun' });

export const RunPageShape = z
  .object({
    runs: z.array(z.object(summary).meta({ id: 'RunSummary' })).describe('Newest first'),
    next: z
      .string()
      .optional()
      .describe('The cursor of the next page; missing on the last. A page may be short and not the last'),
  })
  .meta({ id: 'RunPage' });

/** A number from 1 on, as a query has it. */
function numberUpTo(most: number, otherwise: number) {
  return z.preprocess(
    (text) => (typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text),
    z.int().min(1).max(most).default(otherwise),
  );
}

export const RunQuery = z.strictObject({
  job: z.string().min(1).optional(),
  state: z.enum(RUN_STATES).optional(),
  limit: numberUpTo(200, 50),
  cursor: z.string().optional().describe('`next` of the page before'),
});

export const NewRunBody = z
  .strictObject({
    options: z
      .record(z.string(), AnyJson)
      .default({})
      .describe('Options of the job, before those of the configuration'),
    go: z.boolean().default(false).describe('Your yes to changing things; without it this is a dry run'),
  })
  .prefault({});

export const NewRunHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/)
    .optional()
    .describe('The same key with the same body starts one run, however often it is sent within 24 hours'),
});

const HealthShape = z
  .object({
    state: z.enum(['ok', 'failing']),
    since: Instant.optional().describe('Missing for a job that never failed'),
    failures: z.int().optional().describe('Runs that failed since then'),
    run: z.string().optional().describe('The run that failed last'),
    error: z.string().optional(),
  } satisfies ShapeOf<Extract<Health, { state: 'failing' }>>)
  .meta({ id: 'Health', description: 'How the job does, as its runs say that count' });

export const JobShape = z
  .object({
    name: z.string(),
    summary: z.string(),
    armed: z
      .union([
        z.boolean(),
        z.object({ aggregates: z.array(z.string()) }),
        z.object({ projects: z.array(z.string()) }),
      ])
      .describe('Where it may change things'),
    schedule: z.string().optional(),
    window: z.string().optional(),
    configured: z.record(z.string(), z.unknown()).describe('Options that the configuration sets'),
    options: z.record(z.string(), z.unknown()).describe('JSON Schema of the options that it takes'),
    definition: z.string(),
    health: HealthShape.optional().describe('Missing while Redis does not answer'),
  })
  .meta({ id: 'Job' });

const why = z.string().max(1000).default('no reason given').describe('Kept in the audit');

export const Reason = z.strictObject({ why }).prefault({});

export const DecisionBody = z.strictObject({
  step: z.string().min(1).max(1000),
  happened: z
    .enum(['yes', 'no', 'failed'])
    .describe('yes: go on. no: run it again. failed: it did not, and it shall not be tried again'),
  value: AnyJson.optional().describe('What the step would have returned, where the job needs it'),
  why,
});

export const ApprovalBody = z.strictObject({
  key: z.string().min(1).max(1000).describe('Which question; it may be answered before it is asked'),
  answer: z.enum(['yes', 'no']),
  why,
});

export const AnsweredShape = z
  .object({
    answer: z.enum(['yes', 'no']),
    by: z.string(),
    why: z.string(),
  } satisfies ShapeOf<Answered>)
  .meta({ id: 'Answered', description: 'The answer that holds, and whose it is' });

export const ModeShape = z
  .object({
    mode: z.enum(['freeze', 'halt', '']).describe('Empty: jobs may disrupt, as they are armed'),
    why: z.string(),
    since: Instant.optional(),
  } satisfies ShapeOf<Mode>)
  .meta({ id: 'Mode' });

const InstantShape = z
  .object({
    job: z.string(),
    at: Instant,
    run: z.string().optional().describe('The run that was made of it'),
    leftOut: z.string().optional().describe('Why there is none'),
  } satisfies ShapeOf<DueInstant>)
  .meta({ id: 'Instant' });

export const ScheduleShape = z
  .object({
    ahead: z.array(InstantShape).describe('The next instants of each job, soonest first'),
    past: z.array(InstantShape).describe('What became of the latest ones, newest first'),
    held: z
      .array(z.object({ daemon: z.string(), why: z.string() } satisfies ShapeOf<HeldSchedules>))
      .describe('Daemons that start nothing by schedule'),
  })
  .meta({ id: 'Schedule' });

export const ScheduleQuery = z.strictObject({
  next: numberUpTo(100, 3).describe('So many instants ahead of each job'),
  limit: numberUpTo(1000, 50).describe('So many past ones'),
});

const TurnShape = z
  .object({
    run: z.string(),
    why: z.string().describe('What for'),
    since: Instant,
  } satisfies ShapeOf<LeaseTurn>)
  .meta({ id: 'Turn' });

export const WhyShape = z
  .object({
    run: z.string(),
    at: Instant,
    note: NoteShape,
    held: TurnShape.optional().describe('The run that has the subject in hand; missing while none has'),
    queue: z.array(TurnShape).describe('The runs that wait for it, first come first'),
  } satisfies ShapeOf<SubjectNote>)
  .meta({ id: 'Why', description: 'The latest word on a subject, from any run, and who has it in hand' });

export const RunParams = z.object({ id: z.string() });
