/** The commands about what stops all work after failures, until a person resets it: `breaker` and `reset-breaker`. */
import type { Command } from 'commander';
import { listBreakers, resetBreaker, type ShownBreaker } from '../breakers.ts';
import { sayInstant } from '../domain/say.ts';
import { inHouse, me, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { plain, renderRows } from './table.ts';

export function registerBreakerCommands(program: Command): void {
  program
    .command('breaker')
    .summary('say which breakers are open, and why')
    .description(
      'Lists the breakers: what failures have stopped until somebody has looked. A campaign that finds its breaker open ' +
        'plans, and does nothing.',
    )
    .action(inHouse(list));
  program
    .command('reset-breaker <name>')
    .summary('let go on what failures have stopped')
    .description(
      'Closes an open breaker. What failed until now opens it no more; what fails from now on does.',
    )
    .requiredOption('--reason <text>', 'kept with it: what was wrong, and is not any more')
    .action(inHouse(reset));
}

async function list({ engine, terminal, view }: Visit): Promise<number> {
  const breakers = await listBreakers(engine.acts);
  const rows = breakers.map((one) => [
    one.name,
    one.state,
    sayInstant(new Date(one.since), view.zone),
    sayWhy(one),
  ]);
  const open = breakers.filter(({ state }) => state === 'open');
  terminal.say(
    ...(rows.length === 0
      ? ['No breaker was ever open.']
      : renderRows({ columns: ['breaker', 'state', 'since', 'why'], rows }, view.width)),
    ...(open.length === 0 ? [] : ['', "When all is well: nightshift reset-breaker NAME --reason '…'"]),
  );
  terminal.json(breakers);
  return EXIT.done;
}

async function reset(
  { engine, terminal, view }: Visit,
  name: string,
  { reason }: { reason: string },
): Promise<number> {
  const closed = await resetBreaker(engine.acts, { name, by: me(), why: reason }, view.now);
  terminal.say(
    plain(`The breaker "${name}" is closed: ${reason}. What it stopped goes on at its next time.`),
  );
  terminal.json(closed);
  return EXIT.done;
}

function sayWhy({ by, why }: ShownBreaker): string {
  return by === undefined ? why : `reset by ${by}: ${why}`;
}
