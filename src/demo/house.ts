/** Opens everything the demo consists of: a simulated cloud, an ordinary installation beside it, and their clock. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { type Installation, openInstallation } from '../daemon.ts';
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
  const apiPort = await freePort(API_PORT + shift);
  const twin = await openTwin({
    ...night.fleet,
    clock: { now: () => clock.now().getTime() },
    port: await freePort(CLOUD_PORT + shift),
    keepIn: cloudFile(folder),
  });
  for (const [name, text] of Object.entries(siteFiles(folder, { twin, apiPort, pace: night.timesFaster })))
    writeFileSync(folder.at(name), text, { mode: 0o600 });
  // Whatever this machine is set up for, the demo is private.
  delete process.env['REDIS_URL'];
  process.env['OS_CLIENT_CONFIG_FILE'] = folder.at('clouds.yaml');

  const logTo = { write: (line: string) => appendFileSync(folder.at('daemon.log'), line) };
  const installation = await openInstallation({ path: folder.at('nightshift.yaml'), logTo, clock });
  const { engine, config, log } = installation;
  const server = await openServer({ engine, config, log });
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

/** This port of the loopback, or another one where somebody listens on it. */
async function freePort(wanted: number): Promise<number> {
  const probe = net.createServer();
  const listening = Promise.withResolvers<number>();
  probe.once('error', () => listening.resolve(wanted === 0 ? Number.NaN : 0));
  probe.listen(wanted, '127.0.0.1', () => listening.resolve((probe.address() as net.AddressInfo).port));
  const port = await listening.promise;
  await new Promise<void>((closed) => probe.close(() => closed()));
  return port === 0 ? freePort(0) : port;
}

/** As package.json has it. */
export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
