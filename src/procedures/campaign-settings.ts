/** What can be said of a campaign: how much it does in a night, what holds it back and what stops it. */
import { z } from 'zod';
import type { Context } from '../context.ts';
import { longestBack } from '../domain/back-within.ts';
import type { BreakerRule } from '../domain/breakers.ts';
import type { Admission } from '../domain/reboot-gates.ts';
import { admissionSettings } from './admission-settings.ts';
import { rebootSettings } from './reboot-settings.ts';

const Names = z.union([
  z.array(z.string().min(1)),
  z.string().transform((names) => names.split(',').map((name) => name.trim())),
]);

export const campaignSettings = {
  limit: z.int().positive().default(5).describe('Reboot at most this many hypervisors in one run'),
  hosts: Names.default([]).describe('Only these hypervisors, by hypervisor hostname; none named means all'),
  maxFailed: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Go on after this many hypervisors that were left disabled'),
  maxGivenBack: z
    .int()
    .nonnegative()
    .default(3)
    .describe('Go on after this many drains in a row that failed without harm and had not failed before'),
  maxWaiting: z
    .int()
    .nonnegative()
    .default(1)
    .describe('So many hypervisors at once may be disabled to wait for servers that cannot be moved'),
  ...admissionSettings,
  breaker: z
    .strictObject({
      failures: z.int().positive().default(3).describe('So many hypervisors left disabled'),
      days: z.number().positive().default(7).describe('within so many days'),
    })
    .prefault({})
    .describe('Stop all campaigns until a person says nightshift reset-breaker; maxFailed does so too'),
  ...rebootSettings,
};

export type Campaign = Context<z.output<z.ZodObject<typeof campaignSettings>>>;

/** What is said to a hypervisor's own run: its key, its job and its options. */
export function childFor(
  { options }: Campaign,
  hypervisor: string,
  { wait = false, soon = [] }: { wait?: boolean; soon?: readonly string[] },
) {
  const settings = Object.fromEntries(Object.entries(options).filter(([key]) => key in rebootSettings));
  const avoid = [...new Set([...options.avoid, ...soon])];
  return [hypervisor, 'reboot-hypervisor', { hypervisor, wait, gated: !wait, ...settings, avoid }] as const;
}

/** When past failures open a breaker. */
export function ruleOf({ options }: Pick<Campaign, 'options'>): BreakerRule {
  return { ...options.breaker, perKernel: options.rings.length > 0 };
}

/** What the site wants of rings, budgets and its window. */
export function admissionOf({ options, window }: Pick<Campaign, 'options' | 'window'>): Admission {
  const { rings, ringDays, budgets, rackPrefixes, outsideWindow } = options;
  const keepsTo = outsideWindow ? undefined : window;
  return {
    rings,
    ringDays,
    budgets,
    rackPrefixes,
    backSeconds: longestBack(options) * 60,
    window: keepsTo,
  };
}
