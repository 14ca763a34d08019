/** The commands by which people keep hypervisors to themselves for a while: `claim`, `unclaim` and `claims`. */
import type { Command } from 'commander';
import { claim, listClaims, unclaim } from '../claims.ts';
import { sayInstant } from '../domain/say.ts';
import { UNTIL_FORMS, untilFrom } from '../domain/until.ts';
import { RequestError } from '../start-run.ts';
import { inHouse, me, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { plain, renderRows } from './table.ts';

export function registerClaimCommands(program: Command): void {
  program
    .command('claim <hypervisor>')
    .summary('keep a hypervisor to yourself for a while')
    .description(
      'Has every job leave the hypervisor alone until then. What a run has begun with it before goes on. Its name is the ' +
        'hypervisor hostname, or that up to the first dot.',
    )
    .requiredOption('--until <time>', `the claim is over then: ${UNTIL_FORMS}`)
    .requiredOption('--reason <text>', 'shown wherever the hypervisor is left out')
    .action(inHouse(claimOne));
  program
    .command('unclaim <hypervisor>')
    .summary('end a claim')
    .description('Ends the claim on a hypervisor, whoever made it.')
    .option('--reason <text>', 'kept in the audit', 'no reason given')
    .action(inHouse(unclaimOne));
  program
    .command('claims')
    .summary('list the hypervisors that somebody claims')
    .description('Lists the hypervisors that somebody claims, until when and why.')
    .action(inHouse(list));
}

async function claimOne(
  { engine, terminal, view }: Visit,
  hypervisor: string,
  { until, reason }: { until: string; reason: string },
): Promise<number> {
  const wanted = untilFrom(until, view);
  if ('fault' in wanted) throw new RequestError(`--until: ${wanted.fault}`);
  const asked = { hypervisor, by: me(), reason, until: wanted };
  const made = await claim(engine.acts, asked, view.now);
  const end = sayInstant(new Date(made.until), view.zone);
  terminal.say(
    plain(`${hypervisor} is claimed by ${made.by} until ${end}: ${reason}. Jobs leave it alone until then.`),
  );
  terminal.json({ hypervisor, ...made });
  return EXIT.done;
}

async function unclaimOne(
  { engine, terminal, view }: Visit,
  hypervisor: string,
  { reason }: { reason: string },
): Promise<number> {
  const ended = await unclaim(engine.acts, { hypervisor, by: me(), reason }, view.now);
  terminal.say(plain(`${hypervisor} is claimed no more (${ended.by} had claimed it: ${ended.reason}).`));
  terminal.json({ hypervisor, ...ended });
  return EXIT.done;
}

async function list({ engine, terminal, view }: Visit): Promise<number> {
  const claims = await listClaims(engine.acts, view.now);
  const rows = claims.map(({ hypervisor, by, until, reason }) => [
    hypervisor,
    by,
    sayInstant(new Date(until), view.zone),
    reason,
  ]);
  terminal.say(
    ...(rows.length === 0
      ? ['No hypervisor is claimed.']
      : renderRows({ columns: ['hypervisor', 'by', 'until', 'why'], rows }, view.width)),
  );
  terminal.json(claims);
  return EXIT.done;
}
