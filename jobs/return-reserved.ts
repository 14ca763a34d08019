/** Enables what a run has emptied and reserved for a campaign, once its time is over: that run's child, or by hand. */
import { z } from 'zod';
import { type Context, defineJob } from '../src/context.ts';
import { sayCount, sayInstant, sayList } from '../src/domain/say.ts';
import { attempt, isCancelled } from '../src/procedures/attempt.ts';
import { endReservation, endReserving, stillReserved } from '../src/procedures/reserve.ts';

const Options = z.strictObject({
  run: z.string().min(1).describe('The run that has reserved them'),
  until: z.iso.datetime().describe('What nobody has taken by then is given back, in UTC'),
  pollMs: z.int().positive().default(2000).describe('Pause between two looks at what is under way'),
});

type Ctx = Context<z.output<typeof Options>>;

const LOOK_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;

export default defineJob({
  summary: 'Enable hypervisors that were kept empty for a campaign which did not take them',
  options: Options,

  async run(ctx) {
    const cancelled = await awaitEnd(ctx);
    const names = await ctx.step('reserved', { effect: 'read' }, async (scope) => [
      ...(await stillReserved(scope, ctx.options.run)).names,
    ]);
    const back: string[] = [];
    const lost: Error[] = [];
    for (const name of names) {
      const given = await attempt(() => giveBack(ctx, name));
      if (!given.ok) lost.push(given.error);
      else if (given.value) back.push(name);
    }
    const [first] = lost;
    if (first !== undefined) throw first;
    await endReserving(ctx, ctx.options.run);
    ctx.report({
      headline:
        back.length === 0
          ? 'Nothing was left to give back.'
          : `${sayCount(back.length, 'hypervisor')} given back: ${sayList(back)}.`,
    });
    if (cancelled !== undefined) throw cancelled;
  },
});

/** Until the time is over or nothing is left to give back; with the error of a run that was cancelled, at once. */
async function awaitEnd(ctx: Ctx): Promise<Error | undefined> {
  const { run, until } = ctx.options;
  const why = `${sayInstant(new Date(until), 'UTC')}: what ${run} has reserved is then given back`;
  const wait = { why, withinMs: 30 * DAY_MS, everyMs: LOOK_EVERY_MS };
  try {
    await ctx.waitUntil('end of the reservations', wait, async (scope) => {
      const { isOver, names } = await stillReserved(scope, run);
      return scope.now() >= new Date(until) || (isOver && names.length === 0) ? true : undefined;
    });
    return undefined;
  } catch (error) {
    if (isCancelled(error)) return error;
    throw error;
  }
}

/** Whoever is about to reboot it has its lease, and takes it over or leaves it within a moment. */
async function giveBack(ctx: Ctx, name: string): Promise<boolean> {
  const subject = `hypervisor ${name}`;
  try {
    await ctx.lease(subject, 'gives it back');
  } catch (error) {
    if (!isCancelled(error)) throw error;
    ctx.note({ subject, verdict: 'left', why: 'another run has it in hand' });
    return false;
  }
  const ended = await endReservation(ctx, name, { run: ctx.options.run });
  await ctx.release(subject);
  if (ended.to === 'taken') return false;
  const verdict = ended.to === 'service' ? 'given back' : 'left';
  ctx.note({ subject, verdict, why: 'why' in ended ? ended.why : 'nobody took it in time' });
  return ended.to === 'service';
}
