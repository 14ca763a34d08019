/** A simulated cloud for tests, seen through the real clients, on a clock that runs a hundred times as fast. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStackCloud } from '../../src/clients/openstack/cloud.ts';
import { type OpenStackSettings, readOpenStackSettings } from '../../src/clients/openstack/settings.ts';
import { type SshHosts, type SshSettings, sshHosts } from '../../src/clients/ssh.ts';
import type { Cloud } from '../../src/domain/fleet.ts';
import { openTwin, type Twin, type TwinOptions } from '../../src/twin/twin.ts';

export interface TestTwin {
  readonly twin: Twin;
  readonly settings: OpenStackSettings;
  readonly cloud: Cloud;
  readonly ssh: SshSettings;
  readonly hosts: SshHosts;
  close(): Promise<void>;
}

const START = Date.UTC(2026, 10, 24, 22);

/** From 22:00 on a Tuesday; `timesFaster` than ours. */
export function fastClock(timesFaster = 100): { now(): number } {
  const began = performance.now();
  return { now: () => START + (performance.now() - began) * timesFaster };
}

/** Five hypervisors without servers, unless told otherwise. */
export async function openTestTwin(options: Partial<TwinOptions> = {}): Promise<TestTwin> {
  const dir = mkdtempSync(join(tmpdir(), 'ns-twin-'));
  const twin = await openTwin({
    seed: 7,
    hypervisors: 5,
    servers: 0,
    domain: 'twin.example',
    clock: fastClock(),
    ...options,
  });
  const knownHosts = join(dir, 'known_hosts');
  writeFileSync(knownHosts, twin.ssh.knownHosts);
  const settings: OpenStackSettings = {
    ...readOpenStackSettings({ env: twin.env, cwd: dir, home: dir }),
    timing: { firstPauseMs: 5, longestPauseMs: 20 },
  };
  const { user, key, addresses } = twin.ssh;
  const ssh: SshSettings = { user, key, knownHosts: [knownHosts], addresses };
  const hosts = sshHosts(ssh);
  return {
    twin,
    settings,
    cloud: openStackCloud(settings),
    ssh,
    hosts,
    async close() {
      hosts.close();
      await twin.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
