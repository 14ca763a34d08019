/** What can be said of how a hypervisor is drained, rebooted and proved: options of every job that does so. */
import { z } from 'zod';
import { LIST_DOMAINS } from '../domain/host-guests.ts';
import { NEXT_KERNEL } from '../domain/reboot-need.ts';
import { drainSettings } from './drain-settings.ts';
import { gateSettings } from './gate.ts';
import { holdOffSettings } from './hold-off.ts';
import { needSettings } from './need-settings.ts';
import { ownerSettings } from './owner-settings.ts';
import { proofSettings } from './proof-settings.ts';
import { REBOOT } from './reboot.ts';
import { roomSettings } from './room-settings.ts';

export const rebootSettings = {
  nextKernel: z
    .string()
    .default(NEXT_KERNEL)
    .describe('Shell command on the host: prints the kernel that boots next'),
  ...needSettings,
  listDomains: z
    .string()
    .default(LIST_DOMAINS)
    .describe('Shell command on the host: prints the active domains'),
  reboot: z.string().default(REBOOT).describe('Shell command on the host: reboots it'),
  gate: gateSettings,
  ...drainSettings,
  ...ownerSettings,
  ...roomSettings,
  ...holdOffSettings,
  stopWithinSeconds: z
    .number()
    .positive()
    .default(300)
    .describe('From the request to reboot until it stops answering'),
  backWithinMinutes: z
    .number()
    .positive()
    .default(30)
    .describe('From the request to reboot until all checks pass'),
  ...proofSettings,
  waitDays: z
    .number()
    .positive()
    .default(7)
    .describe('Wait so long for servers that cannot be moved to end, then give the hypervisor back'),
  waitPollSeconds: z
    .number()
    .positive()
    .default(300)
    .describe('Pause between two looks at servers that cannot be moved'),
  outsideWindow: z
    .boolean()
    .default(false)
    .describe('Act also where the window that the configuration names is not open'),
  parallelEmpty: z
    .strictObject({
      atOnce: z.int().positive().default(1),
      perZone: z.int().positive().default(1).describe('in one availability zone'),
      perRack: z.int().positive().default(1).describe('in one rack, see rackPrefixes'),
    })
    .prefault({})
    .describe('So many empty hypervisors are rebooted at once; those to drain always one at a time'),
  pollMs: z.int().positive().default(2000).describe('Pause between two looks at what is under way'),
};
