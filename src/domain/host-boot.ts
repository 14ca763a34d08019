/** Which boot a host is in and which kernel it runs. */
import type { CommandResult } from './fleet.ts';

export interface HostBoot {
  /** The kernel's id of this boot: another one after every boot. */
  readonly bootId: string;
  /** The kernel that runs. */
  readonly running: string;
  /** When it booted, by its own clock, ISO 8601 in UTC; absent where it does not tell. */
  readonly bootedAt?: string;
}

/** A shell script that asks; changes nothing. */
export const BOOT_PROBE = `
echo "running=$(uname -r)"
echo "boot=$(cat /proc/sys/kernel/random/boot_id)"
echo "booted=$(cat /proc/stat 2>/dev/null | sed -n 's/^btime //p')"`;

/** Reads the probe's answer, which may hold other lines too; undefined when it makes no sense. */
export function parseBoot({ exit, stdout }: CommandResult): HostBoot | undefined {
  const said = parseLines(stdout);
  const bootId = said.get('boot');
  const running = said.get('running');
  if (exit !== 0 || !bootId || !running) return undefined;
  const seconds = /^\d{1,11}$/.exec(said.get('booted') ?? '')?.[0];
  return {
    bootId,
    running,
    ...(seconds !== undefined && { bootedAt: new Date(Number(seconds) * 1000).toISOString() }),
  };
}

/** `key=value` lines; of a key said twice the last counts. */
export function parseLines(text: string): ReadonlyMap<string, string> {
  const pairs = text
    .split('\n')
    .map((line) => /^([a-z_]+)=(.*)$/.exec(line))
    .filter((match) => match !== null);
  return new Map(pairs.map(([, key = '', value = '']) => [key, value.trim()]));
}
