/** How does a table look on a terminal? Columns side by side, numbers to the right, no lines drawn. */

/** A table whose instants are said already. */
export interface Rows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

const GAP = '  ';
const INDENT = '    ';

/** A column is not narrowed further, whatever the terminal. */
const NARROWEST = 8;

/** One line for the header and one for each row; the widest texts are cut when `width` columns are too few. */
export function renderTable({ columns, rows }: Rows, width = Number.POSITIVE_INFINITY): string[] {
  const numeric = columns.map((_, i) => isNumeric(rows.map((row) => row[i] ?? null)));
  const lines = [columns, ...rows].map((row) => columns.map((_, i) => sayCell(row[i] ?? null)));
  const natural = columns.map((_, i) => Math.max(...lines.map((cells) => widthOf(cells[i]!))));
  const widths = fit(natural, numeric, width);

  return lines.map((cells) =>
    cells
      .map((cell, i) => pad(truncate(cell, widths[i]!), widths[i]!, numeric[i] ? 'right' : 'left'))
      .join(GAP)
      .trimEnd(),
  );
}

/**
 * The same for rows that end in a text worth reading: where it does not fit beside the others, it goes
 * below them, so that names are not cut for its sake.
 */
export function renderRows({ columns, rows }: Rows, width = Number.POSITIVE_INFINITY): string[] {
  const whole = renderTable({ columns, rows });
  if (whole.every((line) => widthOf(line) <= width)) return whole;
  const [header = '', ...heads] = renderTable(
    { columns: columns.slice(0, -1), rows: rows.map((row) => row.slice(0, -1)) },
    width,
  );
  const below = rows.map((row) => plain(String(row[columns.length - 1] ?? '')));
  return [
    header,
    ...heads.flatMap((head, i) =>
      below[i] === '' ? [head] : [head, `${INDENT}${truncate(below[i]!, width - INDENT.length)}`],
    ),
  ];
}

/** The text without control characters: what others named must not steer the terminal. */
export function tame(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '�');
}

/** The text tamed and on one line. */
export function plain(text: string): string {
  return tame(text.replace(/\s+/g, ' ').trim());
}

/** Columns of the terminal that a text takes: most signs one, East Asian ones and emoji two. */
export function widthOf(text: string): number {
  return signsOf(text).reduce((sum, sign) => sum + widthOfSign(sign), 0);
}

/** The text, or as much of it as leaves room for a `…`. */
export function truncate(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  for (const sign of signsOf(text)) {
    left -= widthOfSign(sign);
    if (left < 0) break;
    kept += sign;
  }
  return `${kept.trimEnd()}…`;
}

function isNumeric(cells: readonly (string | number | null)[]): boolean {
  const given = cells.filter((cell) => cell !== null);
  return given.length > 0 && given.every((cell) => typeof cell === 'number');
}

function sayCell(cell: string | number | null): string {
  return cell === null || cell === '' ? '–' : plain(String(cell));
}

/** Takes what is too much from the widest texts first; of equals from the last. */
function fit(natural: readonly number[], numeric: readonly boolean[], width: number): number[] {
  const widths = [...natural];
  let excess = natural.reduce((sum, one) => sum + one, GAP.length * (natural.length - 1)) - width;
  const texts = natural.flatMap((one, i) => (numeric[i] ? [] : [{ i, width: one }]));
  for (const { i, width } of texts.toReversed().toSorted((a, b) => b.width - a.width)) {
    const cut = Math.max(0, Math.min(excess, width - NARROWEST));
    widths[i] = width - cut;
    excess -= cut;
  }
  return widths;
}

function pad(text: string, width: number, side: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return side === 'left' ? text + space : space + text;
}

const SIGNS = new Intl.Segmenter('en', { granularity: 'grapheme' });
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** What people take for one sign, accents and joined emoji included. */
function signsOf(text: string): string[] {
  return Array.from(SIGNS.segment(text), ({ segment }) => segment);
}

function widthOfSign(sign: string): number {
  return WIDE.test(sign) ? 2 : 1;
}
