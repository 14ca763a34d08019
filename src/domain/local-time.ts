/**
 * Which instant does a clock on the wall of a time zone mean, and what does it show at an instant?
 *
 * Built on Intl's offsets because Temporal is behind a flag in Node 24.
 */

/** What a wall clock shows, as the milliseconds at which a clock in UTC would show the same. */
export type WallClock = number;

export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks of `zone` show at `instant` (ms). RangeError for an unknown zone. */
export function wallClockAt(instant: number, zone: string): WallClock {
  return instant + offsetAt(instant, zone);
}

/**
 * The first instant (ms) at which the clocks of `zone` show `wall` or later: a time that happens
 * twice is its first, a time that is skipped is the moment of the jump. So order is kept.
 */
export function instantOf(wall: WallClock, zone: string): number {
  const before = wall - offsetAt(wall - DAY_MS, zone);
  const after = wall - offsetAt(wall + DAY_MS, zone);
  for (const instant of [before, after]) if (wallClockAt(instant, zone) === wall) return instant;

  let [early, late] = [after, before];
  while (late - early > MINUTE_MS) {
    const middle = early + Math.round((late - early) / (2 * MINUTE_MS)) * MINUTE_MS;
    if (wallClockAt(middle, zone) < wall) early = middle;
    else late = middle;
  }
  return late;
}

/** True when Intl knows the zone. */
export function isZone(zone: string): boolean {
  try {
    return formatOf(zone) !== undefined;
  } catch {
    return false;
  }
}

function offsetAt(instant: number, zone: string): number {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day, hour, minute, second } = parts;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  return wall - Math.floor(instant / 1000) * 1000;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-u-ca-iso8601-hc-h23', {
    timeZone: zone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, format);
  return format;
}
