/** What a program on a simulated hypervisor is handed, and what it answers. */
import type { Machine } from './machine.ts';

export interface Streams {
  readonly in: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export interface Session {
  readonly machine: Machine;
  readonly user: { readonly name: string; readonly id: number };
  readonly streams: Streams;
  /** `$0`, `$1` … */
  readonly args: readonly string[];
  /** Ends it where it stands. */
  readonly signal: AbortSignal;
}

/** Answers its exit status. */
export type Program = (session: Session) => number | Promise<number>;

export function say(streams: Streams, text: string): number {
  if (text !== '') streams.out(text);
  return 0;
}

/** For options that are not known: better no answer than a wrong one. */
export function unknown(streams: Streams, program: string, args: readonly string[]): number {
  streams.err(`${program}: ${args.join(' ')}: not known to the simulated host\n`);
  return 2;
}
