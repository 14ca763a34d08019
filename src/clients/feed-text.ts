/** What do texts and times in a feed mean? Machines write them, so they are bounded and else kept as they are. */
import { instantOf, MINUTE_MS } from '../domain/local-time.ts';

/** Of a name. DNS has no longer ones. */
const MOST_CHARACTERS = 255;
const MOST_ADDRESS = 2048;

/** Worst first, where the site says nothing else. */
export const USUAL_TAGS = ['EGI-Critical', 'Critical', 'EGI-High', 'High', 'Moderate', 'Medium', 'Low'];

/** Without blanks around it; cut where it is too long. Undefined where nothing is left. */
export function bounded(text: string | undefined, most = MOST_CHARACTERS): string | undefined {
  const trimmed = text?.trim() ?? '';
  return trimmed === '' ? undefined : trimmed.slice(0, most);
}

/** Only a URL that a browser opens; anything else is none. */
export function webLink(text: string | undefined): string | undefined {
  const link = bounded(text, MOST_ADDRESS + 1);
  if (link === undefined || link.length > MOST_ADDRESS) return undefined;
  const url = URL.parse(link);
  return url !== null && ['http:', 'https:'].includes(url.protocol) ? url.href : undefined;
}

const ESCAPED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Undoes what PHP's htmlspecialchars does, once: `&amp;lt;` is `&lt;`. */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(/&(amp|lt|gt|quot|apos|#0?39);/g, (_, name: string) => ESCAPED[name] ?? "'");
}

/** The worst first by this order; tags that it does not name come last, by name. */
export function worstFirst(order: readonly string[]): (a: string, b: string) => number {
  const ranks = new Map(order.map((tag, rank) => [tag, rank]));
  const rankOf = (tag: string) => ranks.get(tag) ?? order.length;
  return (a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : Number(a > b));
}

const LOCAL = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)?$/;
const ZONED = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

/**
 * Reads times such as `2026-11-21 09:39:38` as the clocks of `zone` show them, and ISO 8601 with an offset as it
 * is. Gives ISO 8601 in UTC; undefined for what is no time. Of an hour that happens twice it is the first.
 */
export function timeReader(zone: string): (text: string) => string | undefined {
  // Machines report within few minutes of the day, and asking Intl for each of them takes long.
  const minutes = new Map<string, number>();
  const minuteOf = (day: string, time: string) => {
    const key = `${day}T${time}`;
    const known = minutes.get(key);
    if (known !== undefined) return known;
    const wall = Date.parse(`${key}Z`);
    const isReal = !Number.isNaN(wall) && new Date(wall).toISOString().startsWith(key);
    const instant = isReal ? instantOf(wall, zone) : Number.NaN;
    minutes.set(key, instant);
    return instant;
  };
  return (text) => {
    const [, day, time, second = '0'] = LOCAL.exec(text) ?? [];
    if (day === undefined || time === undefined)
      return ZONED.test(text) ? isoOf(Date.parse(text)) : undefined;
    return Number(second) < 60 ? isoOf(minuteOf(day, time) + Number(second) * 1000) : undefined;
  };
}

/** Beyond this, a time in the future is no slip of a clock. */
const SLIP_MS = 5 * MINUTE_MS;

/** What is wrong with times that are later than the poll; none where nothing is. */
export function futureFault(newest: string | undefined, takenAt: string): string[] {
  if (newest === undefined || Date.parse(newest) <= Date.parse(takenAt) + SLIP_MS) return [];
  return [`the newest report is of ${newest}, which is yet to come: is \`timezone\` that of the feed?`];
}

function isoOf(instant: number): string | undefined {
  return Number.isNaN(instant) ? undefined : new Date(instant).toISOString();
}
