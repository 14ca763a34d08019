/** What can be said of a night that empties hypervisors: how many, at what price, and what stops it. */
import { z } from 'zod';
import type { Context } from '../context.ts';
import { admissionSettings } from './admission-settings.ts';
import { drainSettings } from './drain-settings.ts';
import { gateSettings } from './gate.ts';
import { ownerSettings } from './owner-settings.ts';
import { roomSettings } from './room-settings.ts';

const { cpuDirection, cellPrefixes, crossAzAttach } = roomSettings;
const { rackPrefixes } = admissionSettings;

export const defragmentSettings = {
  wanted: z
    .union([z.enum(['campaign', 'max']), z.int().positive()])
    .default('campaign')
    .describe(
      'Empty hypervisors at the end: campaign (as many as the next campaign of reboot-hypervisors takes, and only those that need a reboot), a number, or max',
    ),
  maxMoves: z.int().nonnegative().default(200).describe('Migrations at most in one run'),
  maxFailed: z
    .int()
    .nonnegative()
    .default(3)
    .describe('Go on after this many migrations that failed; their servers stay where they are'),
  keepEmpty: z
    .int()
    .nonnegative()
    .default(1)
    .describe('So many hypervisors of each pool may be lost afterwards, and their servers find room'),
  pools: z
    .array(z.string().min(1))
    .default([])
    .describe('Aggregates that are pools of their own in this; all else is the pool of its zone'),
  parallel: z.int().positive().default(10).describe('Migrations at once'),
  outPerHypervisor: z.int().positive().default(1).describe('of them off one hypervisor'),
  inPerHypervisor: z.int().positive().default(2).describe('of them onto one hypervisor'),
  coolDownHours: z
    .number()
    .nonnegative()
    .default(24)
    .describe('A server that was moved by this job stays so long where it is'),
  maxGibPerHypervisor: z
    .number()
    .positive()
    .optional()
    .describe('What may be moved for one more empty hypervisor; left out, any'),
  planSeconds: z.number().positive().default(60).describe('The planner is given so long'),
  seed: z.int().nonnegative().default(1).describe('The same seed, fleet and options give the same plan'),
  iterations: z.int().positive().default(1000).describe('Rounds of improvement, while there is time'),
  isolatedAggregates: z
    .array(z.string().min(1))
    .default([])
    .describe('Aggregates that only servers enter which ask for them: Nova does not tell them'),
  approval: z
    .strictObject({
      hours: z.number().positive().default(2).describe('So long an answer is waited for; none is a no'),
    })
    .optional()
    .describe('Ask operators before anything is moved; left out, nobody is asked'),
  reserveHours: z
    .number()
    .positive()
    .default(8)
    .describe('Where there is no window: what is empty is kept for reboot-hypervisors for so long'),
  gate: gateSettings,
  ...drainSettings,
  ...ownerSettings,
  cpuDirection,
  cellPrefixes,
  crossAzAttach,
  rackPrefixes,
  outsideWindow: z
    .boolean()
    .default(false)
    .describe('Act also where the window that the configuration names is not open'),
  pollMs: z.int().positive().default(2000).describe('Pause between two looks at what is under way'),
};

export type DefragmentOptions = z.output<z.ZodObject<typeof defragmentSettings>>;
export type Defragmenting = Context<DefragmentOptions>;

/** What a snapshot must know of the site. */
export function snapshotRules(options: DefragmentOptions) {
  const { cpuDirection, cellPrefixes, crossAzAttach, isolatedAggregates, rackPrefixes, mbPerSecond } =
    options;
  return {
    reach: { cpuDirection, cellPrefixes, crossAzAttach },
    policy: options,
    isolatedAggregates,
    rackPrefixes,
    mbPerSecond,
  };
}
