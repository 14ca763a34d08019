/** Whether the twin keeps the contract that a real OpenStack keeps. */
import { machineOf } from '../../../src/twin/machine.ts';
import { networkAgents } from '../../../src/twin/network-agents.ts';
import type { Twin } from '../../../src/twin/twin.ts';
import { openTestTwin } from '../../support/twin.ts';
import { cloudContract } from './contract.ts';
import type { Side } from './side.ts';

/** As the lab's, but for what has to be seen while it lasts: a busy machine may look rarely. */
const PACE = {
  heartbeatMs: 2000,
  downAfterMs: 60_000,
  rpcMs: 10_000,
  mbPerSecond: 1_000_000,
  stopMs: 100,
  awayMs: 60_000,
  agentMs: 500,
};
const KERNELS = { old: '6.1.0-18-amd64', next: '6.1.0-28-amd64' };

async function openTwinSide(): Promise<Side & { twin: Twin }> {
  const opened = await openTestTwin({ pace: PACE });
  const { twin, settings, ssh } = opened;
  const { state } = twin.world;
  const hypervisors = Object.values(state.hypervisors);

  return {
    twin,
    settings,
    ssh,
    hypervisors: hypervisors.map(({ name }) => name) as [string, string, string, string, string],
    admin: { name: 'admin', password: 'twin', project: 'admin' },
    tenant: { name: 'alice', password: 'twin', project: 'alpha' },
    image: state.image,
    kernels: KERNELS,
    agents: (name) =>
      networkAgents(twin.world.named(name))
        .map(({ binary }) => binary)
        .toSorted(),
    patience: { timeout: 20_000, interval: 10 },
    async reset() {
      for (const id of Object.keys(state.servers)) twin.world.plan(0, 'server deleted', id);
      for (const hypervisor of hypervisors) {
        hypervisor.disabled = false;
        hypervisor.disabledReason = null;
        hypervisor.boot = { ...hypervisor.boot, kernel: KERNELS.old };
        hypervisor.kernels = Object.values(KERNELS);
      }
      await twin.world.until(() => Object.keys(state.servers).length === 0);
    },
    crash: (name) => systemd('stop', name),
    start: (name) => systemd('start', name),
    async loseCell(how) {
      twin.faults.cells['cell1'] = how;
      return async () => void delete twin.faults.cells['cell1'];
    },
    async hangConductor() {
      twin.faults.conductor = 'hangs';
      return async () => void (twin.faults.conductor = 'works');
    },
    close: () => opened.close(),
  };

  async function systemd(verb: 'start' | 'stop', name: string): Promise<void> {
    const machine = machineOf(twin.world, twin.world.named(name));
    machine[verb]('nova-compute');
  }
}

cloudContract('the twin', openTwinSide);

// How Keystone lets people in is tried over the network, by a door in front of it.
cloudContract('the twin in its own process', async () => {
  const side = await openTwinSide();
  return { ...side, inProcess: side.twin.inProcess };
}, ['signing in']);
