/** A hypervisor as its own operating system shows it: files, processes, domains, services. */

import { networkAgents, startNetworkAgent, stopNetworkAgent } from './network-agents.ts';
import { domainName } from './nova-rows.ts';
import { reboot, startAgent, stopAgent } from './power.ts';
import type { Hypervisor } from './state.ts';
import type { World } from './world.ts';

export interface Machine {
  readonly name: string;
  readonly kernel: string;
  readonly bootedAt: number;
  readonly now: number;
  /** Contents by path. */
  files(): ReadonlyMap<string, string>;
  /** All that libvirt knows, stopped ones too. */
  domains(): readonly { readonly name: string; readonly id: string; readonly running: boolean }[];
  /** Names of units that failed since it booted. */
  failedUnits(): readonly string[];
  /** Undefined when there is no such service. */
  service(name: string): 'active' | 'inactive' | undefined;
  start(service: string): void;
  stop(service: string): void;
  /** False: it refuses. */
  reboot(): boolean;
  /** On the cloud's clock; ends early, without a word, when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export function machineOf(world: World, hypervisor: Hypervisor): Machine {
  const networkAgent = (name: string) => networkAgents(hypervisor).find(({ binary }) => binary === name);
  const domains = () =>
    world.aboard(hypervisor.host).map((server) => ({
      name: domainName(server),
      id: server.id,
      running: server.domain?.running === true,
    }));

  let known: { readonly version: number; readonly files: ReadonlyMap<string, string> } | undefined;
  const files = () => {
    const { version } = world;
    if (known?.version !== version) known = { version, files: filesOf(hypervisor, runningOf(domains())) };
    return known.files;
  };

  return {
    get name() {
      return hypervisor.name;
    },
    get kernel() {
      return hypervisor.boot.kernel;
    },
    get bootedAt() {
      return hypervisor.boot.at;
    },
    get now() {
      return world.now;
    },
    files,
    domains,
    failedUnits: () => (hypervisor.boot.fault === 'failed unit' ? ['openvswitch-switch.service'] : []),
    service: (name) => {
      if (name === 'sshd') return 'active';
      const process = name === 'nova-compute' ? hypervisor.agent : networkAgent(name);
      return process && (process.since === null ? 'inactive' : 'active');
    },
    start: (name) => {
      const agent = networkAgent(name);
      if (name === 'nova-compute') startAgent(world, hypervisor);
      if (agent !== undefined) startNetworkAgent(world, agent);
    },
    stop: (name) => {
      const agent = networkAgent(name);
      if (name === 'nova-compute') stopAgent(world, hypervisor);
      if (agent !== undefined) stopNetworkAgent(world, agent);
    },
    reboot: () => reboot(world, hypervisor),
    async sleep(ms, signal) {
      const end = world.now + ms;
      await world.until(() => signal.aborted || world.now >= end, end);
    },
  };
}

function runningOf(domains: readonly { readonly running: boolean }[]): number {
  return domains.filter(({ running }) => running).length;
}

/** A network card with virtual functions, and the GPUs that it has. */
function devicesOf({ boot, stock }: Hypervisor): (readonly [string, string])[] {
  const isWhole = boot.fault !== 'no devices';
  const gpus = Array.from({ length: isWhole ? stock.gpus : 0 }, (_, place) => `0000:${65 + place}:00.0`);
  const pci = (address: string, driver: string, id: string) =>
    [`/sys/bus/pci/devices/${address}/uevent`, `DRIVER=${driver}\nPCI_ID=${id}\n`] as const;
  return [
    pci('0000:3b:00.0', 'mlx5_core', '15B3:1017'),
    ['/sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs', isWhole ? '8\n' : '0\n'],
    ...gpus.map((address) => pci(address, 'nvidia', '10DE:20B5')),
  ];
}

function filesOf(hypervisor: Hypervisor, guests: number): ReadonlyMap<string, string> {
  const { name, boot, kernels, agent } = hypervisor;
  const processes = [
    'systemd',
    'sshd',
    'libvirtd',
    ...(agent.since === null ? [] : ['nova-compute']),
    ...Array.from({ length: guests }, () => 'qemu-system-x86'),
  ];
  const [newest] = kernels.slice(-1);
  return new Map([
    ['/etc/hostname', `${name}\n`],
    ['/proc/sys/kernel/random/boot_id', `${boot.id}\n`],
    ['/proc/stat', `btime ${Math.floor(boot.at / 1000)}\n`],
    ...processes.map(
      (process, index) => [`/proc/${index === 0 ? 1 : 400 + index}/comm`, `${process}\n`] as const,
    ),
    ...kernels.flatMap((kernel) => [
      [`/boot/vmlinuz-${kernel}`, 'MZ'] as const,
      [`/boot/initrd.img-${kernel}`, '070701'] as const,
      [`/lib/modules/${kernel}/modules.dep`, 'kernel/drivers/net/virtio_net.ko:\n'] as const,
    ]),
    ...devicesOf(hypervisor),
    ['/sys/class/dmi/id/product_name', 'PowerEdge R640\n'],
    ...(newest === boot.kernel
      ? []
      : [
          ['/run/reboot-required', '*** System restart required ***\n'] as const,
          ['/run/reboot-required.pkgs', `linux-image-${newest}\n`] as const,
        ]),
  ]);
}
