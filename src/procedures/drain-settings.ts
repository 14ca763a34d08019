/** What can be said of how guests leave a hypervisor: options of every job that drains one. */
import { z } from 'zod';
import { WISHES } from '../domain/drain-wish.ts';
import { USUAL_CLASSES } from '../domain/guest-class.ts';

const Wish = z.enum(WISHES);

const Class = z.strictObject({
  class: z.string().min(1).describe('What it is called in reasons'),
  name: z
    .string()
    .optional()
    .describe("Pattern of the servers' names; * stands for anything, ? for one character"),
  metadata: z.record(z.string(), z.string()).optional().describe('Pattern for each of these keys'),
  project: z.string().optional().describe('Project id'),
  tag: z.string().optional().describe('Pattern of a tag that they have'),
  oneAtATime: z
    .union([z.literal(true), z.string().min(1)])
    .optional()
    .describe(
      'true: all of one project; *: those whose names are the same up to the last fixed text of the pattern; a key: those whose metadata have the same value there',
    ),
  drain: Wish.optional().describe('What is wished for all of them'),
});

export const drainSettings = {
  allow: z
    .strictObject({
      cold: z.boolean().default(false).describe('Migrate cold where the owner wishes that'),
      stop: z.boolean().default(false).describe('Stop, and start again, where the owner wishes that'),
      forceComplete: z
        .boolean()
        .default(false)
        .describe('Let Nova pause a guest whose live migration gets nowhere, as the last resort'),
    })
    .prefault({})
    .describe('What a drain may do beside live migration'),
  projects: z
    .record(z.string(), Wish)
    .default({})
    .describe('Wishes of projects by project id: live, cold, stop, ask or never'),
  classes: z
    .array(Class)
    .default(() => structuredClone(USUAL_CLASSES) as z.output<typeof Class>[])
    .describe('Servers that belong together although no server group says so; replaces the usual ones'),
  movable: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Servers that are said to be pinned for a reason like one of these can be live-migrated here: "PCI device of class gpu-vf" where that is live_migratable (Nova 2025.1), "virtual GPU" (2024.1)',
    ),
  avoid: z
    .array(z.string())
    .default([])
    .describe('Hypervisors that are to be drained soon: guests are sent elsewhere while there is room'),
  mbPerSecond: z
    .number()
    .positive()
    .default(100)
    .describe('What live migration moves, memory and disk together, where none has been measured'),
  migrateAtLeastSeconds: z.number().positive().default(300).describe('No migration is aborted before'),
  migrateAtMostSeconds: z
    .number()
    .positive()
    .default(4 * 3600)
    .describe('No migration that runs is given more time'),
  stalledAfterSeconds: z
    .number()
    .positive()
    .default(150)
    .describe('A live migration is given up that leaves no less to copy for so long'),
  mostRewrites: z
    .number()
    .positive()
    .default(3)
    .describe('A live migration is given up that has copied the memory so many times over'),
};
