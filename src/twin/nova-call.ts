/** What every call to Nova has in common: who asks at which microversion, Nova's refusals, and silent cells. */
import { type Ask, Refusal, type Reply, type Route } from './http.ts';
import type { Token } from './keystone.ts';
import type { World } from './world.ts';

export interface Call extends Ask {
  readonly token: Token;
  /** 87 of 2.87. */
  readonly minor: number;
}

/** Makes a route's answer out of one that is given to people who have signed in. */
export type SignedIn = (answer: (call: Call, ...caught: string[]) => Reply | Promise<Reply>) => Route[2];

export const NEWEST_MINOR = 93;

/** The microversion that a request asks for; Nova's oldest when it asks for none. */
export function minorOf({ headers }: Ask): number {
  const asked = String(headers['openstack-api-version'] ?? '').replace(/^compute\s+/, '');
  if (asked === '') return 1;
  if (asked === 'latest') return NEWEST_MINOR;
  const minor = /^2\.(\d+)$/.exec(asked)?.[1];
  if (!/^\d+\.\d+$/.test(asked)) {
    const wrong = `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`;
    throw refused(400, wrong);
  }
  if (minor !== undefined && Number(minor) >= 1 && Number(minor) <= NEWEST_MINOR) return Number(minor);
  const message = `Version ${asked} is not supported by the API. Minimum is 2.1 and maximum is 2.${NEWEST_MINOR}.`;
  throw new Refusal({ status: 406, body: { computeFault: { code: 406, message } } });
}

const KINDS: Readonly<Record<number, string>> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  409: 'conflictingRequest',
};

export function refused(status: 400 | 403 | 404 | 409 | 501, message: string): Refusal {
  return new Refusal({ status, body: { [KINDS[status] ?? 'computeFault']: { code: status, message } } });
}

/** An exception inside Nova that nobody caught. */
export function crashed(exception: string): Refusal {
  const message = `Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n<class '${exception}'>`;
  return new Refusal({ status: 500, body: { computeFault: { code: 500, message } } });
}

/** Only administrators may; `policy` is the rule's name. */
export function needAdmin({ token }: Call, policy: string): void {
  if (token.user.role !== 'admin') {
    throw refused(403, `Policy doesn't allow os_compute_api:${policy} to be performed.`);
  }
}

/** Cells that gave no answer. One that refuses connections is known at once, a silent one after Nova's patience. */
export async function askCells(
  world: World,
): Promise<{ readonly down: ReadonlySet<string>; readonly refused: boolean }> {
  const { faults, pace } = world.state;
  const down = Object.entries(faults.cells);
  if (down.some(([, how]) => how === 'silent')) await world.sleep(pace.cellMs);
  return { down: new Set(down.map(([cell]) => cell)), refused: down.some(([, how]) => how === 'refused') };
}

/** For calls that know no patience: they hang until a silent cell is back. */
export async function needCells(world: World, cells: readonly string[]): Promise<void> {
  const { faults } = world.state;
  if (cells.some((cell) => faults.cells[cell] === 'refused'))
    throw crashed('sqlalchemy.exc.OperationalError');
  await world.until(() => cells.every((cell) => faults.cells[cell] !== 'silent'));
}

export function allCells(world: World): string[] {
  return [...new Set(Object.values(world.state.hypervisors).map(({ cell }) => cell))];
}

export interface Paging<T> {
  readonly key: string;
  readonly rows: readonly T[];
  readonly markerOf: (row: T) => string;
  readonly unknownMarker: (marker: string) => string;
}

/** One page, with a link to the next one when there is one. */
export function page<T>(
  { query, path, url }: Call,
  { key, rows, markerOf, unknownMarker }: Paging<T>,
  { most, show }: { most: number; show: (row: T) => object },
): Reply {
  const marker = query.get('marker');
  const before = marker === null ? -1 : rows.findIndex((row) => markerOf(row) === marker);
  if (marker !== null && before === -1) throw refused(400, unknownMarker(marker));
  const limit = Math.min(Number(query.get('limit') ?? most), most);
  const shown = rows.slice(before + 1, before + 1 + limit);
  const last = shown.at(-1);
  const isWhole = last === undefined || before + 1 + shown.length >= rows.length;
  if (isWhole) return { status: 200, body: { [key]: shown.map(show) } };
  const next = new URLSearchParams(query);
  next.set('marker', markerOf(last));
  const links = [{ rel: 'next', href: `${url}/v2.1${path}?${next.toString()}` }];
  return { status: 200, body: { [key]: shown.map(show), [`${key}_links`]: links } };
}

/** `2026-11-21T10:11:17.000000`, in UTC without saying so; records in the database have whole seconds. */
export function novaTime(at: number): string {
  return `${toSeconds(at)}.000000`;
}

/** `2026-11-21T10:11:17Z` */
export function shortTime(at: number): string {
  return `${toSeconds(at)}Z`;
}

const DAY_MS = 86_400_000;
const knownDays = new Map<number, string>();

/** By hand below the day, because lists have tens of thousands of them and `toISOString` is slow. */
function toSeconds(at: number): string {
  const from = Math.floor(at / DAY_MS) * DAY_MS;
  const day = knownDays.get(from) ?? new Date(from).toISOString().slice(0, 11);
  knownDays.set(from, day);
  const seconds = Math.floor((at - from) / 1000);
  return `${day}${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function two(number: number): string {
  return String(Math.floor(number)).padStart(2, '0');
}
