/** What is remembered of the latest reboot of each hypervisor, for the nights to come? */
import type { RebootNeed } from './reboot-need.ts';

/** The table of records: hypervisor → `RebootRecord`. */
export const REBOOTS = 'reboots';

export type RebootRecord = {
  /** When it ended, ISO 8601 in UTC. */
  readonly at: string;
  /** given back: its drain failed, and it serves as before · failed: it was left disabled for a person. */
  readonly verdict: 'done' | 'given back' | 'failed';
  readonly why: string;
  /** The kernel that was to boot. */
  readonly kernel: string;
  readonly run: string;
  /** Servers aboard in ERROR before anything was done. */
  readonly errors: number;
  /** How long it took when it was done, the latest last. */
  readonly took: readonly Took[];
  /** The latest time since it was done that it was given back, not counted where its run was cancelled. */
  readonly givenBack?: GivenBack;
};

export type GivenBack = {
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly why: string;
  /** The boot in which it was. */
  readonly bootId: string;
};

export type Took = {
  readonly drainSeconds: number;
  /** What had been estimated by size. */
  readonly plannedSeconds: number;
  /** From the request to reboot until every check had passed. */
  readonly bootSeconds: number;
};

export type RebootRecords = Readonly<Record<string, RebootRecord>>;

/** So many past durations of a hypervisor are kept. */
const KEPT = 10;

type Ended = Omit<RebootRecord, 'took' | 'givenBack'> & {
  readonly took?: Took;
  /** The boot in which it was given back, where that is not because its run was cancelled. */
  readonly givenBackIn?: string;
};

/** What is remembered after this end; a run that was resumed replaces what it said before. */
export function recordOf(before: RebootRecord | undefined, ended: Ended): RebootRecord {
  const { took: now, givenBackIn, ...rest } = ended;
  const { at, why, verdict } = ended;
  const past = before?.took ?? [];
  const back = givenBackIn === undefined ? before?.givenBack : { at, why, bootId: givenBackIn };
  return {
    ...rest,
    took: now === undefined ? past : [...past, now].slice(-KEPT),
    ...(verdict !== 'done' && back !== undefined && { givenBack: back }),
  };
}

/** How it was given back, unless it has booted since, whoever saw to that; undefined when it was not. */
export function givenBackOf(
  record: RebootRecord | undefined,
  need: RebootNeed | undefined,
): GivenBack | undefined {
  if (need === undefined || need.need === 'unclear') return undefined;
  return record?.givenBack?.bootId === need.bootId ? record.givenBack : undefined;
}
