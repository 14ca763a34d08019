/** How people see which mail addresses are no good and say that one is good again, by whichever door they come. */
import { ADDRESSES, type AddressMark, addressKey } from './domain/address-marks.ts';
import { didYouMean } from './domain/did-you-mean.ts';
import type { Engine } from './engine/engine.ts';
import { RefusedError } from './engine/errors.ts';

type Acts = Engine['acts'];

export interface ShownAddress extends AddressMark {
  readonly address: string;
}

/** Every address that is marked, the latest first. */
export async function listAddresses(acts: Acts): Promise<readonly ShownAddress[]> {
  const rows = await acts.rows<AddressMark>(ADDRESSES);
  return [...rows]
    .map(([address, mark]) => ({ address, ...mark }))
    .filter(({ state }) => state !== 'clear')
    .toSorted((a, b) => b.since.localeCompare(a.since) || a.address.localeCompare(b.address));
}

/**
 * Has an address get mail again; what bounced until `now` marks it no more. Throws `RefusedError` when it is not
 * marked.
 */
export async function clearAddress(
  acts: Acts,
  { address, by, why }: { readonly address: string; readonly by: string; readonly why: string },
  now: Date,
): Promise<ShownAddress> {
  const key = addressKey(address);
  const marked = (await listAddresses(acts)).map((one) => one.address);
  if (!marked.includes(key)) throw new RefusedError(sayNone(key, marked));
  const value: AddressMark = { state: 'clear', since: now.toISOString(), why, source: 'person', by };
  await acts.setRow({ table: ADDRESSES, key, value }, { by, why });
  return { address: key, ...value };
}

function sayNone(address: string, marked: readonly string[]): string {
  const meant = didYouMean(address, marked);
  const hint = meant === undefined ? 'nothing was changed' : `did you mean ${meant}?`;
  return `${JSON.stringify(address)} is not marked; ${hint}`;
}
