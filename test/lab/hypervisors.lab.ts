/** Whether the lab keeps what every other file here relies on: a hypervisor's shell cannot hurt the machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const dir = process.env.LAB_DIR ?? '';
const lab: { hosts: Record<string, { node: string }> } = JSON.parse(
  readFileSync(join(dir, 'lab.json'), 'utf8'),
);

describe.each(Object.keys(lab.hosts))('the lab hypervisor %s', (host) => {
  function shell(command: string): string {
    return execFileSync('ssh', ['-F', join(dir, 'ssh/config'), host, command], { encoding: 'utf8' }).trim();
  }

  it.each(['reboot', 'shutdown', 'poweroff', 'systemctl', 'uname', 'virsh'])(
    'has its own `%s` before the machine’s',
    (command) => {
      expect(shell(`command -v ${command}`)).toBe(join(dir, 'hostbin', command));
    },
  );

  it('has its own name, boot and processes', () => {
    const machine = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

    expect(shell('uname -n')).toBe(host);
    expect(shell('cat /proc/sys/kernel/random/boot_id')).not.toBe(machine);
    expect(Number(shell('ls -d /proc/[0-9]* | wc -l'))).toBeLessThan(20);
  });

  it('cannot reach the machine’s init', () => {
    expect(shell('ls /run/systemd /run/dbus 2>/dev/null | grep -v : | xargs')).toBe('');
  });
});
