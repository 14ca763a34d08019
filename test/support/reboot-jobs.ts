/** The jobs of a night of reboots: the campaign, and the one that it calls for each hypervisor. */
import rebootHypervisor from '../../jobs/reboot-hypervisor.ts';
import rebootHypervisors from '../../jobs/reboot-hypervisors.ts';

export const REBOOT_JOBS = {
  'reboot-hypervisors': rebootHypervisors,
  'reboot-hypervisor': rebootHypervisor,
} as const;
