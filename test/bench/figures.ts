/** What was measured, against which bar, and how is it shown to people? */
import { cpus } from 'node:os';

/** One line of the answer. */
export interface Figure {
  readonly what: string;
  /** In words, with its unit; the middle of several where there are several. */
  readonly figure: string;
  /** What it must reach, in words; left out where nothing is asked. */
  readonly bar?: string;
  readonly met?: boolean;
  /** How often it was measured, and what else came out. */
  readonly how: string;
}

export interface Measured {
  readonly machine: string;
  readonly figures: readonly Figure[];
}

/** Throws when there is nothing. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('nothing was measured');
  return (low + high) / 2;
}

/** `n=5, 4.1–6.3 s`: what a median leaves out. */
export function spread(
  numbers: readonly number[],
  { unit, digits = 0 }: { unit?: string; digits?: number },
): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)].map((number) => number.toFixed(digits));
  return `n=${numbers.length}, ${least}–${most}${unit === undefined ? '' : ` ${unit}`}`;
}

/** The machine as far as it bears on the figures. */
export function machineWith(redisVersion: string): string {
  const cores = cpus();
  return `${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), Node ${process.versions.node}, Redis ${redisVersion}, ${process.platform}`;
}

/** The figures as a table that can stand in the README. */
export function renderMeasured({ machine, figures }: Measured): string {
  const head = ['what', 'figure', 'bar', 'met', 'how'];
  const rows = figures.map(({ what, figure, bar = '', met, how }) => [
    what,
    figure,
    bar,
    verdictOn(met),
    how,
  ]);
  return [machine, '', ...renderMarkdown(head, rows)].join('\n');
}

/** A table that is also Markdown, line by line. */
export function renderMarkdown(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) =>
    Math.max(...[title, ...rows.map((row) => row[i] ?? '')].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)];
}

function verdictOn(met: boolean | undefined): string {
  if (met === undefined) return '';
  return met ? 'yes' : 'NO';
}
