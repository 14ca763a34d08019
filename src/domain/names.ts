/** How servers are named in lists for people, and how names are sorted. */

/** A server's name and the beginning of its id: `gpu-a 3f2a…`. */
export function serverName({ name, id }: { readonly name: string; readonly id: string }): string {
  return `${name} ${id.slice(0, 4)}…`;
}

/** Names in the order in which a person counts: hv2 before hv10. */
export function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
