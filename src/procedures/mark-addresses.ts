/** Which addresses have refused a mail, or bounced one, since the last look? They are marked in a table. */
import type { Context, StepScope } from '../context.ts';
import {
  ADDRESSES,
  type AddressMark,
  REFUSALS,
  type Refusal,
  type Sighting,
} from '../domain/address-marks.ts';
import { ignoredOf, type Lesson, type Marked, marksOf, sightingsOf } from '../domain/address-report.ts';
import { type BounceMailbox, readBounce } from '../domain/bounces.ts';
import { MAILBOX_CURSORS, type Mailbox, type MailboxCursor } from '../domain/mailbox.ts';

/** A report holds what it is about in its first bytes. */
const MAX_BYTES = 128 * 1024;
const PER_PAGE = 200;
/** The rest is for the next run. */
const MOST_PAGES = 50;

type Ctx = Pick<Context<unknown>, 'step'>;

/** Marks whom the relay refused, and takes what it said off the outbox's table. Marked once, whoever asks how often. */
export async function takeRefusals(ctx: Ctx): Promise<Lesson> {
  return ctx.step('take refusals', { effect: 'read' }, async (scope) => {
    const refusals = await scope.table(REFUSALS).all<Refusal>();
    const marked = await mark(scope, sightingsOf(refusals.values()));
    for (const address of refusals.keys()) scope.table(REFUSALS).delete(address);
    return { marked, mails: 0, ignored: {} };
  });
}

export interface BouncesToRead {
  /** The name that the site gave the mailbox. */
  readonly name: string;
  readonly mailbox: Mailbox;
  readonly ours: BounceMailbox;
}

/**
 * Marks whom mails in the mailbox are about, page by page, each in a step that moves the cursor, too: a mail is read
 * again where its marks were not written. `learnt` hears of each page.
 */
export async function readBounces(
  ctx: Ctx,
  { name, mailbox, ours }: BouncesToRead,
  learnt: (lesson: Lesson) => void,
): Promise<void> {
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const read = await ctx.step(`read ${name} ${page}`, { effect: 'read' }, async (scope) => {
      const cursors = scope.table(MAILBOX_CURSORS);
      const after = await cursors.get<MailboxCursor>(name);
      const limits = { most: PER_PAGE, maxBytes: MAX_BYTES, signal: scope.signal };
      const { mails, cursor, more } = await mailbox.read(after, limits);
      const readings = mails.map((mail) => readBounce(mail, ours));
      const seen = readings.flatMap((reading) => ('seen' in reading ? reading.seen : []));
      const marked = await mark(scope, seen);
      if (after?.uid !== cursor.uid || after.uidValidity !== cursor.uidValidity) cursors.set(name, cursor);
      return { marked, mails: mails.length, ignored: ignoredOf(readings), more };
    });
    learnt(read);
    if (!read.more) return;
  }
}

async function mark(scope: StepScope, sightings: readonly Sighting[]): Promise<readonly Marked[]> {
  if (sightings.length === 0) return [];
  const table = scope.table(ADDRESSES);
  const marked = marksOf(sightings, await table.all<AddressMark>());
  for (const { address, ...row } of marked) table.set(address, row);
  return marked;
}
