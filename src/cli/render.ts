/** How are runs, reports and notes put into lines for people? Knows no job. */
import { sayDuration, sayInstant } from '../domain/say.ts';
import type { Report, Sheet, Trigger } from '../engine/job.ts';
import type { LeaseTurn, RunSummary, SubjectNote } from '../engine/runs.ts';
import { plain, type Rows, renderRows, renderTable, tame } from './table.ts';

/** Who looks, and when. */
export interface View {
  /** The time zone in which times are said. */
  readonly zone: string;
  /** Columns of the terminal; infinite where the output goes elsewhere. */
  readonly width: number;
  readonly now: Date;
}

const ROOM_FOR_TIMES = 110;

/** What a run answered: its headline, its sheet, and what was left out and why. */
export function renderReport(
  { headline, sheet, lines = [] }: Report,
  view: Pick<View, 'width' | 'zone'>,
): string[] {
  return [
    plain(headline),
    ...(sheet === undefined ? [] : renderTable(inZone(sheet, view.zone), view.width)),
    ...lines.flatMap((line) => line.split('\n')).map(tame),
  ];
}

/** With its instants said in the reader's zone. */
function inZone({ columns, rows }: Sheet, zone: string): Rows {
  const said = rows.map((row) =>
    row.map((cell) =>
      typeof cell === 'object' && cell !== null ? sayInstant(new Date(cell.at), zone) : cell,
    ),
  );
  return { columns, rows: said };
}

/** Runs in a list, one line each, in the order given; on a narrow terminal what became of each is a second line. */
export function renderRuns(runs: readonly RunSummary[], { zone, width, now }: View): string[] {
  if (runs.length === 0) return ['No runs.'];
  // The id says when it was asked for, so that is what a narrow terminal does without.
  const hasRoom = width >= ROOM_FOR_TIMES;
  const rows = runs.map((run) => [
    run.id,
    run.state,
    run.trigger.by ?? run.trigger.kind,
    ...(hasRoom ? [run.startedAt === undefined ? null : sayInstant(new Date(run.startedAt), zone)] : []),
    sayTook(run, now),
    sayWhere(run),
  ]);
  const columns = ['run', 'state', 'by', ...(hasRoom ? ['began'] : []), 'took', 'what'];
  return renderRows({ columns, rows }, width);
}

/** The latest word on a subject, what it is made of, and who has the subject in hand or waits for it. */
export function renderWhy(known: SubjectNote, view: Pick<View, 'zone' | 'width'>): string[] {
  const { run, at, note } = known;
  const { subject, verdict, why, evidence, since, until, sheet, lines = [] } = note;
  const instant = (time: string) => sayInstant(new Date(time), view.zone);
  const begun = since === undefined ? '' : ` since ${instant(since)}`;
  const facts: (readonly [string, string] | undefined)[] = [
    evidence === undefined ? undefined : ['evidence', evidence],
    until === undefined ? undefined : ['until', `${instant(until)} at the latest`],
    ['said by', `${run}, ${instant(at)}`],
  ];
  return [
    plain(`${subject}: ${verdict}${begun}, ${why}`),
    ...(sheet === undefined ? [] : renderRows(inZone(sheet, view.zone), view.width - 2)).map(
      (line) => `  ${line}`,
    ),
    ...lines.map(plain),
    ...turnsOf(known, instant),
    ...renderFacts(facts.filter((fact) => fact !== undefined)),
  ];
}

function turnsOf({ note, held, queue }: SubjectNote, instant: (time: string) => string): string[] {
  const say = ({ run, why, since }: LeaseTurn) => `${run} (${why}), since ${instant(since)}`;
  if (held === undefined) return [];
  if (queue.length === 0) return [plain(`Nothing else waits for ${note.subject}.`)];
  return queue.map((turn) => plain(`Also waits for ${note.subject}: ${say(turn)}`));
}

/** `label  text`, one below the other; a text of several lines stays in its column. */
export function renderFacts(facts: readonly (readonly [label: string, text: string])[]): string[] {
  const width = Math.max(0, ...facts.map(([label]) => label.length));
  return facts.flatMap(([label, text]) =>
    text
      .trimEnd()
      .split('\n')
      .map((line, i) => `  ${(i === 0 ? label : '').padEnd(width)}  ${tame(line)}`),
  );
}

/** `cron`, `kim (cli)`. */
export function sayTrigger({ kind, by }: Trigger): string {
  return by === undefined ? kind : `${by} (${kind})`;
}

/** How long a run or step took, or has taken so far; null when it has not begun. */
export function sayTook(
  { startedAt, endedAt }: { readonly startedAt?: string; readonly endedAt?: string },
  now: Date,
): string | null {
  if (startedAt === undefined) return null;
  const end = endedAt === undefined ? now : new Date(endedAt);
  return `${sayDuration(end.getTime() - Date.parse(startedAt))}${endedAt === undefined ? ' so far' : ''}`;
}

export function sayProgress({ done, total, unit }: NonNullable<RunSummary['progress']>): string {
  return `${done} of ${total} ${unit}`;
}

/** How far the run is and what became of it, in a line. */
function sayWhere({ acting, progress, waiting, cancel, error }: RunSummary): string {
  const words = [
    acting ? '' : 'dry run',
    progress === undefined ? '' : sayProgress(progress),
    waiting === undefined ? '' : `waits for ${waiting.for}`,
    cancel === undefined ? '' : `cancelled by ${cancel}`,
    error ?? '',
  ];
  return words.filter((word) => word !== '').join('; ');
}
