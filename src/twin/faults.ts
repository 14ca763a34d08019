/** What is made to go wrong in the simulated cloud; whoever holds the object may change it at any time. */

import type { FailureOn, FaultRule } from './failures.ts';

/**
 * How a live migration goes: `refuse` before it starts, `prefail` while the destination prepares, `fail`
 * half-way, `stuck` for ever, `vanish` accepted and never heard of again, or in so many seconds. A
 * server's metadata key `lab:migrate` says these, but for `vanish`. What else there is `FAILURES` says.
 */
export type MigrationFault = Exclude<FailureOn<'migration'>, 'slow'> | number;

/**
 * How a reboot goes: denied, accepted and not begun, never back, back on the old kernel, back without compute
 * service, back without one of its network agents, back without its virtual functions and GPUs, back with a unit that failed.
 */
export type RebootFault = FailureOn<'reboot'>;

export interface ApiFault {
  readonly service: 'identity' | 'compute' | 'placement' | 'network';
  /** Of every method if left out. */
  readonly method?: string;
  /** What the path below the service begins with; every path if left out. */
  readonly path?: string;
  /** A status, no answer at all, or a broken connection. */
  readonly answer: number | 'silence' | 'reset';
  /** Answers so many requests; until it is taken away if left out. */
  times?: number;
}

export interface Faults {
  /** By server id. */
  readonly migrations: Record<string, MigrationFault>;
  /** By hypervisor name. */
  readonly reboots: Record<string, RebootFault>;
  /** Cells whose database refuses connections, or takes them and says nothing. */
  readonly cells: Record<string, 'refused' | 'silent'>;
  readonly api: ApiFault[];
  /** What goes wrong by rule; the first one that fits decides. */
  readonly rules: FaultRule[];
  /** Nova's conductor takes requests and does not work on them. */
  conductor: 'works' | 'hangs';
}

export function noFaults(): Faults {
  return { migrations: {}, reboots: {}, cells: {}, api: [], rules: [], conductor: 'works' };
}

/** What a server's metadata asks for, in the words that the lab's hypervisors know. */
export function faultInMetadata(metadata: Readonly<Record<string, string>>): MigrationFault | undefined {
  const asked = metadata['lab:migrate'];
  if (asked === undefined) return undefined;
  if (asked === 'refuse' || asked === 'prefail' || asked === 'fail' || asked === 'stuck') return asked;
  return Number.isFinite(Number(asked)) ? Number(asked) : undefined;
}
