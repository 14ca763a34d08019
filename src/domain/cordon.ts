/** Under which reason Nightshift disables a hypervisor, and how a disabled one is told to people. */

const OURS = 'nightshift ';

/**
 * The reason of one run, its id included, so that no other run and no person can hold the same one:
 * whoever reads it back to the byte holds the cordon. Within Nova's 255 characters.
 */
export function cordonReason(runId: string, purpose: string): string {
  return `${OURS}${runId}: ${purpose}`.slice(0, 255);
}

/** Why a hypervisor that is disabled under `reason` is left alone. */
export function describeCordon(reason: string): string {
  if (reason === '') return 'disabled by somebody else, who gave no reason';
  if (!reason.startsWith(OURS)) return `disabled by somebody else: "${reason}"`;
  const [by] = reason.split(': ');
  return `disabled (by ${by}), which left it to a person`;
}
