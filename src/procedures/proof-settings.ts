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
  canary: z
    .strictObject({
      flavor: z.string().min(1).describe('Id of the flavor'),
      image: z.string().min(1).describe('Id of the image'),
      network: z.string().min(1).optional().describe('Id of the network; none if left out'),
      timeoutSeconds: z.number().positive().default(300).describe('From the request until it runs'),
    })
    .optional()
    .describe(
      'A server that must come up on it once it is enabled, and is deleted; else it is disabled again',
    ),
  soakMinutes: z
    .number()
    .nonnegative()
    .default(0)
    .describe('Watch it so long after it was enabled before the next is begun'),
};
