/** How do texts fit onto a terminal of so many columns? Broken between words, never cut. */
import { widthOf } from '../cli/table.ts';

/** Columns are apart by more than one blank: those stay together. */
const BETWEEN_WORDS = /(?<=\S) (?=\S)/;
/** What stands in quotes is one word to a shell. */
const BETWEEN_ARGUMENTS = / (?=(?:[^']*'[^']*')*[^']*$)/;

/** Lines no wider than `width`, unless a word alone is; all but the first are indented by `hang`. */
export function wrap(
  text: string,
  { width, hang, between = BETWEEN_WORDS }: { width: number; hang: number; between?: RegExp },
): string[] {
  const indent = ' '.repeat(hang < width / 2 ? hang : 2);
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(between)) {
    const longer = row === '' ? word : `${row} ${word}`;
    if (row !== '' && widthOf(longer) > width) {
      rows.push(row);
      row = indent + word;
    } else row = longer;
  }
  return [...rows, row];
}

/**
 * `label  what to type`, or the one below the other where that is too wide. A command that is too wide
 * even so is broken as a shell reads it.
 */
export function layOutSights(
  rows: readonly (readonly [label: string, what: string])[],
  width: number,
): string[] {
  const longest = Math.max(0, ...rows.map(([label]) => widthOf(label)));
  const lines = rows.map(([label, what]) => `  ${label.padEnd(longest)}  ${what}`);
  if (lines.every((line) => widthOf(line) <= width)) return lines;
  return rows.flatMap(([label, what]) => {
    const parts = wrap(what, { width: width - 8, hang: 2, between: BETWEEN_ARGUMENTS });
    return [`  ${label}`, ...parts.map((part, i) => `    ${part}${i < parts.length - 1 ? ' \\' : ''}`)];
  });
}
