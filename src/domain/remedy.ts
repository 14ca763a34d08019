/** What does the owner of a server do about a finding, in the words and commands of its operating system? */
import type { FindingKind } from './compliance.ts';

export interface Remedy {
  readonly kind: 'update' | 'reboot' | 'report';
  /** `update it, for instance` */
  readonly words: string;
  /** To be typed on the server; absent where it depends. */
  readonly command?: string;
}

interface Family {
  readonly name: RegExp;
  readonly update: Omit<Remedy, 'kind'>;
  readonly reboot?: Omit<Remedy, 'kind'>;
}

const FOR_INSTANCE = 'update it, for instance';
const REBOOT: Omit<Remedy, 'kind'> = {
  words: 'reboot it at a time that suits you',
  command: 'sudo reboot',
};

/**
 * The first that fits. No command names a package: what a machine reports is a stranger's word, and no stranger
 * writes commands for our readers.
 */
const FAMILIES: readonly Family[] = [
  {
    name: /windows/i,
    update: { words: 'install what Windows Update offers for it' },
    reboot: { words: 'restart Windows at a time that suits you' },
  },
  {
    name: /debian|ubuntu|raspbian|linux ?mint|devuan|kali/i,
    update: { words: FOR_INSTANCE, command: 'sudo apt update && sudo apt upgrade' },
  },
  {
    name: /(?:centos|red ?hat|rhel|scientific|oracle)\D*[5-7]\b|amazon linux(?: ami)? (?:2|201\d\S*)(?!\d)/i,
    update: { words: FOR_INSTANCE, command: 'sudo yum update' },
  },
  {
    name: /rocky|alma|centos|red ?hat|rhel|scientific|oracle|fedora|amazon linux/i,
    update: { words: FOR_INSTANCE, command: 'sudo dnf upgrade --refresh' },
  },
  {
    name: /suse|sles/i,
    update: { words: FOR_INSTANCE, command: 'sudo zypper refresh && sudo zypper patch' },
  },
  {
    name: /alpine/i,
    update: { words: FOR_INSTANCE, command: 'sudo apk upgrade --update-cache' },
  },
  { name: /\barch\b|manjaro/i, update: { words: FOR_INSTANCE, command: 'sudo pacman -Syu' } },
  {
    name: /freebsd/i,
    update: { words: FOR_INSTANCE, command: 'sudo freebsd-update fetch install && sudo pkg upgrade' },
  },
];

const UNKNOWN: Omit<Family, 'name'> = {
  update: { words: 'install the security updates that its operating system offers' },
  reboot: { words: 'reboot it at a time that suits you' },
};

const REPORT: Remedy = {
  kind: 'report',
  words:
    'see that it runs, that it reaches the network, and that the program that came with its image to report its packages still runs each day',
};

/** `os`: as the machine calls it, such as `Rocky Linux 9.3`. What has to be installed comes before a reboot. */
export function remediesFor(kinds: Iterable<FindingKind>, os: string | undefined): Remedy[] {
  const asked = new Set(kinds);
  const { update, reboot = REBOOT } = FAMILIES.find(({ name }) => name.test(os ?? '')) ?? UNKNOWN;
  return [
    ...(asked.has('advisory') || asked.has('updates') ? [{ kind: 'update', ...update } as const] : []),
    ...(asked.has('reboot') ? [{ kind: 'reboot', ...reboot } as const] : []),
    ...(asked.has('silence') ? [REPORT] : []),
  ];
}
