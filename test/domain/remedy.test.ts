/** What owners are told to do, by what their machine runs. */
import { expect, it } from 'vitest';
import { remediesFor } from '../../src/domain/remedy.ts';

it.each([
  ['Debian 12', 'sudo apt update && sudo apt upgrade'],
  ['Ubuntu 22.04', 'sudo apt update && sudo apt upgrade'],
  ['Rocky Linux 9.3', 'sudo dnf upgrade --refresh'],
  ['AlmaLinux release 8.10', 'sudo dnf upgrade --refresh'],
  ['CentOS Linux 7 (Core)', 'sudo yum update'],
  ['Scientific Linux release 7.9 (Nitrogen)', 'sudo yum update'],
  ['Red Hat Enterprise Linux Server release 6.10', 'sudo yum update'],
  ['Red Hat Enterprise Linux 10.0', 'sudo dnf upgrade --refresh'],
  ['CentOS Stream 9', 'sudo dnf upgrade --refresh'],
  ['Amazon Linux 2', 'sudo yum update'],
  ['Amazon Linux 2023', 'sudo dnf upgrade --refresh'],
  ['Fedora Linux 43', 'sudo dnf upgrade --refresh'],
  ['openSUSE Leap 15.6', 'sudo zypper refresh && sudo zypper patch'],
  ['SLES 15-SP6', 'sudo zypper refresh && sudo zypper patch'],
  ['Alpine Linux 3.22', 'sudo apk upgrade --update-cache'],
  ['Arch Linux', 'sudo pacman -Syu'],
  ['FreeBSD 14.3-RELEASE', 'sudo freebsd-update fetch install && sudo pkg upgrade'],
])('%s is updated by %s', (os, command) => {
  expect(remediesFor(['advisory'], os)).toEqual([
    { kind: 'update', words: 'update it, for instance', command },
  ]);
});

it.each([undefined, '', 'Plan 9', '<script>"; rm -rf /'])(
  '%j is told in plain words, without a command',
  (os) => {
    expect(remediesFor(['updates', 'reboot'], os)).toEqual([
      { kind: 'update', words: 'install the security updates that its operating system offers' },
      { kind: 'reboot', words: 'reboot it at a time that suits you' },
    ]);
  },
);

it('has only the kernel rebooted where only that is old, and a silent one looked after', () => {
  expect(remediesFor(['reboot'], 'Debian 12').map(({ kind, command }) => [kind, command])).toEqual([
    ['reboot', 'sudo reboot'],
  ]);
  expect(remediesFor(['silence'], 'Debian 12').map(({ kind }) => kind)).toEqual(['report']);
  expect(remediesFor(['reboot'], 'Windows Server 2022')).toEqual([
    { kind: 'reboot', words: 'restart Windows at a time that suits you' },
  ]);
});
