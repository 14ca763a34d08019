/** How servers are named in lists for people, and how names are sorted. */

/** A server's name and the beginning of its id: `gpu-a 3f2a…`. */
export function serverName({ name, id }: { readonly name: string; readonly id: string }): string {
  return `${name} ${id.slice(0, 4)}…`;
}

/** Names in the order in which a person counts: hv2 before hv10. */
export function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** What a stranger calls something, on one line, without what steers a terminal or turns a text round, and cut. */
export function plainName(text: string, longest = 80): string {
  const line = text
    .slice(0, 4 * longest)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return line.length > longest ? `${line.slice(0, longest).toWellFormed()}…` : line;
}
