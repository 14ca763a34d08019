/** How long will a hypervisor's drain and reboot take, at the worst of ten? Learnt from those before. */
import type { RebootRecords } from './reboot-record.ts';

/** So many durations of the fleet, or of the hypervisor itself, say more than an estimate. */
const ENOUGH_OF_FLEET = 10;
const ENOUGH_OF_ITS_OWN = 3;
/** What is estimated by size alone may take twice as long. */
const DOUBT = 2;

/**
 * In seconds. `drainSeconds` is the estimate by size, `backSeconds` the most that a reboot may take: they
 * stand in where too little has been measured.
 */
export function predictSeconds(
  records: RebootRecords,
  { name, drainSeconds, backSeconds }: { name: string; drainSeconds: number; backSeconds: number },
): number {
  const all = Object.values(records).flatMap(({ took }) => took);
  const ratios = all.flatMap((one) =>
    one.plannedSeconds > 0 ? [one.drainSeconds / one.plannedSeconds] : [],
  );
  const factor = ratios.length >= ENOUGH_OF_FLEET ? worstOfTen(ratios) : DOUBT;
  const own = (records[name]?.took ?? []).map(({ bootSeconds }) => bootSeconds);
  const boots = own.length >= ENOUGH_OF_ITS_OWN ? own : all.map(({ bootSeconds }) => bootSeconds);
  const known = boots === own || boots.length >= ENOUGH_OF_FLEET;
  return Math.ceil(drainSeconds * factor + (known ? worstOfTen(boots) : backSeconds));
}

/** The 90th percentile, by nearest rank. */
function worstOfTen(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.9) - 1] ?? 0;
}
