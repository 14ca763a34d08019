/** The commands by which people allow that something stays unpatched: `exempt`, `unexempt` and `exemptions`. */
import type { Command } from 'commander';
import { exemptSubjectFrom } from '../domain/exempting.ts';
import { sayInstant } from '../domain/say.ts';
import { UNTIL_FORMS, untilFrom } from '../domain/until.ts';
import { exempt, listExemptions, nameable, unexempt } from '../exemptions.ts';
import { RequestError } from '../start-run.ts';
import { inHouse, me, type Visit } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { plain, renderRows } from './table.ts';

export function registerExemptionCommands(program: Command): void {
  program
    .command('exempt <what...>')
    .summary('allow something to stay unpatched for a while')
    .description(
      'Asks nothing of owners until then: about a server, a project, an image or a finding (a CVE), or where several are ' +
        'given about what is all of that. Servers with findings may be called by their names; what is not clear by ' +
        'itself has its noun before it: server:, project:, image: or cve:. You are the one who approves it.',
    )
    .requiredOption('--until <time>', `it ends then: ${UNTIL_FORMS}`)
    .requiredOption('--reason <text>', 'shown to operators, and to owners beside what they are asked')
    .addHelpText(
      'after',
      "\nExample: nightshift exempt web-1 CVE-2026-1234 --until 2w --reason 'release on Friday'",
    )
    .action(inHouse(exemptOne));
  program
    .command('unexempt <what...>')
    .summary('end an exemption')
    .description('Ends an exemption now, whoever made it; the time that it gave until now stays given.')
    .option('--reason <text>', 'kept with it', 'no reason given')
    .action(inHouse(unexemptOne));
  program
    .command('exemptions')
    .summary('list what may stay unpatched, until when and why')
    .description(
      'Lists the exemptions that people made and that have not ended. Those of the configuration are in the configuration.',
    )
    .action(inHouse(list));
}

async function exemptOne(
  { engine, terminal, view }: Visit,
  words: readonly string[],
  { until, reason }: { until: string; reason: string },
): Promise<number> {
  const subject = exemptSubjectFrom(words, await nameable(engine.acts));
  const wanted = untilFrom(until, view);
  const faults = [
    ...('faults' in subject ? subject.faults : []),
    ...('fault' in wanted ? [`--until: ${wanted.fault}`] : []),
    ...(reason.trim() === '' ? ['--reason: say why'] : []),
  ];
  if ('faults' in subject || 'fault' in wanted || faults.length > 0)
    throw new RequestError(faults.join('\n'));
  const made = await exempt(engine.acts, { subject, until: wanted, reason, by: me() }, view.now);
  const end = sayInstant(new Date(made.until), view.zone);
  terminal.say(
    plain(
      `Exempt until ${end}: ${made.key} (${reason}; ${made.approvedBy}). Owners are asked nothing of it until then.`,
    ),
    plain(`To end it sooner: nightshift unexempt ${made.key}`),
  );
  terminal.json(made);
  return EXIT.done;
}

async function unexemptOne(
  { engine, terminal, view }: Visit,
  words: readonly string[],
  { reason }: { reason: string },
): Promise<number> {
  const ended = await unexempt(engine.acts, { key: words.join(' '), by: me(), why: reason }, view.now);
  terminal.say(
    plain(`No longer exempt: ${ended.key} (${ended.approvedBy} had allowed it: ${ended.reason}).`),
  );
  terminal.json(ended);
  return EXIT.done;
}

async function list({ engine, terminal, view }: Visit): Promise<number> {
  const exemptions = await listExemptions(engine.acts, view.now);
  const rows = exemptions.map(({ key, until, approvedBy, reason }) => [
    key,
    sayInstant(new Date(until), view.zone),
    approvedBy,
    reason,
  ]);
  terminal.say(
    ...(rows.length === 0
      ? ['Nothing is exempt.']
      : renderRows({ columns: ['exempt', 'until', 'approved by', 'why'], rows }, view.width)),
  );
  terminal.json(exemptions);
  return EXIT.done;
}
