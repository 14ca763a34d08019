/** Looks at the hypervisors while something is done to them: which are out of service at a time, and what was aboard when each boot ended. */
import { setTimeout as pause } from 'node:timers/promises';
import { disabled } from './cloud.ts';
import { bootIdOf, domainsOn, HYPERVISORS } from './lab.ts';

export interface Seen {
  /** How many hypervisors were out of service at once, at the most. */
  readonly mostOut: number;
  /** Hypervisors that were rebooted, in this order, as often as they were. */
  readonly rebooted: readonly string[];
  /** Servers that ran on a hypervisor when it was rebooted. */
  readonly cutOff: readonly string[];
}

export interface Watch {
  seen(): Seen;
  /** Looks no more; answers what was seen in all. */
  stop(): Promise<Seen>;
}

const LOOK_EVERY_MS = 20;
const ASK_EVERY_MS = 100;

/** Counts from now on; a hypervisor that is disabled already is nobody's doing. */
export async function watch(): Promise<Watch> {
  const stopped = new AbortController();
  const before = Object.keys(await disabled());
  const boots = new Map(HYPERVISORS.map((name) => [name, bootIdOf(name)]));
  const aboard = new Map<string, readonly string[]>();
  const rebooted: string[] = [];
  const cutOff: string[] = [];
  let mostOut = 0;

  const look = (): void => {
    for (const name of HYPERVISORS) {
      const { boot, running } = domainsOn(name);
      if (boot === boots.get(name)) aboard.set(name, running);
      const now = bootIdOf(name);
      if (now === boots.get(name) || now === '') continue;
      rebooted.push(name);
      cutOff.push(...(aboard.get(name) ?? []));
      boots.set(name, now);
      aboard.delete(name);
    }
  };
  const looking = setInterval(look, LOOK_EVERY_MS);
  const asking = ask();

  async function ask(): Promise<void> {
    while (!stopped.signal.aborted) {
      const out = Object.keys(await disabled()).filter((name) => !before.includes(name));
      mostOut = Math.max(mostOut, out.length);
      await pause(ASK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => {});
    }
  }

  const seen = (): Seen => ({ mostOut, rebooted: [...rebooted], cutOff: [...cutOff] });
  return {
    seen,
    async stop() {
      stopped.abort();
      clearInterval(looking);
      await asking;
      look();
      return seen();
    },
  };
}
