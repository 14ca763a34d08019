/** Daemons in processes of their own, and the file in which their effects are seen. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Timings } from '../../../src/engine/engine.ts';

/** Options of the job `steps`, which every such daemon has. */
export const stepsOptions = z.strictObject({
  steps: z.int(),
  stepMs: z.int(),
  effects: z
    .array(z.enum(['read', 'idempotent', 'verify', 'once']))
    .default(['read', 'idempotent', 'verify', 'once']),
});

export interface DaemonOptions {
  readonly stateDir: string;
  readonly url: string;
  readonly timings: Partial<Timings>;
  /** Where effects are written, one a line. */
  readonly world: string;
  /** As the engine has it; left out, more than anything but a poison would lose. */
  readonly mostLosses?: number;
}

export interface Daemon {
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
}

const SCRIPT = new URL('./daemon.ts', import.meta.url).pathname;

/** Resolves when it works; `script` is a daemon of another kind, which says `ready`, too. */
export async function startDaemon(options: object, script = SCRIPT): Promise<Daemon> {
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | string | null>((done) =>
    child.once('exit', (code, signal) => done(code ?? signal)),
  );
  const ready = new Promise<void>((done) => child.stdout.once('data', () => done()));
  const early = ended.then((how) => {
    throw new Error(`the daemon ended before it worked: ${how}`);
  });
  await Promise.race([ready, early]);
  early.catch(() => {});
  return { pid: child.pid ?? 0, signal: (signal) => void child.kill(signal), ended };
}

export interface Effect {
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly run: string;
  readonly step: string;
}

/** Every effect that any daemon had, in order. */
export function effectsIn(world: string): Effect[] {
  const lines = readFileSync(world, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [pid, at, run = '', ...step] = line.split(' ');
    return { pid: Number(pid), at: Number(at), run, step: step.join(' ') };
  });
}

export function newWorld(file: string): string {
  writeFileSync(file, '');
  return file;
}

/** How often each step of each run had its effect. */
export function timesEach(effects: readonly Effect[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { run, step } of effects) times.set(`${run} ${step}`, (times.get(`${run} ${step}`) ?? 0) + 1);
  return times;
}
