import { describe, expect, it } from 'vitest';
import { REAL_TIMERS } from '../../src/engine/clock.ts';
import { poll } from '../../src/procedures/pause.ts';

const never = new AbortController().signal;
const timers = REAL_TIMERS;

describe('pause', () => {
  it('ends with the reason as soon as nobody waits any more', async () => {
    const stop = new AbortController();
    const paused = REAL_TIMERS.pause(60_000, stop.signal);

    stop.abort(new Error('handed over'));

    await expect(paused).rejects.toThrow('handed over');
  });

  it('does not begin when nobody waits', async () => {
    await expect(REAL_TIMERS.pause(60_000, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  });
});

describe('poll', () => {
  it('looks until it sees something', async () => {
    let looks = 0;
    const look = async (): Promise<string | undefined> => (++looks === 3 ? 'seen' : undefined);

    expect(await poll(look, { everyMs: 1, withinMs: 60_000, signal: never, timers })).toBe('seen');
    expect(looks).toBe(3);
  });

  it('looks once more when its time is over, then gives up', async () => {
    let looks = 0;
    const look = async (): Promise<undefined> => void (looks += 1);

    expect(await poll(look, { everyMs: 30, withinMs: 1, signal: never, timers })).toBeUndefined();
    expect(looks).toBe(2);
  });

  it('hands on what a look throws', async () => {
    await expect(
      poll(() => Promise.reject(new Error('503')), { everyMs: 1, withinMs: 60_000, signal: never, timers }),
    ).rejects.toThrow('503');
  });
});
