/** How people see the breakers and reset them, by whichever door they come. */
import { BREAKERS, type Breaker } from './domain/breakers.ts';
import { didYouMean } from './domain/did-you-mean.ts';
import { byName } from './domain/names.ts';
import type { Engine } from './engine/engine.ts';
import { RefusedError } from './engine/errors.ts';

type Acts = Engine['acts'];

export interface ShownBreaker extends Breaker {
  readonly name: string;
}

/** Every breaker that was ever open: the open ones first. */
export async function listBreakers(acts: Acts): Promise<readonly ShownBreaker[]> {
  const rows = await acts.rows<Breaker>(BREAKERS);
  return [...rows]
    .map(([name, breaker]) => ({ name, ...breaker }))
    .toSorted((a, b) => b.state.localeCompare(a.state) || byName(a.name, b.name));
}

/**
 * Closes an open breaker; what failed until `now` opens it no more. Throws `RefusedError` when no breaker of
 * that name is open.
 */
export async function resetBreaker(
  acts: Acts,
  { name, by, why }: { readonly name: string; readonly by: string; readonly why: string },
  now: Date,
): Promise<ShownBreaker> {
  const open = (await listBreakers(acts)).filter(({ state }) => state === 'open').map((one) => one.name);
  if (!open.includes(name)) throw new RefusedError(sayNone(name, open));
  const value: Breaker = { state: 'closed', since: now.toISOString(), why, by };
  await acts.setRow({ table: BREAKERS, key: name, value }, { by, why });
  return { name, ...value };
}

function sayNone(name: string, open: readonly string[]): string {
  if (open.length === 0) return 'no breaker is open; nothing was changed';
  const meant = didYouMean(name, open);
  const there = open.map((one) => `"${one}"`).join(', ');
  return `no breaker "${name}" is open; ${meant === undefined ? `open are ${there}` : `did you mean "${meant}"?`}`;
}
