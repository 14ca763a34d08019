/** Which servers stay where they are, and why? */
import type { DefragmentPolicy } from '../defragment-plan.ts';
import type { FleetFile, FleetServer } from '../fleet-file.ts';
import type { Rows } from './rows.ts';

/** What of the policy decides who stays. */
export type StayPolicy = Pick<DefragmentPolicy, 'coolDownHours'>;

const HOUR_MS = 3_600_000;

/** A reason by server, in words that fit into "cannot move (…)"; undefined for one that can move. */
export function whyServersStay(
  fleet: FleetFile,
  policy: StayPolicy,
  { home, units, unitOf }: { readonly home: Int32Array; readonly units: Rows; readonly unitOf: Int32Array },
): { readonly whyStays: (string | undefined)[]; readonly warnings: string[] } {
  const { servers, hypervisors } = fleet;
  const alone = servers.map((server, s) => whyAlone(server, hypervisors[home[s]!]!.up, { fleet, policy }));
  const warnings: string[] = [];
  const whyUnit = new Map<number, string>();
  for (let unit = 0; unit < units.start.length - 1; unit++) {
    const members = units.items.subarray(units.start[unit], units.start[unit + 1]);
    if (members.length === 1) continue;
    if (members.some((s) => home[s] !== home[members[0]!])) {
      whyUnit.set(unit, 'its affinity group is on several hypervisors already');
      const names = [...members].map((s) => servers[s]!.id).join(', ');
      warnings.push(
        `affinity is broken already: ${names} are on several hypervisors; they are left where they are`,
      );
      continue;
    }
    const stays = members.find((s) => alone[s] !== undefined);
    if (stays !== undefined)
      whyUnit.set(unit, `goes only together with ${servers[stays]!.id}, which cannot move`);
  }
  if (policy.coolDownHours > 0 && fleet.takenAt === undefined && servers.some((one) => one.lastMovedAt))
    warnings.push(
      'the fleet does not say when it was taken, so nobody knows which servers were moved lately',
    );
  return { whyStays: alone.map((why, s) => why ?? whyUnit.get(unitOf[s]!)), warnings };
}

function whyAlone(
  server: FleetServer,
  isUp: boolean,
  { fleet, policy }: { readonly fleet: FleetFile; readonly policy: StayPolicy },
): string | undefined {
  if (server.pinned !== undefined) return server.pinned;
  if (!server.movable) return 'not movable';
  if (server.locked) return 'locked';
  if (!isUp) return 'its hypervisor is down';
  if (fleet.takenAt === undefined || server.lastMovedAt === undefined) return undefined;
  const hours = (Date.parse(fleet.takenAt) - Date.parse(server.lastMovedAt)) / HOUR_MS;
  if (hours >= policy.coolDownHours) return undefined;
  return `last moved ${Math.max(0, Math.floor(hours))} h ago; servers stay ${policy.coolDownHours} h where they were put`;
}
