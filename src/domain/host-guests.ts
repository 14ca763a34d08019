/** Which guests run on a hypervisor by its own account, without asking Nova. */
import type { CommandResult } from './fleet.ts';
import { parseLines } from './host-boot.ts';

export type HostGuests =
  | {
      readonly known: true;
      /** Names of active libvirt domains, paused ones included. */
      readonly domains: readonly string[];
      /** How many processes are virtual machines, whoever started them. */
      readonly processes: number;
    }
  | { readonly known: false; readonly why: string };

/** Prints the names of active domains; exit 127 says that there is no libvirt to ask (in a container, say). */
export const LIST_DOMAINS = `
command -v virsh >/dev/null 2>&1 || exit 127
if [ "$(id -u)" = 0 ]; then virsh list --name; else sudo -n virsh list --name; fi`;

/**
 * Asks a host; its first argument is a shell command as `LIST_DOMAINS`. Changes nothing. Process 1
 * is looked for because `hidepid` shows a user nothing but his own processes.
 */
export const GUESTS_PROBE = `
names=$(sh -c "$1"); echo "domains_exit=$?"
printf '%s\\n' "$names" | sed -n 's/^\\(.*[^ ].*\\)$/domain:\\1/p'
if [ -r /proc/1/comm ]; then
  echo "processes=$(cat /proc/[0-9]*/comm 2>/dev/null | grep -cE '^(qemu-system|qemu-kvm|kvm$)')"
fi`;

/** The command line of the probe. */
export function guestsProbe(listDomains: string): readonly string[] {
  return ['sh', '-c', GUESTS_PROBE, 'guests', listDomains];
}

/** Reads the probe's answer. Without libvirt the processes alone must do; a libvirt that fails hides guests. */
export function parseHostGuests(answer: CommandResult): HostGuests {
  const said = parseLines(answer.stdout);
  const processes = said.get('processes') ?? '';
  const exit = said.get('domains_exit');
  const detail = answer.stderr.trim().split('\n')[0] || 'it said nothing';

  if (answer.exit !== 0 || exit === undefined) {
    return { known: false, why: `its guests cannot be listed: ${detail}` };
  }
  if (exit !== '0' && exit !== '127') {
    return { known: false, why: `libvirt does not list its domains (exit ${exit}): ${detail}` };
  }
  if (!/^\d+$/.test(processes)) return { known: false, why: 'its processes cannot be listed' };
  const domains = answer.stdout
    .split('\n')
    .filter((line) => line.startsWith('domain:'))
    .map((line) => line.slice('domain:'.length).trim());
  return { known: true, domains, processes: Number(processes) };
}
