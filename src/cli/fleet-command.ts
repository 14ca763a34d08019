/** `nightshift fleet export`: a cloud as it is now, in a file that planners and rehearsals read. */
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { anonymise } from '../domain/anonymise.ts';
import type { FleetFile } from '../domain/fleet-file.ts';
import type { Snapshot } from '../domain/fleet-snapshot.ts';
import { sayCount } from '../domain/say.ts';
import { RULES_OF, snapshotCloud } from '../snapshot-cloud.ts';
import { RequestError } from '../start-run.ts';
import { type Common, terminalFor } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { plain } from './table.ts';

interface Asked {
  readonly cloud?: string;
  readonly out: string;
  readonly names?: true;
  readonly force?: true;
}

export function registerFleetCommand(program: Command): void {
  program
    .command('fleet')
    .summary('write down what the cloud looks like')
    .command('export')
    .summary('write hypervisors, servers and server groups to a file')
    .description(
      `Reads the cloud and writes a file in the format fleet/1, with what the options of ${RULES_OF} say of the site. ` +
        'Names and ids are replaced, unless --names is given. Changes nothing in the cloud.',
    )
    .option('--cloud <name>', 'its name in the configuration; left out, the one that is looked after')
    .requiredOption('--out <file>', 'where to; compressed where it ends in .gz')
    .option(
      '--names',
      'keep the names of hypervisors, aggregates and zones, and the ids of servers and projects',
    )
    .option('--force', 'write over a file that is there')
    .action(async (asked: Asked, self: Command) => {
      process.exitCode = await exportFleet(asked, self.optsWithGlobals<Common>());
    });
}

async function exportFleet({ cloud, out, names, force }: Asked, common: Common): Promise<number> {
  const { fleet, leftOut } = await snapshotCloud(common.config, cloud);
  const file = names ? fleet : anonymise(fleet);
  await write(out, file, force === true);
  const terminal = terminalFor(common);
  terminal.say(...told(file, leftOut, { out, named: names === true }).map(plain));
  terminal.json({ file: out, anonymous: names !== true, ...countsOf(file), leftOut: countBy(leftOut) });
  return EXIT.done;
}

async function write(path: string, fleet: FleetFile, force: boolean): Promise<void> {
  const text = `${JSON.stringify(fleet)}\n`;
  const data = path.endsWith('.gz') ? gzipSync(text) : text;
  try {
    await writeFile(path, data, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new RequestError(`${path} is there already; --force writes over it`);
    if (code === 'ENOENT') throw new RequestError(`${path} cannot be written: there is no such folder`);
    throw error;
  }
}

function countsOf({ hypervisors, servers, groups }: FleetFile) {
  return { hypervisors: hypervisors.length, servers: servers.length, groups: groups.length };
}

function told(
  file: FleetFile,
  leftOut: Snapshot['leftOut'],
  { out, named }: { readonly out: string; readonly named: boolean },
): string[] {
  const { hypervisors, servers, groups } = countsOf(file);
  const parts = [
    sayCount(hypervisors, 'hypervisor'),
    sayCount(servers, 'server'),
    sayCount(groups, 'server group'),
  ];
  const words = named ? 'names as they are' : 'names and ids replaced, reasons of people left out';
  return [
    `${out}: ${parts.join(', ')} (${words}).`,
    ...Object.entries(countBy(leftOut)).map(
      ([why, count]) => `left out  ${sayCount(count, 'server')}: ${why}`,
    ),
  ];
}

/** By why they are left out. */
function countBy(leftOut: Snapshot['leftOut']): Record<string, number> {
  const groups = Map.groupBy(leftOut, ({ why }) => why);
  return Object.fromEntries([...groups].map(([why, all]) => [why, all.length]));
}
