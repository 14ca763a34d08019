/** What do the files say that Rundeck's jobs wrote, one for each server, from what Pakiti knew of it? */
import { open, readdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '../../domain/failure.ts';
import type { Finding, ReportedHost } from '../../domain/patch-feed.ts';
import { sayCount, sayList } from '../../domain/say.ts';
import { show } from '../../domain/words.ts';
import { bounded } from '../feed-text.ts';
import { inParallel } from '../openstack/in-parallel.ts';
import { DropError } from './error.ts';
import type { Told } from './gather.ts';

/** Says what Pakiti knew is below; a machine that does not report has it not. */
const MARKER = 'PAKITI INFORMATION FOLLOWS';
/** The last line of what is known of the server itself. */
const LAST_OF_HEAD = 'email';
const MOST_BYTES = 1024 * 1024;
const MOST_FINDINGS = 5000;
const AT_ONCE = 16;

export interface MachineFiles extends Told {
  /** When the newest was written, in ms since 1970. */
  readonly writtenAt: number;
}

/**
 * Machines that reported are listed, also when they are well; the others are not, as nothing is known of them.
 * @throws DropError where the folder holds no such file, or not one that can be read
 */
export async function readMachineFiles(folder: string, signal: AbortSignal): Promise<MachineFiles> {
  const names = (await filesIn(folder)).filter((name) => name.endsWith('.txt')).toSorted();
  if (names.length === 0) throw new DropError('it holds no machine file (*.txt)', { retryable: true });
  const files = await inParallel(names, AT_ONCE, async (name) => {
    signal.throwIfAborted();
    return readMachine(folder, name);
  });
  const read = files.flatMap((file) => ('fault' in file ? [] : [file]));
  const faults = files.flatMap((file) => ('fault' in file ? [file.fault] : []));
  const said = sayList(faults, 3);
  if (read.length === 0) throw new DropError(`no file of it can be read: ${said}`, { retryable: true });
  return {
    hosts: read.flatMap(({ host }) => host ?? []),
    faults: faults.length === 0 ? [] : [`${sayCount(faults.length, 'machine file')} left out: ${said}`],
    writtenAt: Math.max(...read.map(({ writtenAt }) => writtenAt)),
  };
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw new DropError(messageOf(error), { retryable: true, cause: error });
  }
}

type Machine = { readonly host?: ReportedHost; readonly writtenAt: number } | { readonly fault: string };

async function readMachine(folder: string, name: string): Promise<Machine> {
  try {
    const file = await open(join(folder, name));
    try {
      const { size, mtimeMs } = await file.stat();
      if (size > MOST_BYTES) return { fault: `${show(name)} is longer than ${MOST_BYTES} bytes` };
      const host = parseMachine(await file.readFile('utf8'));
      return { writtenAt: mtimeMs, ...(host && { host }) };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { fault: `${show(name)}: ${messageOf(error)}` };
  }
}

/** Undefined where the machine did not report. Throws where the text is cut off, or no such file. */
function parseMachine(text: string): ReportedHost | undefined {
  if (!text.endsWith('\n')) throw new Error('its last line is not ended, so that it may be cut off');
  const lines = text.split(/\r?\n/);
  const marker = lines.findIndex((line) => line.trim() === MARKER);
  const head = pairsOf(marker === -1 ? lines : lines.slice(0, marker));
  const only = (key: string) => bounded(head.find(([name]) => name === key)?.[1]);
  const serverId = only('id');
  if (serverId === undefined) throw new Error('it has no line id:');
  if (!head.some(([key]) => key === LAST_OF_HEAD)) throw new Error(`it has no line ${LAST_OF_HEAD}:`);
  if (marker === -1) return undefined;

  const [hostname, projectId] = [only('machine_name'), only('project_id')];
  const addresses = head.flatMap(([key, value]) =>
    key === 'ipv4_address' && isIP(value) !== 0 ? [value] : [],
  );
  const told = pairsOf(lines.slice(marker + 1));
  const packages = told.filter(([key]) => key === 'package').length;
  return {
    serverId,
    ...(hostname !== undefined && { hostname }),
    ...(projectId !== undefined && { projectId }),
    ...(addresses.length > 0 && { addresses: addresses.slice(0, 64) }),
    findings: findingsOf(told),
    securityUpdates: packages,
  };
}

/** The file does not say which CVE is in which package, unless there is but one. */
function findingsOf(told: readonly (readonly [string, string])[]): Finding[] {
  const values = (key: string) =>
    told.flatMap(([name, value]) => (name === key ? (bounded(value) ?? []) : []));
  const [name, other] = values('package');
  const [installed] = values('+installed-version');
  const [fixed] = values('+required-version');
  const about = other === undefined && {
    ...(name !== undefined && { package: name }),
    ...(installed !== undefined && { installed }),
    ...(fixed !== undefined && { fixed }),
  };
  const ids = values('CVE').map((number) => `CVE-${number.replace(/^CVE-/i, '')}`.slice(0, 128));
  return [...new Set(ids)].slice(0, MOST_FINDINGS).map((id) => ({ id, tags: [], ...about }));
}

function pairsOf(lines: readonly string[]): (readonly [string, string])[] {
  return lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon === -1 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const];
  });
}
