/** What is remembered of the latest reboot of each hypervisor, for the nights to come? */

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

/** What is remembered after this end; a run that was resumed replaces what it said before. */
export function recordOf(
  before: RebootRecord | undefined,
  ended: Omit<RebootRecord, 'took'> & { readonly took?: Took },
): RebootRecord {
  const { took: now, ...rest } = ended;
  const past = before?.took ?? [];
  return { ...rest, took: now === undefined ? past : [...past, now].slice(-KEPT) };
}
