/** The step `wait`: for a while, or until a look at a hypervisor shows what is waited for. */
import { z } from 'zod';
import { messageOf, PermanentError } from '../domain/failure.ts';
import { sayDuration } from '../domain/say.ts';
import { poll } from '../procedures/pause.ts';
import { DONE, Failing, kindOf, type Place, type StepEnd } from './kind.ts';
import { LOOK_MS, look, sayCommand, wordsOf } from './run-command.ts';
import { Duration, durationFault, Probe } from './shapes.ts';

const MARGIN_MS = 60_000;

const Until = Probe.extend({ within: Duration, every: Duration.prefault('10s') });

const Step = z.strictObject({
  wait: z.union([Duration, Until], {
    error: ({ input }) => `${durationFault(input)}, nor a look: { ssh: [...], stdout: …, within: 5m }`,
  }),
  on: z.string().min(1).optional(),
  ...Failing,
});

type Until = z.output<typeof Until>;

export const wait = kindOf({
  schema: Step,
  read: ({ wait }) =>
    typeof wait === 'number'
      ? {
          says: `wait ${sayDuration(wait)}`,
          needsHost: false,
          work: async ({ ctx, key, puttingBack }) => {
            if (puttingBack) await pauseHere(wait, { ctx, key });
            else await ctx.sleep(key, wait);
            return DONE;
          },
        }
      : {
          says: `wait until "${sayCommand(wait.ssh)}" answers as expected, ${sayDuration(wait.within)} at most`,
          needsHost: true,
          work: (at) => (at.puttingBack ? waitHere(wait, at) : waitParked(wait, at)),
        },
});

async function waitParked(wait: Until, at: Place): Promise<StepEnd> {
  const { ctx, key, host = '' } = at;
  const why = `"${sayCommand(wordsOf(wait.ssh, at.values))}" on ${host} to answer as expected`;
  await ctx.waitUntil(key, { why, withinMs: wait.within, everyMs: wait.every }, async ({ signal, log }) => {
    const seen = await look(at, { probe: wait, host }, signal);
    if ('fault' in seen) log.info('not yet', { why: seen.fault });
    return 'fits' in seen ? true : undefined;
  });
  return DONE;
}

async function pauseHere(ms: number, { ctx, key }: Pick<Place, 'ctx' | 'key'>): Promise<void> {
  const options = { effect: 'read', timeoutMs: ms + MARGIN_MS } as const;
  await ctx.step<void>(key, options, ({ signal, timers }) => timers.pause(ms, signal));
}

/** A cancelled run is parked no more, and what it puts back is waited for all the same. */
async function waitHere(wait: Until, at: Place): Promise<StepEnd> {
  const { ctx, key, host = '' } = at;
  const timeoutMs = wait.within + LOOK_MS + MARGIN_MS;
  await ctx.step<void>(key, { effect: 'read', timeoutMs }, async ({ signal, timers }) => {
    let last = 'it was never seen';
    const seen = await poll(
      async () => {
        const found = await look(at, { probe: wait, host }, signal).catch((error: unknown) => {
          signal.throwIfAborted();
          return { fault: messageOf(error) };
        });
        if ('fault' in found) last = found.fault;
        return 'fits' in found ? true : undefined;
      },
      { everyMs: wait.every, withinMs: wait.within, signal, timers },
    );
    if (seen === undefined)
      throw new PermanentError(
        `waited ${sayDuration(wait.within)} in vain for "${sayCommand(wordsOf(wait.ssh, at.values))}": ${last}`,
      );
  });
  return DONE;
}
