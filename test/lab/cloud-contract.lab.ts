/** Whether a real OpenStack keeps the contract to which the twin is held, so that the twin cannot lie. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOpenStackSettings } from '../../src/clients/openstack/settings.ts';
import { cloudContract } from '../contract/cloud/contract.ts';
import type { Side } from '../contract/cloud/side.ts';
import { shutCell, silenceCell } from './support/cell.ts';
import {
  ADDRESSES,
  HYPERVISORS,
  labDir,
  NEW_KERNEL,
  OLD_KERNEL,
  openrc,
  resetLab,
  serviceHost,
} from './support/lab.ts';

const up = new URL('openstack/up', import.meta.url).pathname;

async function openLabSide(): Promise<Side> {
  const env = openrc();
  const image = ['image', 'list', '-f', 'value', '-c', 'ID'];
  return {
    settings: readOpenStackSettings({ env, cwd: labDir, home: labDir }),
    ssh: {
      user: 'root',
      key: readFileSync(join(labDir, 'ssh/id_ed25519')),
      knownHosts: [join(labDir, 'ssh/known_hosts')],
      addresses: ADDRESSES,
    },
    hypervisors: HYPERVISORS,
    admin: { name: 'admin', password: 'lab', project: 'admin' },
    tenant: { name: 'alice', password: 'lab', project: 'alpha' },
    image: execFileSync('openstack', image, { env: { ...process.env, ...env }, encoding: 'utf8' }).trim(),
    kernels: { old: OLD_KERNEL, next: NEW_KERNEL },
    // Its Neutron is a stand-in that has none.
    agents: () => [],
    patience: { timeout: 90_000, interval: 100 },
    async reset() {
      resetLab();
      // The machine's own `reboot` is a word away: without the stand-ins nothing here may go on.
      for (const name of HYPERVISORS) needStandIn(name);
    },
    crash: async (name) => host(name, 'crash'),
    start: async (name) => host(name, 'agent'),
    loseCell: (how) => (how === 'silent' ? silenceCell() : shutCell()),
    hangConductor: async () => {
      const [pid] = readFileSync(join(labDir, 'run/nova-conductor.pid'), 'utf8').split(' ');
      process.kill(Number(pid), 'SIGSTOP');
      return async () => void process.kill(Number(pid), 'SIGCONT');
    },
    close: async () => resetLab(),
  };
}

function host(name: string, what: 'crash' | 'agent'): void {
  execFileSync(up, ['host', serviceHost(name), what, '--dir', labDir]);
}

function needStandIn(name: string): void {
  const shell = ['-F', join(labDir, 'ssh/config'), serviceHost(name), 'command -v systemctl'];
  const found = execFileSync('ssh', shell, { encoding: 'utf8' }).trim();
  if (found !== join(labDir, 'hostbin/systemctl')) throw new Error(`${name} would run ${found}`);
}

cloudContract('a real OpenStack', openLabSide, ['a network agent that dies']);
