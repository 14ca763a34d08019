/** The step `mail`: words of one's own, or the run's report. */
import { z } from 'zod';
import { sayDay } from '../domain/say.ts';
import type { Mail } from '../engine/job.ts';
import { DONE, Failing, kindOf, type Place } from './kind.ts';
import { fillWord } from './template.ts';

const Address = z
  .string()
  .regex(/^[^\s@<>]+@[^\s@<>]+$/, { error: 'is no mail address, and not `operators`' });
const To = z.union([z.literal('operators'), Address, z.array(Address).min(1)], {
  error: 'is `operators`, a mail address or a list of them',
});
const Line = z
  .string()
  .min(1)
  .regex(/^[^\r\n]*$/, { error: 'is more than one line' });

const Step = z.strictObject({
  mail: z
    .strictObject({
      to: To,
      template: z.literal('report').optional(),
      subject: Line.optional(),
      text: z.string().min(1).optional(),
    })
    .superRefine(({ template, subject, text }, ctx) => {
      const fault = (key: string, message: string) => ctx.addIssue({ code: 'custom', path: [key], message });
      if (template !== undefined && text !== undefined)
        fault('text', 'goes against `template`, which has a text of its own');
      if (template === undefined && text === undefined) fault('text', 'is missing (or `template: report`)');
      if (template === undefined && subject === undefined) fault('subject', 'is missing');
    }),
  ...Failing,
});

type Letter = z.output<typeof Step>['mail'];

export const mail = kindOf({
  schema: Step,
  read: ({ mail }) => ({
    says: `mail ${mail.template === undefined ? `"${mail.subject}"` : 'the report'} to ${[mail.to].flat().join(', ')}`,
    needsHost: false,
    async work(at) {
      const { ctx, key } = at;
      const to = mail.to === 'operators' ? ctx.operators : [mail.to].flat();
      if (to.length === 0) return { verdict: 'skipped', why: 'no operators are configured (operators.mail)' };
      await ctx.mail(key, { to, ...letterOf(mail, at) });
      return DONE;
    },
  }),
});

function letterOf({ template, subject, text = '' }: Letter, at: Place): Omit<Mail, 'to'> {
  const { ctx, values, job } = at;
  const title = subject === undefined ? undefined : fillWord(subject, values).replaceAll(/[\r\n]+/g, ' ');
  if (template === undefined) return { subject: title ?? '', text: fillWord(text, values) };
  const { headline, lines = [] } = at.report();
  return {
    subject: title ?? `[nightshift] ${sayDay(ctx.now(), 'UTC')}: ${job}: ${headline.replace(/\.$/, '')}`,
    text: `${[headline, ...lines, '', `All of it: nightshift show ${ctx.runId}`].join('\n')}\n`,
  };
}
