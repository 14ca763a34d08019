/** How is one run shown whole: what it was asked, what it did and said, and what it needs from a person? */
import type { z } from 'zod';
import { byName } from '../domain/names.ts';
import { sayCount, sayInstant } from '../domain/say.ts';
import { shellQuote } from '../domain/shell-quote.ts';
import type { Json, Note, Report, Sheet } from '../engine/job.ts';
import type { ChildView, RunRecord, StepView } from '../engine/runs.ts';
import { tellingOptions } from './options.ts';
import { renderFacts, renderReport, sayProgress, sayTook, sayTrigger, type View } from './render.ts';
import { renderRows, renderTable, truncate } from './table.ts';

/** As much of a digest as tells two versions apart. */
const DIGEST_WIDTH = 20;
/** Whole scripts may be options; --json has them whole. */
const OPTION_WIDTH = 60;

/** `schema`: what options the job takes, so that those are left out that are as ever; --json has them all. */
export function renderRun(run: RunRecord, view: View, schema?: z.ZodType): string[] {
  const sections = [
    [`${run.id}  ${run.state}`, ...renderFacts(factsOf(run, view, schema))],
    run.report === undefined ? [] : renderReport(run.report, view),
    notesOf(run, view),
    stepsOf(run, view),
    childrenOf(run.children, view),
    needsOf(run),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
}

function factsOf(
  run: RunRecord,
  { zone, now }: View,
  schema: z.ZodType | undefined,
): (readonly [string, string])[] {
  const at = (time: string) => sayInstant(new Date(time), zone);
  const { startedAt, endedAt, waiting, progress, cancel, error, failedStep, owner } = run;
  const facts: (readonly [string, string] | undefined)[] = [
    [
      'asked',
      `${at(run.createdAt)} by ${sayTrigger(run.trigger)}, ${sayOptions(tellingOptions(run.options, schema))}`,
    ],
    run.acting ? undefined : ['dry run', 'nothing is changed'],
    startedAt === undefined
      ? undefined
      : ['began', endedAt === undefined ? `${at(startedAt)}, ${sayTook(run, now)}` : at(startedAt)],
    endedAt === undefined ? undefined : ['ended', `${at(endedAt)}${sayTaken(run, now)}`],
    owner === undefined ? undefined : ['worked by', owner],
    progress && ['progress', sayProgress(progress)],
    waiting && ['waits', `for ${waiting.for}, since ${at(waiting.since)}`],
    cancel === undefined ? undefined : ['cancelled', `by ${cancel}`],
    error === undefined ? undefined : ['error', failedStep === undefined ? error : `${failedStep}: ${error}`],
    run.claims > 1 ? ['taken up', sayCount(run.claims, 'time')] : undefined,
    run.resumes > 0 ? ['resumed', sayCount(run.resumes, 'time')] : undefined,
    ['definition', truncate(run.definition, DIGEST_WIDTH)],
  ];
  return facts.filter((fact) => fact !== undefined);
}

function sayTaken(run: RunRecord, now: Date): string {
  const took = sayTook(run, now);
  return took === null ? '' : `, took ${took}`;
}

/** What the report does not say already. The evidence is for `why`, which is asked about one of them. */
function notesOf({ notes, report }: RunRecord, { zone }: View): string[] {
  const said = report === undefined ? '' : textOf(report);
  const sorted = notes
    .filter((note) => !repeats(said, note))
    .toSorted((a, b) => byName(a.subject, b.subject));
  if (sorted.length === 0) return [];
  const rows = sorted.map(({ subject, verdict, why, until }) => [
    subject,
    verdict,
    [why, until === undefined ? undefined : `until ${sayInstant(new Date(until), zone)}`]
      .filter(Boolean)
      .join('; '),
  ]);
  // Whole, however narrow the terminal: this is where the reasons are.
  return [
    'Notes',
    ...renderTable({ columns: ['', '', ''], rows })
      .slice(1)
      .map((line) => `  ${line}`),
  ];
}

function repeats(said: string, { why, until }: Note): boolean {
  return until === undefined && said.includes(why);
}

function textOf({ headline, sheet, lines = [] }: Report): string {
  return [headline, ...(sheet?.rows.flat().map(sayCell) ?? []), ...lines].join('\n');
}

/** Instants are said in too many ways to be found again. */
function sayCell(cell: Sheet['rows'][number][number]): string {
  return typeof cell === 'object' ? '' : String(cell);
}

function stepsOf({ steps, error }: RunRecord, { width, now }: View): string[] {
  if (steps.length === 0) return [];
  const rows = steps.map((step, i) => [
    i + 1,
    step.key,
    step.state,
    step.effect,
    step.tries,
    sayTook(step, now),
    // The run's error is that of its last step, and stands above.
    step.why === error ? '' : (step.why ?? ''),
  ]);
  return renderRows({ columns: ['#', 'step', 'state', 'effect', 'tries', 'took', 'why'], rows }, width);
}

function childrenOf(children: readonly ChildView[], { width, zone }: View): string[] {
  if (children.length === 0) return [];
  const at = (time: string) => sayInstant(new Date(time), zone);
  const rows = children.map((child) => [
    child.id,
    child.state,
    at(child.since),
    [child.for, child.until === null ? null : `until ${at(child.until)}`].filter(Boolean).join(', '),
  ]);
  return renderRows({ columns: ['started', 'state', 'since', 'waits for'], rows }, width);
}

/** What a person can do now, as commands to type; nothing while the run helps itself. */
function needsOf({ id, acting, state, steps, waiting, failedStep, error }: RunRecord): string[] {
  const unknown = steps.filter((step) => step.state === 'unknown');
  if (state === 'needs-decision' && unknown.length > 0)
    return unknown.flatMap((step) => decisionOn(id, step));
  const resume = ['to go on', `nightshift resume ${id}`] as const;
  if (state === 'needs-decision') {
    return [
      `Needs you: ${waiting?.for ?? 'somebody to look'}`,
      ...renderFacts([resume, ['to stop', `nightshift kill ${id}`]]),
    ];
  }
  // A dry run is as soon asked for anew.
  if ((state === 'failed' && failedStep !== undefined && acting) || state === 'quarantined') {
    return [
      `Needs you: ${failedStep === undefined ? (error ?? state) : `${shellQuote(failedStep)} failed`}`,
      ...renderFacts([resume]),
    ];
  }
  return [];
}

function decisionOn(id: string, { key, why }: StepView): string[] {
  const decide = (happened: string) =>
    `nightshift decide ${id} --step ${shellQuote(key)} --happened ${happened} --reason '…'`;
  return [
    `Needs you: did ${shellQuote(key)} happen?`,
    ...renderFacts([
      ['known', why ?? 'nothing: nobody saw how it ended'],
      ['it did', decide('yes')],
      ['run it again', decide('no')],
      ['give it up', decide('failed')],
    ]),
  ];
}

function sayOptions(options: Json): string {
  const given = typeof options === 'object' && options !== null ? Object.entries(options as object) : [];
  const words = given.map(
    ([name, value]) => `${name}=${asWord(typeof value === 'string' ? value : JSON.stringify(value))}`,
  );
  return words.length === 0 ? 'no options' : words.join(' ');
}

/** As it is typed after `--option`, unless it is long. */
function asWord(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (text.includes('\n') || line.length > OPTION_WIDTH)
    return truncate(line, OPTION_WIDTH - 1).replace(/…?$/, '…');
  return /^[\w.,:@%/+=-]+$/.test(text) ? text : shellQuote(text.replaceAll('\0', '�'));
}
