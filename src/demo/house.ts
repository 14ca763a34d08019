/** Opens everything the demo consists of: a simulated cloud, an ordinary installation beside it, and their clock. */
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { type Installation, openInstallation } from '../daemon.ts';
import { messageOf } from '../domain/failure.ts';
import { ensurePrivateRedis } from '../engine/private-redis.ts';
import { type OpenServer, openServer } from '../server/server.ts';
import { openTwin, type Twin } from '../twin/twin.ts';
import { type DemoClock, demoClock } from './clock.ts';
import { cloudFile, type Folder, type Night, stateDir } from './folder.ts';
import { siteFiles } from './site.ts';

export interface DemoHouse {
  readonly installation: Installation;
  readonly server: OpenServer;
  readonly twin: Twin;
  readonly clock: DemoClock;
  readonly redisMs: number;
  /** Hands over what is under way; the next demo in this folder goes on from there. */
  close(): Promise<void>;
}

/** Ports of the first demo's API and cloud; those of further demos lie above. */
const API_PORT = 7460;
const CLOUD_PORT = 7461;
const PORTS_APART = 10;

/** `now`: where in the night it goes on, in ms since 1970. Time stands still until the clock is given a pace. */
export async function openDemoHouse(folder: Folder, night: Night, now: number): Promise<DemoHouse> {
  const began = performance.now();
  await ensurePrivateRedis({ stateDir: stateDir(folder) });
  const redisMs = performance.now() - began;

  const clock = demoClock(now, 0);
  const shift = PORTS_APART * (folder.number - 1);
  const twin = await onFreePort(CLOUD_PORT + shift, (port) =>
    openTwin({
      ...night.fleet,
      clock: { now: () => clock.now().getTime() },
      port,
      keepIn: cloudFile(folder),
    }),
  );
  // Whatever this machine is set up for, the demo is private.
  delete process.env['REDIS_URL'];
  process.env['OS_CLIENT_CONFIG_FILE'] = folder.at('clouds.yaml');
  const { installation, server } = await onFreePort(API_PORT + shift, async (apiPort) => {
    for (const [name, text] of Object.entries(siteFiles(folder, { twin, apiPort, pace: night.timesFaster })))
      writeFileSync(folder.at(name), text, { mode: 0o600 });
    return openDaemon(folder, clock);
  });
  return {
    installation,
    server,
    twin,
    clock,
    redisMs,
    async close() {
      await server.close();
      await installation.close();
      await twin.close();
    },
  };
}

/** What `nightshift daemon` opens, with a clock of our own. */
async function openDaemon(
  folder: Folder,
  clock: DemoClock,
): Promise<{ installation: Installation; server: OpenServer }> {
  const logTo = { write: (line: string) => appendFileSync(folder.at('daemon.log'), line) };
  const installation = await openInstallation({ path: folder.at('nightshift.yaml'), logTo, clock });
  const { engine, config, log } = installation;
  try {
    return { installation, server: await openServer({ engine, config, log }) };
  } catch (error) {
    await installation.close();
    throw error;
  }
}

/** Opens something on this port of the loopback, or on another one where somebody listens on it. */
async function onFreePort<T>(wanted: number, open: (port: number) => Promise<T>): Promise<T> {
  try {
    return await open((await isFree(wanted)) ? wanted : await anyPort());
  } catch (error) {
    // Somebody may have come between the look and the opening.
    if (!messageOf(error).includes('EADDRINUSE')) throw error;
    return open(await anyPort());
  }
}

async function isFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== undefined;
}

async function anyPort(): Promise<number> {
  return (await listenOnce(0)) ?? 0;
}

/** The port it was listened on, for a moment; undefined when it is somebody else's. */
async function listenOnce(port: number): Promise<number | undefined> {
  const probe = net.createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
    return (probe.address() as net.AddressInfo).port;
  } catch {
    return undefined;
  } finally {
    await new Promise<void>((closed) => probe.close(() => closed()));
  }
}

/** As package.json has it. */
export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
