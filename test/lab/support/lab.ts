/** The machines of the lab: its hypervisors as hosts, what they boot, and how it is set back. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, vi } from 'vitest';

/** The lab of this worker: of several that stand side by side each worker has its own. */
export const labDir = process.env.LAB_DIR?.split(':')[Number(process.env.VITEST_POOL_ID) - 1] ?? '';

const { hosts }: { hosts: Record<string, { node: string; ip: string; ssh_port: number }> } = JSON.parse(
  readFileSync(join(labDir, 'lab.json'), 'utf8'),
);
const up = new URL('../openstack/up', import.meta.url).pathname;

/** The hypervisors by name, in order. The last two have GPUs. */
export const HYPERVISORS = Object.values(hosts).map(({ node }) => node) as [
  string,
  string,
  string,
  string,
  string,
];

/** Where each hypervisor's SSH listens. */
export const ADDRESSES = Object.fromEntries(
  Object.values(hosts).map(({ node, ip, ssh_port: port }) => [node, `${ip}:${port}`]),
);

export const OLD_KERNEL = '6.1.0-18-amd64';
export const NEW_KERNEL = '6.1.0-28-amd64';

/** The OS_* settings of the lab's administrator. */
export function openrc(): Record<string, string> {
  const lines = readFileSync(join(labDir, 'openrc'), 'utf8').matchAll(/^export (\w+)=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}

/**
 * No servers, every service enabled, and every hypervisor with a new kernel that awaits its reboot,
 * which takes a second. Live migrations take no time.
 */
export function resetLab(): void {
  execFileSync(up, ['reset', '--dir', labDir]);
  setMigrations({});
  for (const name of HYPERVISORS) {
    writeFileSync(fileOf(name, 'reboot_seconds'), '1\n');
    writeFileSync(fileOf(name, 'kernel'), `${OLD_KERNEL}\n`);
    writeFileSync(fileOf(name, 'kernel.next'), `${NEW_KERNEL}\n`);
    for (const file of ['reboots', NO_RETURN, FALLS_BACK]) rmSync(fileOf(name, file), { force: true });
  }
}

/** A hypervisor on which one of these files lies does not come back from its reboot, or with its old kernel. */
export const NO_RETURN = 'no_return';
export const FALLS_BACK = 'falls_back';

/**
 * Somebody is at the machine: switches it on, or reboots it. Resolves when it boots. It is the lab that does
 * it, not this process, so that what runs on the machine outlives the test.
 */
export async function atMachine(hypervisor: string, act: 'on' | 'reboot'): Promise<void> {
  const before = bootIdOf(hypervisor);
  const button = connect(join(labDir, 'run/zygote.sock'));
  button.write(`power ${serviceHost(hypervisor)} ${act}\n`);
  await once(button, 'data');
  button.destroy();
  await until(() => {
    expect(bootIdOf(hypervisor)).toMatch(/./);
    expect(bootIdOf(hypervisor)).not.toBe(before);
  });
}

/** How the live migrations of these servers, by id, go from now on: seconds, or the fault that ends them. */
export function setMigrations(
  ways: Readonly<Record<string, number | 'fail' | 'refuse' | 'stuck' | 'stuck once'>>,
): void {
  writeFileSync(join(labDir, 'behaviour.json'), JSON.stringify({ default_seconds: 0, ...ways }));
}

/** A file of the hypervisor's, which on the host itself is `$LAB_DIR/hosts/$LAB_HOST/…`. */
export function fileOf(hypervisor: string, file: string): string {
  return join(labDir, 'hosts', serviceHost(hypervisor), file);
}

/** What Nova calls the host of its compute service. */
export function serviceHost(hypervisor: string): string {
  return hypervisor.split('.')[0] ?? '';
}

export function bootIdOf(hypervisor: string): string {
  return readFileSync(fileOf(hypervisor, 'boot_id'), 'utf8').trim();
}

export function kernelOf(hypervisor: string): string {
  return readFileSync(fileOf(hypervisor, 'kernel'), 'utf8').trim();
}

/** The domains that run on the host by its own account, and the boot in which it said so. */
export function domainsOn(hypervisor: string): { boot: string; running: string[] } {
  const file = fileOf(hypervisor, 'guests.json');
  if (!existsSync(file)) return { boot: '', running: [] };
  const { boot_id: boot, guests }: GuestsFile = JSON.parse(readFileSync(file, 'utf8'));
  const running = Object.entries(guests).flatMap(([id, { state }]) => (state === RUNNING ? [id] : []));
  return { boot, running };
}

interface GuestsFile {
  readonly boot_id: string;
  readonly guests: Record<string, { readonly state: number }>;
}

const RUNNING = 1;

/** Waits until `look` neither throws nor fails an expectation, and answers what it answered. */
export async function until<T>(look: () => T | Promise<T>, timeout = 90_000): Promise<T> {
  return await vi.waitFor(look, { timeout, interval: 50 });
}
