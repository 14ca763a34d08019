/** What every command has in common: the house it opens and closes again, the terminal, and who asks. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { type Installation, openInstallation } from '../daemon.ts';
import type { View } from './render.ts';
import { renderLogLine } from './render-log.ts';
import { type Terminal, terminalOn } from './terminal.ts';

/** Options that every command has. */
export interface Common {
  readonly config?: string;
  readonly json?: true;
}

/** An open house, and the person before it. */
export interface Visit {
  readonly house: Installation;
  readonly engine: Installation['engine'];
  readonly terminal: Terminal;
  /** How this terminal's person sees things. */
  readonly view: View;
  readonly common: Common;
}

/** What stands between a person and a Redis that is doubted. */
export const ACCEPT_HINT = 'Nothing is started until somebody has looked and says: nightshift accept-redis';

/**
 * A commander action that opens the house, acts, and closes the house again, whatever happens. What
 * `act` resolves with is the exit code; its other arguments are the command's, then its options.
 */
export function inHouse(
  act: (visit: Visit, ...args: never[]) => Promise<number>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // commander hands over the arguments, then the options, then the command itself.
    const self = given.at(-1) as Command;
    const common = self.optsWithGlobals<Common>();
    const terminal = terminalFor(common);
    // A service's log is for programs, unless a person has started it and looks on.
    const forPeople = self.name() !== 'daemon' || process.stderr.isTTY;
    const logTo = { write: (line: string) => terminal.warn(renderLogLine(line.trimEnd())) };
    const house = await openInstallation({ path: common.config, ...(forPeople ? { logTo } : {}) });
    try {
      const { engine, config } = house;
      if (engine.doubt !== undefined && self.name() !== 'accept-redis')
        terminal.warn(`${engine.doubt}.`, ACCEPT_HINT);
      const view: View = {
        zone: config.timezone,
        width: terminal.width,
        // A getter, because a command may take all night.
        get now() {
          return new Date();
        },
      };
      const args = given.slice(0, -1) as never[];
      process.exitCode = await act({ house, engine, terminal, view, common }, ...args);
    } finally {
      await house.close();
    }
  };
}

export function terminalFor({ json }: Common): Terminal {
  return terminalOn({ out: process.stdout, err: process.stderr }, { json: json === true });
}

/** Who asks, for the audit. */
export function me(): string {
  return process.env.SUDO_USER ?? userInfo().username;
}

/**
 * Aborts when the person (Ctrl-C) or the system wants the command to end. The second time nothing is
 * waited for any more: the process dies of the signal.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}
