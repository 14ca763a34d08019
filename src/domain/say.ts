/** How are instants, durations, counts and lists said to people? */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `Tue 24 Nov 2026`, on the wall of `zone`. */
export function sayDay(instant: Date, zone: string): string {
  const { weekday, day, month, year } = partsOf(instant, zone);
  return `${weekday} ${day} ${month} ${year}`;
}

/** `Tue 24 Nov 2026 22:58 UTC`. */
export function sayInstant(instant: Date, zone: string): string {
  const { hour, minute } = partsOf(instant, zone);
  return `${sayDay(instant, zone)} ${hour}:${minute} ${zoneName(instant, zone)}`;
}

/** `between 1 and 3 Dec 2026`, with as much of both days as tells them apart; `on Tue 1 Dec 2026` where they are one. */
export function sayBetween(from: Date, to: Date, zone: string): string {
  const [first, last] = [partsOf(from, zone), partsOf(to, zone)];
  const end = `${last.day} ${last.month} ${last.year}`;
  if (first.year !== last.year) return `between ${first.day} ${first.month} ${first.year} and ${end}`;
  if (first.month !== last.month) return `between ${first.day} ${first.month} and ${end}`;
  if (first.day !== last.day) return `between ${first.day} and ${end}`;
  return `on ${sayDay(from, zone)}`;
}

/** `400 ms`, `41 s`, `6 min`, `2 h 10 min`, `3 days 4 h`: at most two units, rounded to the smaller. */
export function sayDuration(ms: number): string {
  if (ms < 0) return `-${sayDuration(-ms)}`;
  if (Math.round(ms) < SECOND_MS) return ms === 0 ? '0 s' : `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(ms / MINUTE_MS);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return twoUnits(minutes, 60, ['h', 'min']);
  return twoUnits(Math.round(ms / HOUR_MS), DAY_MS / HOUR_MS, ['days', 'h']);
}

/** An estimate: `~6 min`. */
export function sayAbout(ms: number): string {
  return `~${sayDuration(ms)}`;
}

/** `1 server`, `2 servers`, `no servers`; `plural` where an s is not enough. */
export function sayCount(count: number, noun: string, plural = `${noun}s`): string {
  if (count === 0) return `no ${plural}`;
  return `${count} ${count === 1 ? noun : plural}`;
}

/** `hv04, hv05 and 7 more`: the first `shown` of them, or all where naming one more says it all. */
export function sayList(items: readonly string[], shown = items.length): string {
  if (items.length === 0) return 'none';
  if (items.length === 1) return items[0]!;
  if (items.length <= shown + 1) return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
  return `${items.slice(0, shown).join(', ')} and ${items.length - shown} more`;
}

function twoUnits(total: number, size: number, [large, small]: readonly [string, string]): string {
  const rest = total % size;
  return `${Math.floor(total / size)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** In American English, whose months all have three letters (British English has Sept). */
function partsOf(instant: Date, zone: string): Record<string, string> {
  const format = new Intl.DateTimeFormat('en-US-u-hc-h23', {
    timeZone: zone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  });
  return Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
}

/** British English knows CET and BST, American English EST; what neither knows is `GMT+9`. */
function zoneName(instant: Date, zone: string): string {
  const names = ['en-GB', 'en-US'].map(
    (locale) =>
      new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' })
        .formatToParts(instant)
        .find(({ type }) => type === 'timeZoneName')!.value,
  );
  return names.find((name) => !/\d/.test(name)) ?? names[0]!;
}
