/** Does all that a file of a fleet names exist in it, and once only? Asked of what was written, right or wrong. */
import { sayCount } from './say.ts';
import { type Fault, show } from './words.ts';

type Row = Readonly<Record<string, unknown>>;
type Report = (path: readonly PropertyKey[], message: string) => void;

/** Names that lead nowhere, that stand for two, and lists that do not go together. */
export function referenceFaults(data: unknown): Fault[] {
  const faults: Fault[] = [];
  const report: Report = (path, message) => void faults.push({ path, message });
  const [hypervisors, servers, groups] = [
    rowsOf(data, 'hypervisors'),
    rowsOf(data, 'servers'),
    rowsOf(data, 'groups'),
  ];
  const byName = index(hypervisors, { list: 'hypervisors', key: 'name' }, report);
  const byId = index(servers, { list: 'servers', key: 'id' }, report);
  index(groups, { list: 'groups', key: 'id' }, report);

  const extras = listIn(rowOf(data), 'extraResources')?.length ?? 0;
  for (const [i, row] of hypervisors.entries())
    checkExtra(row, extras, (message) => report(['hypervisors', i, 'extra'], message));
  for (const [i, row] of servers.entries()) {
    checkExtra(row, extras, (message) => report(['servers', i, 'extra'], message));
    const at = typeof row.hypervisor === 'string' ? byName.get(row.hypervisor) : undefined;
    if (typeof row.hypervisor === 'string' && at === undefined)
      report(['servers', i, 'hypervisor'], `no hypervisor is called ${plain(row.hypervisor)}`);
    checkCells(row, at === undefined ? undefined : hypervisors[at], (message) =>
      report(['servers', i, 'cells'], message),
    );
  }
  for (const [i, row] of groups.entries())
    checkMembers(row, byId, (k, message) => report(['groups', i, 'members', k], message));
  return faults;
}

/** The place of each by its name; a name that is there already is reported. */
function index(
  rows: readonly Row[],
  { list, key }: { list: string; key: string },
  report: Report,
): Map<string, number> {
  const places = new Map<string, number>();
  for (const [i, row] of rows.entries()) {
    const name = row[key];
    if (typeof name !== 'string') continue;
    const first = places.get(name);
    if (first === undefined) places.set(name, i);
    else report([list, i, key], `${plain(name)} is there already, at ${list}[${first}]`);
  }
  return places;
}

function checkExtra(row: Row, wanted: number, report: (message: string) => void): void {
  const given = listIn(row, 'extra');
  if (given !== undefined && given.length !== wanted)
    report(`has ${sayCount(given.length, 'number')}, and extraResources ${sayCount(wanted, 'name')}`);
}

/** Cells that are not known are no fault; those that cannot be are one. */
function checkCells(row: Row, hypervisor: Row | undefined, report: (message: string) => void): void {
  const cells = listIn(row, 'cells');
  if (cells === undefined) return;
  if (typeof row.numa !== 'number') return report('are given, and no `numa`');
  if (cells.length !== row.numa)
    report(`names ${sayCount(cells.length, 'cell')}, and \`numa\` is ${row.numa}`);
  if (new Set(cells).size < cells.length) report('names a cell twice');
  const there = hypervisor === undefined ? undefined : listIn(hypervisor, 'numa');
  if (hypervisor === undefined || there === undefined) return;
  const beyond = cells.find((cell) => typeof cell === 'number' && cell >= there.length);
  if (beyond !== undefined)
    report(
      `there is no cell ${show(beyond)}: ${plain(String(hypervisor.name))} has ${there.length}, from 0 on`,
    );
}

function checkMembers(
  row: Row,
  servers: ReadonlyMap<string, number>,
  report: (at: number, message: string) => void,
): void {
  const seen = new Set<string>();
  for (const [k, member] of (listIn(row, 'members') ?? []).entries()) {
    if (typeof member !== 'string') continue;
    if (!servers.has(member)) report(k, `no server has the id ${plain(member)}`);
    else if (seen.has(member)) report(k, `${plain(member)} is in the group already`);
    seen.add(member);
  }
}

function rowsOf(data: unknown, list: string): Row[] {
  return (listIn(rowOf(data), list) ?? []).map(rowOf);
}

function rowOf(value: unknown): Row {
  return typeof value === 'object' && value !== null ? (value as Row) : {};
}

function listIn(row: Row, key: string): readonly unknown[] | undefined {
  const value = row[key];
  return Array.isArray(value) ? value : undefined;
}

/** A name as it is, where that is plain to read; else quoted. */
function plain(name: string): string {
  return /^[\w.:@-]{1,60}$/.test(name) ? name : show(name);
}
