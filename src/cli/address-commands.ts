/** The commands about mail addresses that are no good: `addresses` and `address clear`. */
import type { Command } from 'commander';
import { clearAddress, listAddresses } from '../addresses.ts';
import { sayInstant } from '../domain/say.ts';
import { inHouse, me, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { plain, renderRows } from './table.ts';

export function registerAddressCommands(program: Command): void {
  program
    .command('addresses')
    .summary('list the mail addresses that are no good')
    .description(
      'Lists the addresses that refused a mail, bounced one or complained, the latest first. No mail goes to one that ' +
        'bounced; what is meant for it is reported to operators.',
    )
    .action(inHouse(list));
  program
    .command('address')
    .summary('say that a mail address is good again')
    .description('Says what shall be done with a mail address.')
    .command('clear <address>')
    .summary('have it get mail again')
    .description(
      'Has an address get mail again. What bounced until now marks it no more; what bounces from now on does.',
    )
    .requiredOption('--reason <text>', 'kept with it: what was wrong, and is not any more')
    .action(inHouse(clear));
}

async function list({ engine, terminal, view }: Visit): Promise<number> {
  const addresses = await listAddresses(engine.acts);
  const rows = addresses.map(({ address, state, since, why }) => [
    address,
    state,
    sayInstant(new Date(since), view.zone),
    why,
  ]);
  terminal.say(
    ...(rows.length === 0
      ? ['No address is marked.']
      : [
          ...renderRows({ columns: ['address', 'state', 'since', 'why'], rows }, view.width),
          '',
          "When one is good again: nightshift address clear ADDRESS --reason '…'",
        ]),
  );
  terminal.json(addresses);
  return EXIT.done;
}

async function clear(
  { engine, terminal, view }: Visit,
  address: string,
  { reason }: { reason: string },
): Promise<number> {
  const cleared = await clearAddress(engine.acts, { address, by: me(), why: reason }, view.now);
  terminal.say(plain(`${cleared.address} gets mail again: ${reason}.`));
  terminal.json(cleared);
  return EXIT.done;
}
