/** Where does a demo keep what it needs to go on, and what does it find there: nothing, a night under way, one that is over? */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { leavePrivateRedis } from '../engine/private-redis.ts';
import { makeSshKeys } from '../twin/hosts.ts';
import { readKept, writeKept } from '../twin/kept.ts';
import { type FleetWish, seedFleet } from './fleet.ts';
import type { DemoOptions } from './options.ts';

/** What makes a night the one that it is, kept so that it can be gone on with. */
export interface Night {
  readonly fleet: FleetWish;
  readonly timesFaster: number;
}

export interface Folder {
  /** As people type it: `var/demo`. */
  readonly name: string;
  /** The first demo at a time is 1. */
  readonly number: number;
  /** The absolute path of something in it. */
  at(file: string): string;
}

/** Held by this process for as long as it lives; see src/demo.js. */
const LOCK = 'lock';
const NIGHT = 'night.json';
const CLOUD = 'cloud.json';
const OVER = 'over';
const STATE = 'state';

/** By its name; the number is at the end of it. */
export function folderOf(name: string): Folder {
  const number = Number(/-(\d+)$/.exec(name)?.[1] ?? '1');
  return { name, number, at: (file) => resolve(name, file) };
}

/** The file in which the simulated cloud is kept. */
export function cloudFile(folder: Folder): string {
  return folder.at(CLOUD);
}

/** The state directory of the demo's daemon. */
export function stateDir(folder: Folder): string {
  return folder.at(STATE);
}

/** The night that was begun here and is not over; with when it is there, in ms since 1970. */
export function nightUnderWay(folder: Folder): { night: Night; now: number } | undefined {
  if (existsSync(folder.at(OVER))) return undefined;
  const kept = readKept(cloudFile(folder));
  if (kept === undefined) return undefined;
  return { night: JSON.parse(readFileSync(folder.at(NIGHT), 'utf8')) as Night, now: kept.state.at };
}

/**
 * Empties the folder and begins a night in it. Killed in the middle, it has begun none. False when
 * somebody still uses the Redis of the night before: nothing was changed then.
 */
export async function beginNight(
  folder: Folder,
  { pace, ...fleet }: Omit<DemoOptions, 'fresh'>,
  at: number,
): Promise<Night | false> {
  if (!(await leavePrivateRedis({ stateDir: stateDir(folder) }))) return false;
  // The cloud first: without it there is no night.
  rmSync(cloudFile(folder), { force: true });
  for (const file of readdirSync(folder.at('.')))
    if (file !== LOCK) rmSync(folder.at(file), { recursive: true, force: true });
  const night: Night = { fleet: { ...fleet, at }, timesFaster: pace };
  writeFileSync(folder.at(NIGHT), `${JSON.stringify(night)}\n`);
  writeKept(cloudFile(folder), { state: seedFleet(night.fleet), keys: makeSshKeys() });
  return night;
}

/** The next demo in this folder begins a night of its own. */
export function endNight(folder: Folder): void {
  writeFileSync(folder.at(OVER), '');
}
