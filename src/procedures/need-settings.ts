/** What can be said of the kernel that a hypervisor is rebooted into, and of what is updated before: options of every job that reboots. */
import { z } from 'zod';

/** As people type them: `6.1.0-28*, 6.1.0-30*`. */
const Patterns = z.union([
  z.array(z.string().min(1)),
  z.string().transform((patterns) => patterns.split(',').map((pattern) => pattern.trim())),
]);

export const needSettings = {
  kernels: Patterns.default([]).describe(
    'Only these kernels may boot next: patterns, * stands for anything; none named means all',
  ),
  bootFiles: z
    .boolean()
    .default(true)
    .describe('Hold a hypervisor with kernels in /boot where the next one lacks image, initramfs or modules'),
  bootFreeMb: z
    .number()
    .nonnegative()
    .default(16)
    .describe('Hold a hypervisor with less free space in /boot'),
  update: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Shell command on the host, run when it is empty and before it is rebooted (packages, firmware)',
    ),
  updateProbe: z
    .string()
    .min(1)
    .optional()
    .describe('Shell command on the host: exits 0 when the update has nothing to do, else it needs one'),
  updateWithinMinutes: z.number().positive().default(60).describe('How long the update may take'),
};

/** As `needSettings` has them; what is left out asks for nothing. */
export interface NeedSettings {
  /** Shell command, run on each host, that prints the kernel which boots next. */
  readonly nextKernel: string;
  readonly kernels?: readonly string[];
  readonly bootFiles?: boolean;
  readonly bootFreeMb?: number;
  readonly update?: string | undefined;
  readonly updateProbe?: string | undefined;
}
