/** Has a text the form of a time of day, of days, of a zone or of a number of days, and if not, what is wrong? */
import { didYouMean } from './did-you-mean.ts';
import { isZone } from './local-time.ts';
import type { DayRange } from './window.ts';
import { show } from './words.ts';

export function zoneFault(zone: string): string | undefined {
  if (isZone(zone)) return undefined;
  const meant = didYouMean(zone, Intl.supportedValuesOf('timeZone'));
  const hint = meant === undefined ? ' (as in Europe/London)' : `, did you mean \`${meant}\`?`;
  return `${show(zone)} is no time zone${hint}`;
}

export function timeFault(time: string): string | undefined {
  if (/^([01]\d|2[0-3]):[0-5]\d$/.test(time)) return undefined;
  return `${show(time)} is no time of day (00:00–23:59)`;
}

/** A day, or the first and the last of several. */
export function daysFault(range: string): string | undefined {
  const { from, to } = parseDays(range);
  if (!isDay(from) || !isDay(to)) {
    return `${show(range)} is no day and no range of days (2026-12-24 or 2026-12-24..2027-01-02)`;
  }
  return from <= to ? undefined : `${show(range)} ends before it begins`;
}

export function parseDays(range: string): DayRange {
  const [from = '', to = from] = range.split('..');
  return { from, to };
}

function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === day;
}

const SPAN = /^(\d{1,4})([hdw])$/;
const SPAN_UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** `12h`, `7d`, `2w` */
export function spanFault(span: string): string | undefined {
  return SPAN.test(span) ? undefined : `${show(span)} is no span of time (12h, 7d, 2w)`;
}

/** In ms, of a text without fault. */
export function parseSpan(span: string): number {
  const [, amount = '', unit = ''] = SPAN.exec(span) ?? [];
  return Number(amount) * (SPAN_UNITS[unit] ?? Number.NaN);
}
