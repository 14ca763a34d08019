/** What does a site say about patches of servers, and about mails to their owners? */
import { z } from 'zod';
import { PolicySchema } from '../domain/compliance.ts';
import { isAddress } from '../domain/owners.ts';

const Address = z.string().refine(isAddress, { error: 'is no mail address' });
const Percent = z.number().min(0).max(100);

export const PatchOptions = z.strictObject({
  feed: z.string().min(1).describe('What tells of findings, by its name in `feeds`'),
  project: z
    .string()
    .min(1)
    .optional()
    .describe('Write about servers of this project only, by its id or name; all are judged'),
  only: z
    .string()
    .min(1)
    .optional()
    .describe('Write to this owner (an address) or about this server (an id) only; all are judged'),
  to: Address.optional().describe(
    'Send what owners would get to this address instead; nobody counts as told then',
  ),
  maxOwnersPerDay: z
    .int()
    .positive()
    .max(100_000)
    .default(50)
    .describe('So many owners get their first mail of a day, the worst first; the others on another day'),
  stopAt: z
    .strictObject({
      days: z.int().min(1).max(90).default(14),
      mails: z.int().min(1).default(20).describe('Of fewer mails within those days nothing follows'),
      bouncedPercent: Percent.default(10),
      complainedPercent: Percent.default(2),
    })
    .prefault({})
    .describe(
      'No owner is written to when so many mails come back or are unwanted, until a person resets it',
    ),
  keepDays: z
    .int()
    .min(30)
    .max(4000)
    .default(400)
    .describe('How long trends, and exemptions that have ended, are kept'),
  policy: PolicySchema.prefault({}).describe('The patching terms'),
});

export type PatchSettings = z.output<typeof PatchOptions>;
