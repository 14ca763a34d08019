/** The commands about what is known of a person: `person export` and `person erase`. */
import type { Command } from 'commander';
import { sayCount } from '../domain/say.ts';
import { erasePerson, exportPerson, type Person } from '../person.ts';
import { inHouse, me, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { plain, renderRows } from './table.ts';

export function registerPersonCommands(program: Command): void {
  const person = program
    .command('person')
    .summary('show or forget what is known of somebody')
    .description('Shows or forgets what is known of a person, by their mail address.');
  person
    .command('export <address>')
    .summary('show what is known of somebody')
    .description(
      'Shows every row in which the address stands: what is owned, told, marked and allowed; with --json as it is kept.',
    )
    .action(inHouse(exportOne));
  person
    .command('erase <address>')
    .summary('forget somebody')
    .description(
      'Deletes every row about the address, and the address where a row is about something else. Runs, logs and mails that ' +
        'name it go when they are forgotten by themselves; somebody who owns servers in the cloud is met anew there.',
    )
    .requiredOption('--reason <text>', 'kept in the audit')
    .action(inHouse(erase));
}

async function exportOne({ engine, terminal, view }: Visit, address: string): Promise<number> {
  const person = await exportPerson(engine.acts, address);
  const rows = rowsOf(person);
  terminal.say(
    ...(rows.length === 0
      ? [plain(`Nothing is known of ${person.address}.`)]
      : renderRows({ columns: ['table', 'row', 'what it says'], rows }, view.width)),
  );
  terminal.json(person);
  return EXIT.done;
}

async function erase(
  { engine, terminal }: Visit,
  address: string,
  { reason }: { reason: string },
): Promise<number> {
  const person = await erasePerson(engine.acts, address, { by: me(), why: reason });
  const count = rowsOf(person).length;
  terminal.say(
    plain(
      count === 0
        ? `Nothing was known of ${person.address}; nothing was changed.`
        : `${person.address} is forgotten in ${sayCount(count, 'row')}. Runs, logs and mails that name it are forgotten by themselves.`,
    ),
  );
  terminal.json(person);
  return EXIT.done;
}

function rowsOf({ tables }: Person): string[][] {
  return Object.entries(tables).flatMap(([table, rows]) =>
    Object.entries(rows).map(([key, row]) => [table, key, JSON.stringify(row)]),
  );
}
