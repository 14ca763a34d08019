/** The command line: each command opens the same house as the daemon, does one thing, and says what it changed. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import { DataFileError } from '../domain/data-file.ts';
import { messageOf } from '../domain/failure.ts';
import { RedisDistrusted } from '../engine/errors.ts';
import { RequestError } from '../start-run.ts';
import { registerActCommands } from './act-commands.ts';
import { registerAddressCommands } from './address-commands.ts';
import { registerBreakerCommands } from './breaker-commands.ts';
import { registerClaimCommands } from './claim-commands.ts';
import { ACCEPT_HINT, type Common, terminalFor } from './command.ts';
import { registerExemptionCommands } from './exemption-commands.ts';
import { codeOfError, EXIT, EXIT_CODES } from './exit-codes.ts';
import { registerFleetCommand } from './fleet-command.ts';
import { registerHouseCommands } from './house-commands.ts';
import { registerLookCommands } from './look-commands.ts';
import { registerMailCommands } from './mail-commands.ts';
import { registerPersonCommands } from './person-commands.ts';
import { registerPlanCommands } from './plan-commands.ts';
import { registerRehearseCommand } from './rehearse-command.ts';
import { registerReportCommands } from './report-commands.ts';
import { registerRunCommands } from './run-commands.ts';
import { registerTokenCommand } from './token-command.ts';

/** What is still open once a command is over, a connection to a Redis that is away say, gets so long. */
const LINGER_MS = 500;

function commandLine(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('nightshift')
    .description('The night shift for an OpenStack cloud')
    .version(version, '-V, --version', 'show the version')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'answer in JSON, for programs')
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(more: add --help)')
    .addHelpText('after', `\n${EXIT_CODES}`)
    .exitOverride();
  for (const [group, register] of [
    ['Start and go on:', registerRunCommands],
    ['Look:', registerLookCommands],
    ['Look:', registerReportCommands],
    ['Look:', registerFleetCommand],
    ['Look:', registerPlanCommands],
    ['Look:', registerRehearseCommand],
    ['Look:', registerMailCommands],
    ['Say what a run shall do:', registerActCommands],
    ['Say what to leave alone:', registerClaimCommands],
    ['Say what to leave alone:', registerBreakerCommands],
    ['Say what to leave alone:', registerAddressCommands],
    ['Say what to leave alone:', registerExemptionCommands],
    ['The installation:', registerHouseCommands],
    ['The installation:', registerTokenCommand],
    ['The installation:', registerPersonCommands],
  ] as const) {
    program.commandsGroup(group);
    register(program);
  }
  const help = new Command('help [command]').description('show the help of a command');
  return program.addHelpCommand(help.helpGroup('The installation:'));
}

/** Runs the command that the arguments name; resolves once its exit code is set. */
async function main(): Promise<void> {
  const program = commandLine();
  try {
    await program.parseAsync();
  } catch (error) {
    const common: Common = process.argv.includes('--json') ? { json: true } : {};
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.badInput;
      // commander has said it to the person already.
      if (error.exitCode !== 0) terminalFor(common).json({ error: error.message.replace(/^error: /, '') });
    } else {
      process.exitCode = codeOfError(error);
      const hint = error instanceof RedisDistrusted ? [ACCEPT_HINT] : [];
      terminalFor(common).warn(messageOf(error), ...hint);
      terminalFor(common).json({ error: messageOf(error), ...faultsOf(error) });
    }
  }
}

function faultsOf(error: unknown): object {
  const isKnown =
    error instanceof ConfigError || error instanceof RequestError || error instanceof DataFileError;
  return isKnown ? { faults: error.faults } : {};
}

// Whoever reads our answer, `head` say, may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

await main();
setTimeout(() => process.exit(), LINGER_MS).unref();
