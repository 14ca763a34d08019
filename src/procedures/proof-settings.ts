/** What can be said of how a hypervisor is proved before it is trusted again: options of every job that reboots. */
import { z } from 'zod';

export const proofSettings = {
  backWithin: z
    .record(z.string(), z.number().positive())
    .default({})
    .describe('The same by the model that its firmware names: { "PowerEdge*": 20, default: 30 }'),
  devices: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Shell command on the host: lists devices that must be there again, a line each (nvidia-smi -L)',
    ),
  checks: z
    .record(z.string(), z.string().min(1))
    .default({})
    .describe('Shell commands on the host, by name, that must exit 0 after the reboot'),
};
