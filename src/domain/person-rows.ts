/** Which rows of which tables are about a person, and what is left of them once the person is to be forgotten? */
import { ADDRESSES, REFUSALS } from './address-marks.ts';
import { BREAKERS } from './breakers.ts';
import { EXEMPTIONS, PATCH_NOTICES, PATCH_OWNERS, PATCH_REPORTS } from './patch-memory.ts';

/**
 * By table: `delete`: the row is about the person and goes. `redact`: it says something else, and only the address
 * goes. Tables that are not here hold no addresses.
 */
export const PERSONAL_TABLES: Readonly<Record<string, 'delete' | 'redact'>> = {
  [PATCH_OWNERS]: 'delete',
  [PATCH_NOTICES]: 'delete',
  [PATCH_REPORTS]: 'delete',
  [ADDRESSES]: 'delete',
  [REFUSALS]: 'delete',
  'owner-notices': 'delete',
  'owner-mails': 'delete',
  'owner-refusals': 'redact',
  [EXEMPTIONS]: 'redact',
  [BREAKERS]: 'redact',
};

/** What is there instead of an address. */
const ERASED = '(erased)';

/** The rows in which the address stands, in the key or anywhere else; no longer one that it is a part of. */
export function rowsAbout<T>(rows: ReadonlyMap<string, T>, address: string): Map<string, T> {
  const pattern = patternOf(address);
  return new Map([...rows].filter(([key, row]) => pattern.test(key) || pattern.test(JSON.stringify(row))));
}

/** The row without the address. */
export function withoutAddress<T>(row: T, address: string): T {
  return JSON.parse(JSON.stringify(row).replaceAll(patternOf(address, 'g'), ERASED)) as T;
}

function patternOf(address: string, flags = ''): RegExp {
  return new RegExp(
    `(?<![\\w.+-])${address.replaceAll(/[^\w@]/g, String.raw`\$&`)}(?![\\w-]|\\.\\w)`,
    `i${flags}`,
  );
}
