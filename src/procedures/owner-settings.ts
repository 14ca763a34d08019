/** What can be said of owners: whether they are asked, and how long before anything they are told. */
import { z } from 'zod';

export const ownerSettings = {
  owners: z
    .strictObject({
      ask: z
        .boolean()
        .default(false)
        .describe('Ask owners of servers that cannot be moved to agree that they are stopped and started'),
      noticeHours: z
        .number()
        .nonnegative()
        .default(48)
        .describe('A server is stopped or migrated cold no sooner than this after its owner was told'),
      deadlineDays: z
        .number()
        .positive()
        .default(14)
        .describe('Wait so long for the owners that are asked; instead of waitDays'),
      otherwise: z
        .enum(['give-back', 'wait'])
        .default('give-back')
        .describe(
          'Where an owner does not agree: give the hypervisor back, or wait for the end of the server until waitDays are over',
        ),
      reminderDays: z
        .number()
        .nonnegative()
        .optional()
        .describe(
          'Remind who has not answered once, so many days before the deadline; 0: nobody; left out, a third of deadlineDays',
        ),
      gatherMinutes: z
        .number()
        .nonnegative()
        .default(10)
        .describe(
          'Wait so long for questions of other hypervisors, so that an owner gets one mail about all',
        ),
      announceMoves: z
        .boolean()
        .default(false)
        .describe(
          "Tell projects' contacts on the night itself that servers of theirs are moved while they run",
        ),
    })
    .refine(({ reminderDays = 0, deadlineDays }) => reminderDays < deadlineDays, {
      path: ['reminderDays'],
      message: 'must be fewer than deadlineDays, or the reminder would come before the question',
    })
    .optional()
    .describe('Mail to the owners of servers; left out, there is none and none is waited for'),
};

export type OwnerSettings = z.output<z.ZodObject<typeof ownerSettings>>;
/** As the options say it, where they say anything. */
export type OwnerRules = NonNullable<OwnerSettings['owners']>;
