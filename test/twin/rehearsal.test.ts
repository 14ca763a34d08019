/** Whether a night in virtual time is a night: harmless, soon over, and the same again for the same seed. */
import { describe, expect, it } from 'vitest';
import { whatWentWrong } from '../support/night-check.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openRehearsal } from '../support/rehearsal.ts';

const SIZE = { hypervisors: 8, servers: 40, domain: 'twin.example' };

async function night(seed: number) {
  const rehearsal = await openRehearsal(REBOOT_JOBS, { ...SIZE, seed });
  try {
    const run = await rehearsal.play('reboot-hypervisors', { limit: 8 });
    const { log, state } = rehearsal.twin.world;
    return { run, log: [...log], state: structuredClone(state), handback: [...rehearsal.handback.keys()] };
  } finally {
    await rehearsal.close();
  }
}

describe('a night in virtual time', () => {
  it('is harmless', async () => {
    const { run, log, state, handback } = await night(7);

    expect(run.state).toBe('succeeded');
    expect(log.filter(({ what }) => what === 'booted')).toHaveLength(4);
    const seen = { log, state, handback, notes: run.notes, report: run.report, outAtOnce: 1 };
    expect(whatWentWrong(seen)).toEqual([]);
  });

  it('is the same to the millisecond for the same seed, and another one for another', async () => {
    const [first, again, other] = [await night(11), await night(11), await night(12)];

    expect(again.log).toEqual(first.log);
    expect(again.state).toEqual(first.state);
    expect(other.log).not.toEqual(first.log);
  });
});
