/** Is this a cron expression of five fields, and if not, which field is wrong and why? */
import { WEEKDAYS } from './window.ts';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Words for the numbers from `min` on. */
  readonly words: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, words: [] },
  { name: 'hour', min: 0, max: 23, words: [] },
  { name: 'day of month', min: 1, max: 31, words: [] },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of week', min: 0, max: 7, words: WEEKDAYS },
];

/** Why `expression` is no cron expression, for people; undefined when it is one. */
export function cronFault(expression: string): string | undefined {
  const given = expression.trim().split(/\s+/);
  if (given.length !== FIELDS.length) {
    const names = FIELDS.map((field) => field.name).join(', ');
    return `a schedule has 5 fields (${names}), this has ${expression.trim() === '' ? 0 : given.length}`;
  }
  return FIELDS.flatMap((field, i) => given[i]!.split(',').map((item) => itemFault(item, field))).find(
    (fault) => fault !== undefined,
  );
}

/** One item of a list: `*`, a value or a range, each perhaps with a step. */
function itemFault(item: string, field: Field): string | undefined {
  const { name, min, max, words } = field;
  const [, from = '', to, step] = /^([a-z0-9]+|\*)(?:-([a-z0-9]+))?(?:\/(\d+))?$/i.exec(item) ?? [];
  const limits = words.length === 0 ? `${min}–${max}` : `${min}–${max} or ${words[0]}–${words.at(-1)}`;
  const fault = `"${item}" is no ${name} (${limits})`;

  const first = from === '*' ? min : valueOf(from, field);
  const last = to === undefined ? max : valueOf(to, field);
  if (first === undefined || last === undefined || (from === '*' && to !== undefined)) return fault;
  if (to !== undefined && last < first) return `"${item}" runs backwards (${name})`;
  if (step !== undefined && Number(step) === 0) return `"${item}" has a step of 0 (${name})`;
  return undefined;
}

function valueOf(text: string, { min, max, words }: Field): number | undefined {
  const word = words.indexOf(text.toLowerCase());
  const value = word >= 0 ? word + min : /^\d+$/.test(text) ? Number(text) : -1;
  return value >= min && value <= max ? value : undefined;
}
