/** Nova's and Neutron's times, which are in UTC without saying so, as ISO 8601. */

/** `2026-11-21T10:11:19.000000` → `2026-11-21T10:11:19.000Z` */
export function utc(time: string): string {
  return new Date(/Z$|[+-]\d\d:?\d\d$/.test(time) ? time : `${time}Z`).toISOString();
}
