/** `nightshift mail preview`: how a mail to an owner reads, for who edits its template. Needs no daemon. */
import type { Command } from 'commander';
import { checkConfig } from '../daemon.ts';
import { LETTERS } from '../domain/letters.ts';
import { previewMail } from '../mail-preview.ts';
import { readDataFile } from '../read-data-file.ts';
import { type Common, terminalFor } from './command.ts';

interface Asked {
  readonly facts?: string;
  readonly example?: string;
  readonly html?: true;
}

export function registerMailCommands(program: Command): void {
  const summary = 'show how mails to owners read';
  program
    .command('mail')
    .summary(summary)
    .description(`Shows how mails to owners read. Sends none.`)
    .command('preview')
    .summary(summary)
    .description(
      `Fills the template of a mail (${LETTERS.join(', ')}) from the folder mailTemplates, or ours, with an example. ` +
        'With --json it shows the facts, too: kept in a file and changed they are what --facts takes.',
    )
    .argument('<mail>', 'the name of the mail')
    .option('--example <name>', 'another of its examples: for patch-notice first, reminder, escalated …')
    .option('--facts <file>', 'fill it with these facts, as JSON')
    .option('--html', 'the part for readers of HTML')
    .action(async (letter: string, asked: Asked, self: Command) => {
      await preview(letter, asked, self.optsWithGlobals<Common>());
    });
}

async function preview(letter: string, { facts, example, html }: Asked, common: Common): Promise<void> {
  const terminal = terminalFor(common);
  const config = await checkConfig(common.config);
  const shown = await previewMail(
    {
      letter,
      example,
      ...(facts !== undefined && { facts: { text: await readDataFile(facts), place: facts } }),
    },
    config,
  );
  terminal.say(...(html ? [shown.html] : [`Subject: ${shown.subject}`, '', shown.text.trimEnd()]));
  terminal.json(shown);
}
