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
  const { id, az, aggregate, requiredTraits } = server;
  const whys: string[] = [];
  if (!to.enabled) whys.push(`${to.name} is disabled and takes nothing`);
  if (!to.up) whys.push(`${to.name} is down and takes nothing`);
  if (az !== undefined && az !== to.az)
    whys.push(`${id} stays in zone ${az}, and ${to.name} is in ${to.az ?? 'none'}`);
  if (from.cell !== to.cell)
    whys.push(`${id} stays in cell ${from.cell ?? 'none'}, and ${to.name} is in ${to.cell ?? 'none'}`);
  if (aggregate !== undefined && !to.aggregates.includes(aggregate))
    whys.push(`${id} needs aggregate ${aggregate}, and ${to.name} is not in it`);
  for (const name of to.aggregates)
    if (name !== aggregate && isolatedAggregates.includes(name))
      whys.push(`${to.name} is in the isolated aggregate ${name}, which ${id} does not name`);
  const lacking = requiredTraits.filter((trait) => !to.traits.includes(trait));
  if (lacking.length > 0) whys.push(`${id} needs ${sayList(lacking)}, which ${to.name} has not`);
  const older = from.cpu.filter((trait) => !to.cpu.includes(trait));
  if (older.length > 0)
    whys.push(`the CPU of ${to.name} lacks ${sayList(older)}, which that of ${from.name} has`);
  return whys;
}
