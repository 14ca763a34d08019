/** The whole of a list that Nova or Neutron hands out in pages. */
import { z } from 'zod';
import { OpenStackError } from './error.ts';
import { type Call, nameOf, type Session } from './session.ts';

export interface List<T> {
  /** The list's key in the answer; with `_links` it is the key of the link to the next page. */
  readonly key: 'servers' | 'hypervisors' | 'migrations' | 'agents';
  readonly row: z.ZodType<T>;
}

/**
 * Every row, page after page. The first page is asked for without a limit: only a list without any
 * paging, and without a filter, shows the servers of a silent cell.
 */
export async function readPages<T>(session: Session, call: Call, { key, row }: List<T>): Promise<T[]> {
  const Link = z.object({ rel: z.string(), href: z.string() });
  const Page = z.object({ [key]: z.array(row), [`${key}_links`]: z.array(Link).optional() });
  const rows: T[] = [];
  const seen = new Set<string>();
  let query = call.query;
  for (;;) {
    const page = await session({ ...call, ...(query && { query }) }, Page);
    rows.push(...(page[key] as T[]));
    const links = page[`${key}_links`] as z.infer<typeof Link>[] | undefined;
    const next = links?.find((link) => link.rel === 'next');
    if (next === undefined) return rows;
    // The link's host is the one that the service knows itself by, which need not be one that we can reach.
    const marker = URL.parse(next.href, 'http://service')?.searchParams.get('marker');
    if (!marker || seen.has(marker))
      throw new OpenStackError(`${nameOf(call)} has a next page that leads nowhere`, { retryable: false });
    seen.add(marker);
    query = { ...call.query, marker };
  }
}
