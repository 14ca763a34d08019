/** May this server leave, and may it ever be there? What holds of a move whatever else is where. */
import type { FleetFile, FleetHypervisor, FleetServer } from './fleet-file.ts';
import { sayList } from './say.ts';

const HOUR_MS = 3_600_000;

/** Why the server stays where it is; nothing for one that may leave. */
export function whysStays(
  { takenAt }: FleetFile,
  server: FleetServer,
  { from, coolDownHours }: { readonly from: FleetHypervisor; readonly coolDownHours: number },
): string[] {
  const { id, pinned, movable, locked, lastMovedAt } = server;
  const whys: string[] = [];
  if (pinned !== undefined) whys.push(`${id} cannot be moved: ${pinned}`);
  else if (!movable) whys.push(`${id} cannot be moved`);
  if (locked) whys.push(`${id} is locked`);
  if (!from.up) whys.push(`${from.name} is down, so nothing can be migrated off it`);
  if (takenAt !== undefined && lastMovedAt !== undefined) {
    const hours = (Date.parse(takenAt) - Date.parse(lastMovedAt)) / HOUR_MS;
    if (hours < coolDownHours)
      whys.push(`${id} was moved ${Math.floor(hours)} h ago and stays ${coolDownHours} h where it was put`);
  }
  return whys;
}

/** Which rules forbid the server to go there, room and groups apart; nothing where none does. */
export function whysNotThere(
  server: FleetServer,
  { from, to }: { readonly from: FleetHypervisor; readonly to: FleetHypervisor },
  isolatedAggregates: readonly string[],
): string[] {
  const whys: string[] = [];
  if (!to.enabled) whys.push(`${to.name} is disabled and takes nothing`);
  if (!to.up) whys.push(`${to.name} is down and takes nothing`);
  if (from.cell !== to.cell)
    whys.push(`${server.id} stays in cell ${from.cell ?? 'none'}, and ${to.name} is in ${to.cell ?? 'none'}`);
  const older = from.cpu.filter((trait) => !to.cpu.includes(trait));
  if (older.length > 0)
    whys.push(`the CPU of ${to.name} lacks ${sayList(older)}, which that of ${from.name} has`);
  return [...whys, ...whysMisplaced(server, to, isolatedAggregates)];
}

/** Which rules forbid the server to be there, wherever it comes from. */
export function whysMisplaced(
  { id, az, aggregate, requiredTraits }: FleetServer,
  { name, ...there }: FleetHypervisor,
  isolatedAggregates: readonly string[],
): string[] {
  const whys: string[] = [];
  if (az !== undefined && az !== there.az)
    whys.push(`${id} stays in zone ${az}, and ${name} is in ${there.az ?? 'none'}`);
  if (aggregate !== undefined && !there.aggregates.includes(aggregate))
    whys.push(`${id} needs aggregate ${aggregate}, and ${name} is not in it`);
  for (const isolated of there.aggregates)
    if (isolated !== aggregate && isolatedAggregates.includes(isolated))
      whys.push(`${name} is in the isolated aggregate ${isolated}, which ${id} does not name`);
  const lacking = requiredTraits.filter((trait) => !there.traits.includes(trait));
  if (lacking.length > 0) whys.push(`${id} needs ${sayList(lacking)}, which ${name} has not`);
  return whys;
}
