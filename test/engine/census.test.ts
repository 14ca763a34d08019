import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { CLI, gate, jobOf, KIM } from './support/jobs.ts';

let house: House;

beforeEach(async () => {
  house = await openHouse();
});

afterEach(() => house.close());

describe('the census', () => {
  it('is empty where nothing was ever done', async () => {
    const { engine } = await house.engine({});

    expect(await engine.census()).toEqual({
      open: [],
      ended: [],
      stepsUnderWay: 0,
      leaseWaits: 0,
      mailsWaiting: 0,
      daemons: 0,
    });
  });

  it('counts what is under way, waits and has ended, on whichever engine it is asked', async () => {
    const { passed, open } = gate();
    const jobs = {
      holds: jobOf(async (ctx) => {
        await ctx.lease('hypervisor hv01', 'it is being drained');
        await ctx.step('drain', { effect: 'idempotent' }, () => passed);
        await ctx.mail('done', { to: ['ops@example.org'], subject: 'done', text: 'done' });
      }),
      fails: jobOf(() => Promise.reject(new Error('no'))),
    };
    const deliver = () => Promise.reject(Object.assign(new Error('full'), { retryable: true }));
    const { engine } = await house.engine(jobs, { deliver });
    const other = await house.engine(jobs, { deliver });
    await engine.start();
    await engine.create({ job: 'holds', ...CLI, id: 'holds~1' });
    await eventually('the lease to be taken', async () => (await engine.census()).stepsUnderWay === 1);
    await engine.create({ job: 'holds', ...CLI, id: 'holds~2' });
    await engine.create({ job: 'fails', ...CLI, id: 'fails~1' });
    await eventually('the second to wait', async () => (await engine.runs.state('holds~2')) === 'waiting');
    await eventually('the third to fail', async () => (await engine.runs.state('fails~1')) === 'failed');

    const busy = await other.engine.census();
    await engine.acts.kill('holds~2', KIM);
    open();
    await eventually('the first to end', async () => (await engine.runs.state('holds~1')) === 'succeeded');
    const done = await other.engine.census();

    expect(busy).toEqual({
      open: expect.arrayContaining([
        { job: 'holds', state: 'running', runs: 1 },
        { job: 'holds', state: 'waiting', runs: 1 },
      ]),
      ended: [{ job: 'fails', state: 'failed', runs: 1 }],
      stepsUnderWay: 1,
      leaseWaits: 1,
      mailsWaiting: 0,
      daemons: 1,
    });
    expect(done).toMatchObject({ open: [], stepsUnderWay: 0, leaseWaits: 0, mailsWaiting: 1 });
    expect(done.ended).toHaveLength(3);
    expect(done.ended).toContainEqual({ job: 'holds', state: 'cancelled', runs: 1 });
    expect(done.ended).toContainEqual({ job: 'holds', state: 'succeeded', runs: 1 });
  });
});
