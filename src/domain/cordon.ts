/** Under which reason Nightshift disables a hypervisor, and how a disabled one is told to people. */

const OURS = 'nightshift ';

/**
 * The reason under which a run that drains and reboots disables a hypervisor. The run's id is in it, so that
 * no other run and no person can hold the same one: whoever reads it back to the byte holds the cordon.
 * Within Nova's 255 characters.
 */
export function rebootReason(runId: string): string {
  return `${OURS}${runId}: reboot for a new kernel`.slice(0, 255);
}

/** Why a hypervisor that is disabled under `reason` is left alone. */
export function describeCordon(reason: string): string {
  if (reason === '') return 'disabled by somebody else, who gave no reason';
  if (!reason.startsWith(OURS)) return `disabled by somebody else: "${reason}"`;
  const [by] = reason.split(': ');
  return `disabled (by ${by})`;
}
