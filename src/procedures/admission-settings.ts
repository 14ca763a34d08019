/** What can be said of which hypervisors go tonight: options of the campaign. */
import { z } from 'zod';

const Ring = z.union([
  z.strictObject({ hypervisors: z.int().positive() }),
  z.strictObject({ aggregate: z.string().min(1) }),
  z.literal('all'),
]);

const Budget = z.strictObject({
  per: z.enum(['window', 'zone', 'aggregate', 'rack']),
  atMost: z.int().nonnegative(),
});

export const admissionSettings = {
  rings: z
    .array(Ring)
    .default([])
    .describe(
      'Which hypervisors run a new kernel first, as [{ hypervisors: 1 }, { aggregate: canary }, all]; none means all at once',
    ),
  ringDays: z
    .number()
    .nonnegative()
    .default(1)
    .describe('So long must a ring have run a kernel, in good health, before the next one begins'),
  budgets: z
    .array(Budget)
    .default([])
    .describe(
      'At most so many a window (a day, where there is none), as [{ per: zone, atMost: 4 }]; what failed counts',
    ),
  self: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Id of the server that Nightshift runs on: its hypervisor goes last; left out, the firmware says',
    ),
  rackPrefixes: z
    .array(z.string().min(1))
    .default(['rack-', 'CUSTOM_RACK_'])
    .describe('An aggregate or trait that begins so names the rack of its hypervisors'),
};
