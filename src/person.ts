/** What is known of a person by their mail address, for who asks to see it or to have it forgotten. */
import { addressKey } from './domain/address-marks.ts';
import { isAddress } from './domain/owners.ts';
import { PERSONAL_TABLES, rowsAbout, withoutAddress } from './domain/person-rows.ts';
import type { Asker } from './engine/acts.ts';
import type { Engine } from './engine/engine.ts';
import type { Json } from './engine/job.ts';
import { RequestError } from './start-run.ts';

type Acts = Engine['acts'];

export interface Person {
  readonly address: string;
  /** By table and key. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}

/** Everything that tables say of an address. Runs, logs and mails name it too, until they are forgotten by themselves. */
export async function exportPerson(acts: Acts, typed: string): Promise<Person> {
  const address = addressOf(typed);
  const found = await Promise.all(
    Object.keys(PERSONAL_TABLES).map(
      async (table) => [table, Object.fromEntries(rowsAbout(await acts.rows<Json>(table), address))] as const,
    ),
  );
  return { address, tables: Object.fromEntries(found.filter(([, rows]) => Object.keys(rows).length > 0)) };
}

/** Forgets an address in every table, each row audited; answers what there was. An owner is met anew by the next look. */
export async function erasePerson(acts: Acts, typed: string, asker: Asker): Promise<Person> {
  const person = await exportPerson(acts, typed);
  for (const [table, rows] of Object.entries(person.tables))
    for (const [key, row] of Object.entries(rows)) {
      if (PERSONAL_TABLES[table] === 'delete') await acts.setRow({ table, key }, asker);
      else await acts.setRow({ table, key, value: withoutAddress(row, person.address) }, asker);
    }
  return person;
}

function addressOf(typed: string): string {
  if (!isAddress(typed.trim())) throw new RequestError(`${JSON.stringify(typed)} is no mail address`);
  return addressKey(typed);
}
