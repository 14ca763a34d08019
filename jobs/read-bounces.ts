/** Which owners do mails not reach? What the relay refused and what bounced marks their addresses, armed or not. */
import { z } from 'zod';
import { type Context, defineJob } from '../src/context.ts';
import { addLessons, addressMail, describeLesson, type Lesson } from '../src/domain/address-report.ts';
import { PermanentError } from '../src/domain/failure.ts';
import { attempt } from '../src/procedures/attempt.ts';
import { type BouncesToRead, readBounces, takeRefusals } from '../src/procedures/mark-addresses.ts';

const Options = z.strictObject({
  mailbox: z
    .string()
    .default('bounces')
    .describe(
      'The mailbox that bounces come to, by its name in `mailboxes`; empty: only refusals are looked at',
    ),
});

type Ctx = Context<z.output<typeof Options>>;

export default defineJob({
  summary: 'Mark the addresses that mails do not reach, by what bounced and what was refused',
  options: Options,

  async run(ctx) {
    const bounces = bouncesOf(ctx);
    const lessons: Lesson[] = [await takeRefusals(ctx)];
    const learnt = (lesson: Lesson) => void lessons.push(lesson);
    // What was learnt before a mailbox could not be read is told all the same.
    const read = await attempt(async () => bounces && readBounces(ctx, bounces, learnt));
    const lesson = addLessons(lessons);
    await tellOperators(ctx, lesson);
    for (const { address, state, why, since } of lesson.marked)
      ctx.note({ subject: `address ${address}`, verdict: state, why, since });
    ctx.report(describeLesson(lesson));
    if (!read.ok) throw read.error;
    return { mails: lesson.mails, marked: lesson.marked.length };
  },
});

/** What is to be read; undefined where nothing is. */
function bouncesOf(ctx: Ctx): BouncesToRead | undefined {
  const name = ctx.options.mailbox;
  if (name === '') return undefined;
  if (ctx.bounces === undefined)
    throw new PermanentError(
      '`mail.bounces` is not configured, so no bounce comes to a mailbox: set it to the address that comes there, or give mailbox=""',
    );
  return { name, mailbox: ctx.mailbox(name), ours: ctx.bounces };
}

/** Once for each address that is marked, whatever becomes of the run. */
async function tellOperators(ctx: Ctx, { marked }: Lesson): Promise<void> {
  if (marked.length === 0 || ctx.operators.length === 0) return;
  await ctx.step('tell operators', { effect: 'read' }, (scope) => {
    scope.mail('marked', { to: ctx.operators, ...addressMail(marked, scope.now()) });
    return Promise.resolve();
  });
}
