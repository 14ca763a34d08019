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
      announceMoves: z
        .boolean()
        .default(false)
        .describe(
          "Tell projects' contacts on the night itself that servers of theirs are moved while they run",
        ),
    })
    .optional()
    .describe('Mail to the owners of servers; left out, there is none and none is waited for'),
};

export type OwnerSettings = z.output<z.ZodObject<typeof ownerSettings>>;
/** As the options say it, where they say anything. */
export type OwnerRules = NonNullable<OwnerSettings['owners']>;
