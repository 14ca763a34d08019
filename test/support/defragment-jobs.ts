/** The jobs of a night that empties hypervisors and reboots them. */
import defragmentHypervisors from '../../jobs/defragment-hypervisors.ts';
import returnReserved from '../../jobs/return-reserved.ts';
import { REBOOT_JOBS } from './reboot-jobs.ts';

export const DEFRAGMENT_JOBS = {
  ...REBOOT_JOBS,
  'defragment-hypervisors': defragmentHypervisors,
  'return-reserved': returnReserved,
} as const;
