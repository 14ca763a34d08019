/** Whether the lab keeps what every other file here relies on: a hypervisor's shell cannot hurt the machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HYPERVISORS, labDir, serviceHost } from './support/lab.ts';

/** The lines that a command prints in a hypervisor's shell. */
function shell(host: string, command: string): string[] {
  const output = execFileSync('ssh', ['-F', join(labDir, 'ssh/config'), host, command], { encoding: 'utf8' });
  return output.trim().split('\n');
}

describe.each(HYPERVISORS.map(serviceHost))('the lab hypervisor %s', (host) => {
  it('finds its own commands before the machine’s', () => {
    const commands = ['reboot', 'shutdown', 'poweroff', 'systemctl', 'timedatectl', 'uname', 'virsh'];

    const found = shell(host, `for name in ${commands.join(' ')}; do command -v $name; done`);

    expect(found).toEqual(commands.map((command) => join(labDir, 'hostbin', command)));
  });

  it('has its own name, boot and processes', () => {
    const machine = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

    const [name, boot, processes] = shell(
      host,
      'uname -n; cat /proc/sys/kernel/random/boot_id; ls -d /proc/[0-9]* | wc -l',
    );

    expect(name).toBe(host);
    expect(boot).not.toBe(machine);
    expect(Number(processes)).toBeLessThan(20);
  });

  it('has its own kernels and PCI devices', () => {
    const kernels = ['6.1.0-18-amd64', '6.1.0-28-amd64'];

    expect(shell(host, 'ls /boot; ls /lib/modules')).toEqual([
      ...kernels.map((kernel) => `initrd.img-${kernel}`),
      ...kernels.map((kernel) => `vmlinuz-${kernel}`),
      ...kernels,
    ]);
    expect(shell(host, 'ls /sys/bus/pci/devices | grep -v "^0000:4[12]:00.0$" || true')).toEqual(['']);
  });

  it('cannot reach the machine’s init', () => {
    expect(shell(host, 'ls -A /run/systemd /run/dbus 2>/dev/null | grep -v : | xargs')).toEqual(['']);
  });
});
