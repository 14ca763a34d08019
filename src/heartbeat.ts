/** How does another monitor learn that this daemon does its work? By a file or a call that stays away when it does not. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from './config.ts';
import { messageOf } from './domain/failure.ts';
import type { Log } from './engine/job.ts';
import type { Round } from './engine/rounds.ts';

/** The daemon whose heart beats. */
export interface Living {
  /** Why it does not do its work; undefined while it does. */
  ailment(): string | undefined;
  /** Names it in the file. */
  node(): string;
}

type Way = 'file' | 'url';

/**
 * The rounds of the heartbeat that is configured: none without one. A turn gives each sign of life, unless
 * something ails the daemon. What begins or ceases to go wrong is logged, what goes on is not.
 */
export function heartbeatRounds(
  { heartbeat }: Pick<Config, 'heartbeat'>,
  daemon: Living,
  log: Log,
): readonly Round[] {
  if (heartbeat === undefined) return [];
  const { file, url, everySeconds } = heartbeat;
  const ways: [Way, () => Promise<void>][] = [];
  if (file !== undefined) ways.push(['file', () => writeSign(file, daemon.node())]);
  if (url !== undefined) ways.push(['url', () => call(url.reveal())]);
  const said = new Map<string, string>();

  /** Logs a trouble once, and its end. */
  function say(what: string, why: string | undefined): void {
    const before = said.get(what);
    if (why === undefined) {
      if (before !== undefined) log.info(`${what} goes on`);
      said.delete(what);
      return;
    }
    if (before === undefined) log.warn(`${what} stops`, { why });
    said.set(what, why);
  }

  async function beat(): Promise<void> {
    const ailment = daemon.ailment();
    say('the heartbeat', ailment);
    if (ailment !== undefined) return;
    for (const [way, give] of ways) {
      const failed = await give().then(() => undefined, messageOf);
      say(`the heartbeat by ${way}`, failed);
    }
  }

  return [{ what: 'give a sign of life', everyMs: everySeconds * 1000, work: beat }];
}

/** Whole or not at all: who reads it never sees half a line. */
async function writeSign(file: string, node: string): Promise<void> {
  const next = `${file}.${process.pid}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(next, `${new Date().toISOString()} ${node}\n`);
  await rename(next, file);
}

async function call(url: string): Promise<void> {
  const { ping } = await import('./clients/webhook.ts');
  await ping(url);
}
