/** The command that makes a token for the HTTP interface: `token`. */
import { createHash, randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Common, terminalFor } from './command.ts';

/** As many as nobody can guess. */
const TOKEN_BYTES = 32;

export function registerTokenCommand(program: Command): void {
  program
    .command('token')
    .argument('<name>', "whose it is: a person's name, or a program's", parseName)
    .summary('make a token for the HTTP interface')
    .description(
      'Makes a token and the line of the configuration that lets it in. The token is shown once and kept nowhere; the ' +
        'configuration holds only its digest.',
    )
    .addOption(new Option('--may <what>', 'what it is for').choices(['read', 'operate']).default('read'))
    .addHelpText('after', '\nExample: nightshift token kim --may operate')
    .action((name: string, _: unknown, self: Command) => {
      const { may, ...common } = self.optsWithGlobals<Common & { may: string }>();
      const token = `ns_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
      const sha256 = createHash('sha256').update(token).digest('hex');
      const terminal = terminalFor(common);
      terminal.say(
        `Token (shown only now): ${token}`,
        'Put this below http.tokens in the configuration, and start the daemon again:',
        `    - { name: ${name}, may: ${may}, sha256: "${sha256}" }`,
      );
      terminal.json({ token, name, may, sha256 });
    });
}

/** A word that YAML takes as text, and that the audit shows as it is. */
function parseName(name: string): string {
  if (/^[a-z][\w.-]{0,62}$/i.test(name)) return name;
  throw new InvalidArgumentError('a name begins with a letter and has letters, digits, dots, dashes.');
}
