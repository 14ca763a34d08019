/** Which instant does a person mean who says until when? */
import { DAY_MS, instantOf, MINUTE_MS } from './local-time.ts';
import { sayInstant } from './say.ts';

const UNITS: Readonly<Record<string, number>> = { m: MINUTE_MS, h: 60 * MINUTE_MS, d: DAY_MS, w: 7 * DAY_MS };

/** What `parseUntil` reads, for people. */
export const UNTIL_FORMS = '2026-11-27 (that day included), 2026-11-27T17:00, or from now on 8h, 3d, 2w';

export interface Clock {
  readonly now: Date;
  /** The time zone that the person means and reads. */
  readonly zone: string;
}

/** As `parseUntil`, in the future; else what is wrong with the text. */
export function untilFrom(text: string, { now, zone }: Clock): Date | { readonly fault: string } {
  const end = parseUntil(text, zone, now);
  if (end === undefined) return { fault: `"${text}" is no time; say ${UNTIL_FORMS}` };
  return end > now ? end : { fault: `${sayInstant(end, zone)} is past` };
}

/**
 * A day (its last minute), a time of a day on the clocks of `zone`, an instant in UTC (`…T17:00Z`), or how
 * long from `now` on. Undefined for anything else, also for a day that no calendar has.
 */
export function parseUntil(text: string, zone: string, now: Date): Date | undefined {
  const [, amount, unit = ''] = /^(\d{1,4})([mhdw])$/.exec(text) ?? [];
  if (amount !== undefined) return new Date(now.getTime() + Number(amount) * UNITS[unit]!);
  const [, day, time = '23:59', utc] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::00)?(Z)?)?$/.exec(text) ?? [];
  if (day === undefined) return undefined;
  const wall = Date.parse(`${day}T${time}:00Z`);
  // Date.parse takes 31 November for 1 December.
  if (Number.isNaN(wall) || !new Date(wall).toISOString().startsWith(day)) return undefined;
  return new Date(utc === undefined ? instantOf(wall, zone) : wall);
}
