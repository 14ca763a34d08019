/** Which rows of Placement's books belong to nothing: their room is lost to everybody, and they hold up every proof of emptiness. */
import type { Booking, Fleet, Occupancy, Server } from './fleet.ts';
import { isFinal } from './migration.ts';
import { serverName } from './names.ts';

export interface Leftover extends Booking {
  /** Completes the sentence "Placement books 2 VCPU on hv07 for …". */
  readonly why: string;
  /** Gives it back, in words of the plain OpenStack client. */
  readonly repair: string;
}

/**
 * Rows on a hypervisor that Nova does not explain at first sight: by no server on it. Both lists are minutes
 * long to read and nothing stands still meanwhile, so a suspect has to be looked at again.
 */
export function suspectsIn(fleet: Fleet, bookings: readonly Booking[]): readonly Booking[] {
  const hypervisors = new Set(fleet.hypervisors.map(({ name }) => name));
  const home = new Map(fleet.servers.map(({ id, hypervisor }) => [id, hypervisor]));
  return bookings.filter(
    ({ hypervisor, consumer }) => hypervisors.has(hypervisor) && home.get(consumer) !== hypervisor,
  );
}

/**
 * What a suspect is: undefined when it is explained by now. `server` is its consumer as a server, read just
 * before `occupancy`; undefined when there is none.
 */
export function judgeSuspect(
  suspect: Booking,
  server: Server | undefined,
  occupancy: Occupancy,
): Leftover | undefined {
  const { hypervisor, consumer } = suspect;
  const isBooked = occupancy.allocations.some((row) => row.consumer === consumer);
  const isAboard = occupancy.servers.some(({ id }) => id === consumer);
  const isMoving = occupancy.migrations.some(
    (migration) => !isFinal(migration) && (migration.uuid === consumer || migration.serverId === consumer),
  );
  if (!isBooked || isAboard || isMoving) return undefined;
  if (server === undefined) {
    const why = `${consumer}, which is neither a server nor an open migration`;
    return { ...suspect, why, repair: `openstack resource provider allocation delete ${consumer}` };
  }
  if (server.hypervisor === hypervisor || !isSettled(server)) return undefined;
  const where = server.hypervisor === '' ? 'on no hypervisor' : `on ${server.hypervisor}`;
  return {
    ...suspect,
    why: `${serverName(server)}, which is ${where} and is not being moved`,
    // Its other rows are right: only this provider's go.
    repair: `openstack resource provider allocation unset --provider "$(openstack resource provider list --name ${hypervisor} -f value -c uuid)" ${consumer}`,
  };
}

/** Of a server that is being built or moved, or that Nova cannot see, it is not known where it will be. */
function isSettled({ status, task, hypervisor }: Server): boolean {
  if (task !== undefined || status === 'UNKNOWN') return false;
  return hypervisor !== '' || status === 'SHELVED_OFFLOADED' || status === 'ERROR';
}
