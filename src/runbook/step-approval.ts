/** The step `approval`: a person says yes or no. */
import { z } from 'zod';
import { DONE, kindOf, Named } from './kind.ts';
import { Duration } from './shapes.ts';
import { fillWord } from './template.ts';

const Step = z.strictObject({
  approval: z.strictObject({
    question: z.string().min(1),
    within: Duration,
    otherwise: z.enum(['yes', 'no']).default('no'),
  }),
  ...Named,
});

export const approval = kindOf({
  schema: Step,
  notPuttingBack: 'putting back waits for nobody',
  read: ({ approval: { question, within, otherwise } }) => ({
    says: `ask "${question}"`,
    needsHost: false,
    async work({ ctx, key, values }) {
      const asked = { question: fillWord(question, values), withinMs: within, otherwise };
      // The key is typed by whoever answers.
      const { answer, by, why } = await ctx.approval(key.replaceAll(' ', '-'), asked);
      return answer === 'yes' ? DONE : { verdict: 'held', why: `${by} said no: ${why}` };
    },
  }),
});
