/** What do people see of runs while they go on? Lines that are said once, and a few that change. Knows no job. */
import { renderProgress } from '../cli/render-log.ts';
import { plain, widthOf } from '../cli/table.ts';
import { byName } from '../domain/names.ts';
import { sayCount } from '../domain/say.ts';
import type { Note } from '../engine/job.ts';
import { isOver, type RunRecord, type StepView } from '../engine/runs.ts';
import { type Family, familiesOf } from './family.ts';
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
}

/** What is to be said now, each line once; `runs` in the order in which they were made. */
export function tell(told: Told, runs: readonly RunRecord[]): { lines: Line[]; told: Told } {
  const keys = new Set(told.keys);
  let { speaker } = told;
  const lines: Line[] = [];
  for (const family of familiesOf(runs)) {
    for (const { key, time, text, hang } of sayingsOf(family)) {
      if (keys.has(key)) continue;
      keys.add(key);
      // Of several at a time, each says its name when it takes the word; some lines say it themselves.
      const { root } = family;
      if (text.startsWith(' ') && speaker !== root.id) lines.push({ time, text: nameOf(root), hang: 0 });
      speaker = root.id;
      lines.push({ time, text, hang });
    }
  }
  return { lines, told: { keys, ...(speaker === undefined ? {} : { speaker }) } };
}

/** Everything that has been said, in the order in which it happened as far as the journals tell. */
function sayingsOf({ root, members }: Family): Saying[] {
  const steps = members.flatMap((member) => member.steps);
  const notes = members.flatMap((member) => member.notes);
  const opening = root.report === undefined && notes.length === 0 ? [] : [beginning(root, steps.length)];
  const asks = members.filter(({ state }) => state === 'needs-decision').map(asking);
  const ends = isOver(root.state) ? [ending(root)] : [];
  return [...opening, ...noteSayings(root, notes, steps), ...asks, ...ends].map((saying) => ({
    ...saying,
    time: clock(saying.time),
  }));
}

/** What a run and its child say alike is one saying. */
function noteSayings(root: RunRecord, notes: readonly Note[], steps: readonly StepView[]): Saying[] {
  const width = Math.max(0, ...notes.map(({ subject }) => widthOf(nameIn(subject))));
  return notes
    .map((note) => ({ note, at: noteTime(note, root, steps) }))
    .toSorted((a, b) => a.at.localeCompare(b.at) || byName(a.note.subject, b.note.subject))
    .map(({ note, at }) => {
      const { subject, verdict, why } = note;
      const head = `  ${nameIn(subject).padEnd(width)}  ${verdict.padEnd(5)}  `;
      const text = plain(why);
      const key = `note ${root.id} ${subject} ${verdict} ${why}`;
      return { key, time: at, text: head + text, hang: widthOf(head) };
    });
}

/** A run that is well under way when it is seen first was begun by a demo before this one. */
function beginning(root: RunRecord, steps: number): Saying {
  const { id, report, progress, state } = root;
  const head = `${nameOf(root)}  `;
  const goesOn = progress !== undefined && !isOver(state);
  const text = goesOn
    ? `goes on after ${sayCount(steps, 'step')}; what is done stays done`
    : (report?.headline ?? '');
  return {
    key: `begins ${id}`,
    time: root.steps[0]?.startedAt ?? '',
    text: head + plain(text),
    hang: widthOf(head),
  };
}

function asking({ id, waiting, steps }: RunRecord): Saying {
  const why = plain(waiting?.for ?? '');
  return { key: `asks ${id} ${why}`, time: lastTime(steps), text: `  needs you: ${why}`, hang: 4 };
}

function ending(root: RunRecord): Saying {
  const head = `${nameOf(root)}  `;
  const words = [root.state, root.error].filter((each) => each !== undefined);
  return {
    key: `ends ${root.id}`,
    time: lastTime(root.steps),
    text: head + plain(words.join('. ')),
    hang: widthOf(head),
  };
}

function nameOf({ job, acting }: RunRecord): string {
  return acting ? job : `${job} (dry run)`;
}

/** `hv19` of `hypervisor hv19`. */
function nameIn(subject: string): string {
  return plain(subject.slice(subject.indexOf(' ') + 1));
}

/** A note has no time of its own: when the last step ended that spoke of its subject, else when the run began. */
function noteTime({ subject }: Note, root: RunRecord, steps: readonly StepView[]): string {
  const name = nameIn(subject);
  const about = steps.filter(({ key, endedAt }) => endedAt !== undefined && key.split(/[ ,]/).includes(name));
  return about.length > 0 ? lastTime(about) : (root.steps[0]?.startedAt ?? '');
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

/** What changes: of each run under way how far it is, and what it and those that it started do just now. */
export function moving(runs: readonly RunRecord[], width: number): string[] {
  return familiesOf(runs)
    .filter(({ root }) => !isOver(root.state))
    .flatMap(({ root, members }) => {
      const { progress, steps, waiting } = root;
      const bar = progress === undefined ? sayCount(steps.length, 'step') : renderProgress(progress, width);
      const doing = members
        .filter(({ state }) => state === 'running')
        .flatMap((member) => member.steps.filter(({ state }) => state === 'begun'))
        .map(({ key }) => shorten(key));
      const words = doing.length > 0 || waiting === undefined ? doing.join(', ') : `waits for ${waiting.for}`;
      return [INDENT + bar, INDENT + plain(words)];
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
