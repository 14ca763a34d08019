/** Opens a simulated cloud: Keystone, Nova, Placement and Neutron over HTTP, and hypervisors that answer SSH. */
import type { FleetFile } from '../domain/fleet-file.ts';
import type { Faults } from './faults.ts';
import { type FleetSeed, worldOf } from './from-fleet.ts';
import { type Hosts, makeSshKeys, openHosts, type SshFace } from './hosts.ts';
import { type Door, openDoor, openHttp } from './http.ts';
import { type InProcess, openInProcess } from './in-process.ts';
import { type Kept, readKept, writeKept } from './kept.ts';
import { openKeystone } from './keystone.ts';
import { openNeutron } from './neutron.ts';
import { openNova } from './nova.ts';
import { openPlacement } from './placement.ts';
import { type Seed, seedWorld } from './seed.ts';
import { HANDLERS } from './simulate.ts';
import { World } from './world.ts';

export interface TwinOptions extends Omit<Seed, 'at'> {
  /** ms since 1970 on the cloud's own clock, which may run faster than others. */
  readonly clock: { now(): number };
  /** Of the HTTP services, on the loopback; any free one if left out. */
  readonly port?: number;
  /**
   * The cloud is kept in this file and goes on from it when it is there; then the seed counts no more.
   * Whoever had a token has to sign in again.
   */
  readonly keepIn?: string;
}

export interface Twin {
  /** Keystone's, for `auth_url`. */
  readonly authUrl: string;
  /** The OS_* variables of its administrator. */
  readonly env: Readonly<Record<string, string>>;
  readonly ssh: SshFace;
  readonly world: World;
  /** The same cloud and hosts, without network. */
  readonly inProcess: InProcess;
  /** What is made to go wrong; may be changed at any time. */
  readonly faults: Faults;
  /** Breaks every connection, and says nothing more. */
  close(): Promise<void>;
}

/** Ms between two looks at the clock, by which machines go down and come back. */
const TICK_MS = 10;

/** The same seed gives the same cloud; the same requests at the same times lead to the same events. */
export async function openTwin({ clock, port = 0, keepIn, ...seed }: TwinOptions): Promise<Twin> {
  const kept = keepIn === undefined ? undefined : readKept(keepIn);
  const keys = kept?.keys ?? makeSshKeys();
  const world =
    kept === undefined ? seedWorld({ ...seed, at: clock.now() }, HANDLERS) : new World(kept.state, HANDLERS);

  let hosts: Hosts | undefined;
  const before = () => {
    world.advance(clock.now());
    hosts?.settle();
  };
  const after = keeper(world, keepIn, keys);
  const around = { before, after };

  const door = openServices(world, around);
  const http = await openHttp(door, port);
  hosts = await openHosts(world, keys, around);
  const ticking = setInterval(() => {
    before();
    after();
  }, TICK_MS);
  after();

  const authUrl = `${http.url}/identity/v3`;
  return {
    authUrl,
    env: environment(authUrl),
    ssh: hosts.face,
    world,
    inProcess: openInProcess(world, door, around),
    faults: world.state.faults,
    async close() {
      clearInterval(ticking);
      world.letGo();
      await Promise.all([http.close(), hosts?.close()]);
    },
  };
}

/** A simulated cloud without any network, whose time passes by `world.advance` alone. */
export interface QuietTwin extends Pick<Twin, 'env' | 'world' | 'faults' | 'inProcess'> {}

/** The same cloud as `openTwin` has, out of the same seed. */
export function openQuietTwin(seed: Seed): QuietTwin {
  return quietTwinOf(seedWorld(seed, HANDLERS));
}

/** The cloud that a file of a real fleet tells of. */
export function openFleetTwin(fleet: FleetFile, seed: FleetSeed): QuietTwin {
  return quietTwinOf(worldOf(fleet, seed, HANDLERS));
}

function quietTwinOf(world: World): QuietTwin {
  const around = { before: () => undefined, after: () => undefined };
  const inProcess = openInProcess(world, openServices(world, around), around);
  return { env: environment(inProcess.authUrl), world, faults: world.state.faults, inProcess };
}

function openServices(world: World, around: { before: () => void; after: () => void }): Door {
  const keystone = openKeystone(world);
  const services = {
    identity: keystone.answer,
    compute: openNova(world, keystone),
    placement: openPlacement(world, keystone),
    network: openNeutron(world, keystone),
  };
  return openDoor(world, services, around);
}

/** The OS_* variables of its administrator. */
function environment(authUrl: string): Readonly<Record<string, string>> {
  return {
    OS_AUTH_URL: authUrl,
    OS_USERNAME: 'admin',
    OS_PASSWORD: 'twin',
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_ID: 'default',
    OS_PROJECT_DOMAIN_ID: 'default',
    OS_REGION_NAME: 'RegionOne',
  };
}

/** Keeps what has changed, before anybody hears of it. */
function keeper(world: World, keepIn: string | undefined, keys: Kept['keys']): () => void {
  let version = -1;
  return () => {
    if (keepIn === undefined || version === world.version) return;
    version = world.version;
    writeKept(keepIn, { state: world.state, keys });
  };
}
