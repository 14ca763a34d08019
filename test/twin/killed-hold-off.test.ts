/** Whether a real Alertmanager is left without silences when the daemon is killed while a hypervisor reboots. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/engine.ts';
import { HAS_ALERTMANAGER, startAlertmanager } from '../support/monitoring.ts';
import { openSite, type Site } from '../support/nightshift.ts';
import { openTestTwin, type TestTwin } from '../support/twin.ts';

const HV = 'hv01.twin.example';
const OPTIONS = `{ hypervisor: ${HV}, pollMs: 20, silences: [{ matchers: { instance: "{{ hypervisor }}(:.*)?" } }] }`;

describe.skipIf(!HAS_ALERTMANAGER)('a SIGKILL between silence and proof', { timeout: 120_000 }, () => {
  let world: TestTwin;
  let monitor: Awaited<ReturnType<typeof startAlertmanager>>;
  let site: Site;
  beforeAll(async () => {
    [world, monitor] = await Promise.all([openTestTwin(), startAlertmanager()]);
    const { env, ssh } = world.twin;
    const settings = [
      `ssh: { user: ${ssh.user}, key: file:key, knownHosts: known_hosts, addresses: ${JSON.stringify(ssh.addresses)} }`,
      `alertmanager: { url: "${monitor.url}" }`,
      'engine: { leaseMs: 1000, renewMs: 200, reconcileMs: 200 }',
    ].join('\n');
    site = await openSite({ settings, env });
    site.write('known_hosts', ssh.knownHosts);
    writeFileSync(join(site.dir, 'key'), ssh.key, { mode: 0o600 });
    const config = join(site.dir, 'nightshift.yaml');
    const armed = `  reboot-hypervisor: { armed: true, options: ${OPTIONS} }`;
    site.write('nightshift.yaml', readFileSync(config, 'utf8').replace(/^jobs:$/m, `jobs:\n${armed}`));
    const hypervisor = machine();
    hypervisor.disabled = false;
    hypervisor.boot = { ...hypervisor.boot, kernel: '6.1.0-18-amd64' };
    hypervisor.kernels = ['6.1.0-18-amd64', '6.1.0-28-amd64'];
  });
  afterAll(async () => {
    await site.close();
    await Promise.all([world.close(), monitor.stop()]);
  });

  const machine = () => Object.values(world.twin.world.state.hypervisors).find(({ name }) => name === HV)!;
  const silences = async () => {
    const all = (await (await fetch(`${monitor.url}/api/v2/silences`)).json()) as {
      status: { state: string };
      matchers: { value: string }[];
    }[];
    return all.map(({ status, matchers }) => `${status.state} ${matchers[0]?.value}`);
  };
  const handback = () => readdirSync(join(site.dir, 'state/handback'));

  it('is survived: another daemon proves the hypervisor, and ends the silence', async () => {
    const first = site.start('run', 'reboot-hypervisor', '--go');
    await eventually('the hypervisor to be down', async () => machine().power === 'off');
    first.child.kill('SIGKILL');
    await first.ended;
    const atKill = [await silences(), handback()];

    const second = site.start('daemon');
    await eventually(
      'the hypervisor to serve',
      async () => !(await world.cloud.service(HV)).disabled,
      60_000,
    );
    await eventually('the hand-back folder to be empty', async () => handback().length === 0);

    expect(atKill).toEqual([
      ['active hv01\\.twin\\.example(:.*)?'],
      ['hypervisor-hv01.twin.example.txt', 'silences-for-hv01.twin.example.txt'],
    ]);
    expect(await silences()).toEqual(['expired hv01\\.twin\\.example(:.*)?']);
    expect(machine().boot.kernel).toBe('6.1.0-28-amd64');
    second.child.kill('SIGTERM');
    await second.ended;
  });
});
