/** What do people see of runs while they go on? Lines that are said once, and a few that change. Knows no job. */
import { renderProgress } from '../cli/render-log.ts';
import { plain, widthOf } from '../cli/table.ts';
import { byName } from '../domain/names.ts';
import { sayCount } from '../domain/say.ts';
import type { Note } from '../engine/job.ts';
import { isOver, type RunRecord, type StepView } from '../engine/runs.ts';
import { wrap } from './lay-out.ts';

/** A line in columns; what is empty takes its room. */
export interface Line {
  /** `22:41`, in UTC. */
  readonly time: string;
  readonly text: string;
  /** Columns by which the text's further lines are indented, where it needs several. */
  readonly hang: number;
}

/** What has been said so far. */
export interface Told {
  readonly keys: ReadonlySet<string>;
  /** The run of which the last line spoke. */
  readonly speaker?: string;
}

export const NOTHING_TOLD: Told = { keys: new Set() };

interface Saying extends Line {
  readonly key: string;
  readonly run: RunRecord;
}

/** What is to be said now, each line once; `said` are the runs in the order in which they were made. */
export function tell(told: Told, runs: readonly RunRecord[]): { lines: Line[]; told: Told } {
  const keys = new Set(told.keys);
  let { speaker } = told;
  const lines: Line[] = [];
  for (const saying of runs.flatMap(sayingsOf)) {
    const { key, run, time, text, hang } = saying;
    if (keys.has(key)) continue;
    keys.add(key);
    // Of several runs at a time, each says its name when it takes the word; some lines say it themselves.
    if (text.startsWith(' ') && speaker !== run.id) lines.push({ time, text: nameOf(run), hang: 0 });
    speaker = run.id;
    lines.push({ time, text, hang });
  }
  return { lines, told: { keys, ...(speaker === undefined ? {} : { speaker }) } };
}

/** Everything that the run has said, in the order in which it happened as far as its journal tells. */
function sayingsOf(run: RunRecord): Saying[] {
  const { id, report, notes, state, steps, waiting, error } = run;
  const opening = report === undefined && notes.length === 0 ? [] : [beginning(run)];
  const width = Math.max(0, ...notes.map(({ subject }) => widthOf(nameIn(subject))));
  const said = notes
    .map((note) => ({ note, at: noteTime(run, note) }))
    .toSorted((a, b) => a.at.localeCompare(b.at) || byName(a.note.subject, b.note.subject))
    .map(({ note, at }): Saying => {
      const { subject, verdict, why, evidence } = note;
      const head = `  ${nameIn(subject).padEnd(width)}  ${verdict.padEnd(5)}  `;
      const text = plain([why, evidence].filter(Boolean).join('; '));
      return {
        run,
        key: `note ${id} ${subject} ${verdict} ${why}`,
        time: at,
        text: head + text,
        hang: widthOf(head),
      };
    });
  const now = lastTime(steps);
  const asks: Saying[] =
    state === 'needs-decision'
      ? [
          {
            run,
            key: `asks ${id} ${waiting?.for}`,
            time: now,
            text: `  needs you: ${plain(waiting?.for ?? '')}`,
            hang: 4,
          },
        ]
      : [];
  const ends: Saying[] = isOver(state) ? [ending(run, now, error)] : [];
  return [...opening, ...said, ...asks, ...ends].map((saying) => ({ ...saying, time: clock(saying.time) }));
}

/** A run that is well under way when it is seen first was begun by a demo before this one. */
function beginning(run: RunRecord): Saying {
  const { id, report, steps, progress, state } = run;
  const head = `${nameOf(run)}  `;
  const goesOn = progress !== undefined && !isOver(state);
  const text = goesOn
    ? `goes on after ${sayCount(steps.length, 'step')}; what is done stays done`
    : (report?.headline ?? '');
  return {
    run,
    key: `begins ${id}`,
    time: steps[0]?.startedAt ?? '',
    text: head + plain(text),
    hang: widthOf(head),
  };
}

function ending(run: RunRecord, time: string, error: string | undefined): Saying {
  const head = `${nameOf(run)}  `;
  const words = [run.state, error].filter((each) => each !== undefined);
  return { run, key: `ends ${run.id}`, time, text: head + plain(words.join('. ')), hang: widthOf(head) };
}

/** A run by its job; a child by what its parent calls it. */
function nameOf({ id, job, parent, acting }: RunRecord): string {
  const name = parent === undefined ? job : `${job} ${id.slice(parent.length + 1)}`;
  return acting ? name : `${name} (dry run)`;
}

/** `hv19` of `hypervisor hv19`. */
function nameIn(subject: string): string {
  return plain(subject.slice(subject.indexOf(' ') + 1));
}

/** A note has no time of its own: when the last step ended that spoke of its subject, else when the run began. */
function noteTime({ steps }: RunRecord, { subject }: Note): string {
  const name = nameIn(subject);
  const about = steps.filter(({ key, endedAt }) => endedAt !== undefined && key.split(/[ ,]/).includes(name));
  return about.length > 0 ? lastTime(about) : (steps[0]?.startedAt ?? '');
}

function lastTime(steps: readonly StepView[]): string {
  return (
    steps
      .map(({ startedAt, endedAt }) => endedAt ?? startedAt)
      .toSorted()
      .at(-1) ?? ''
  );
}

function clock(time: string): string {
  return time.slice(11, 16);
}

/** What changes: of each run under way how far it is and what it does just now. */
export function moving(runs: readonly RunRecord[], width: number): string[] {
  return runs
    .filter(({ state }) => !isOver(state))
    .flatMap((run) => {
      const { progress, steps, waiting, state } = run;
      const bar = progress === undefined ? sayCount(steps.length, 'step') : renderProgress(progress, width);
      const doing = steps.filter((step) => step.state === 'begun').map(({ key }) => shorten(key));
      const words = state === 'waiting' ? `waits for ${waiting?.for}` : doing.join(', ');
      return [`${INDENT}${bar}`, `${INDENT}${plain(words)}`];
    });
}

/** As wide as the time and the gap behind it. */
const INDENT = ' '.repeat(7);

/** Ids in full tell nobody anything while they rush by. */
function shorten(key: string): string {
  return key.replaceAll(/\b([0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f-]{22}\b/g, '$1…');
}

/** The line as it is written, no wider than `width`. */
export function layOut({ time, text, hang }: Line, width: number): string[] {
  const rows = wrap(text, { width: width - INDENT.length, hang });
  return rows.map((row, i) => `${(i === 0 ? time : '').padEnd(INDENT.length)}${row}`);
}
