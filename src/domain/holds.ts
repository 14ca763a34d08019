/** What people and past nights have laid down that keeps a hypervisor from being rebooted now? */
import { type Claims, whyClaimed } from './claims.ts';

/** As it was when the fleet was read. */
export interface Holds {
  readonly now: Date;
  /** The zone in which times are said. */
  readonly zone: string;
  readonly claims: Claims;
}

/** Nothing is laid down. */
export const NO_HOLDS: Holds = { now: new Date(0), zone: 'UTC', claims: {} };

/** Why this hypervisor is left alone, whatever its guests; undefined when nothing is laid down against it. */
export function whyLaidDown(holds: Holds, hypervisor: string): string | undefined {
  return whyClaimed(holds.claims, hypervisor, holds);
}
