/** What have people and past nights laid down that keeps a hypervisor from being rebooted now? */
import { ALL_REBOOTS, type Breakers, kernelBreaker, whyBroken } from './breakers.ts';
import { type Claims, whyClaimed } from './claims.ts';
import type { RebootRecords } from './reboot-record.ts';

/** As it was when the fleet was read. */
export interface Holds {
  readonly now: Date;
  /** The zone in which times are said. */
  readonly zone: string;
  readonly claims: Claims;
  readonly breakers: Breakers;
  readonly records: RebootRecords;
}

/** Nothing is laid down. */
export const NO_HOLDS: Holds = { now: new Date(0), zone: 'UTC', claims: {}, breakers: {}, records: {} };

/** Why this hypervisor is not rebooted into `kernel`, whatever its guests; undefined when nothing is laid down. */
export function whyLaidDown(
  holds: Holds,
  { name, kernel }: { readonly name: string; readonly kernel?: string | undefined },
): string | undefined {
  const stopped =
    kernel === undefined ? undefined : whyBroken(holds.breakers, kernelBreaker(kernel), holds.zone);
  return whyClaimed(holds.claims, name, holds) ?? stopped;
}

/** Why no hypervisor at all is begun; undefined while some may be. */
export function whyAllStopped({ breakers, zone }: Holds): string | undefined {
  return whyBroken(breakers, ALL_REBOOTS, zone);
}
