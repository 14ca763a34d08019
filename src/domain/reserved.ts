/** Which hypervisors are kept empty for the next campaign, by which run and until when? */
import type { Fleet, Hypervisor } from './fleet.ts';

/** The table of hypervisors that were emptied, or are being emptied: name → `Reserved`. */
export const RESERVED = 'reserved';

export type Reserved = {
  /** The run that has disabled it. */
  readonly run: string;
  /** ISO 8601 in UTC. From then on it is given back, unless somebody has taken it over. */
  readonly until: string;
};

export type Reservations = Readonly<Record<string, Reserved>>;

/**
 * The reason under which it is disabled meanwhile: Nova's scheduler knows no lease of ours. Whoever reads it
 * back to the byte may reboot it, or give it back. Within Nova's 255 characters.
 */
export function reservedReason({ run, until }: Reserved): string {
  return `nightshift ${run}: reserved for reboot-hypervisors until ${until.slice(11, 16)} UTC`.slice(0, 255);
}

/** True while it is disabled for no other reason than to stay empty. */
export function isReserved(reservations: Reservations, { name, disabled }: Hypervisor): boolean {
  const known = reservations[name];
  return known !== undefined && disabled === reservedReason(known);
}

/** The fleet as it would be with nothing reserved. */
export function withoutReservations(fleet: Fleet, reservations: Reservations): Fleet {
  const hypervisors = fleet.hypervisors.map((one) => {
    if (!isReserved(reservations, one)) return one;
    const { disabled: _, ...enabled } = one;
    return enabled;
  });
  return { ...fleet, hypervisors };
}
