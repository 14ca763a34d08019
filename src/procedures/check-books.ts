/** Do the books on a hypervisor balance, but for what was wrong with them before our first look? */
import type { Context } from '../context.ts';
import {
  type Books,
  balance,
  type KnownRows,
  leftoversOf,
  suspectsOf,
  whyUnbalanced,
} from '../domain/books.ts';
import type { Cloud, Server } from '../domain/fleet.ts';
import { sayCount } from '../domain/say.ts';
import { attempt } from './attempt.ts';

/** Rows that were there at the first look, by hypervisor name: `KnownRows`. A row that is gone is forgotten. */
export const BOOKS = 'books';

/**
 * Why the hypervisor is not to be drained: rows that came since the first look, each with the line that repairs
 * it, or books that cannot be read. Undefined when they balance; old rows are noted.
 */
export async function checkBooks(ctx: Context<unknown>, name: string): Promise<string | undefined> {
  const read = await attempt(() =>
    ctx.step<Books>(`books of ${name}`, { effect: 'read' }, async ({ table }) => {
      const { cloud, acting } = ctx;
      const suspects = suspectsOf(await cloud.occupancy(name));
      const servers = await readServers(cloud, suspects);
      const found = leftoversOf(await cloud.occupancy(name), servers);
      const known = await table(BOOKS).get<KnownRows>(name);
      const books = balance(found, known);
      if (acting) table(BOOKS).set(name, books.known);
      return books;
    }),
  );
  if (!read.ok) return `its books cannot be read: ${read.error.message}`;
  const { old } = read.value;
  if (old.length > 0) {
    const why = `${sayCount(old.length, 'row')} of before the first look: ${old.map((row) => row.why).join('; ')}`;
    ctx.note({ subject: `books of ${name}`, verdict: 'known', why });
  }
  return whyUnbalanced(read.value);
}

async function readServers(cloud: Cloud, ids: readonly string[]): Promise<ReadonlyMap<string, Server>> {
  const servers = new Map<string, Server>();
  for (const id of ids) {
    const server = await cloud.server(id);
    if (server !== undefined) servers.set(id, server);
  }
  return servers;
}
