import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import returnReserved from '../../jobs/return-reserved.ts';
import { type Context, defineJob } from '../../src/context.ts';
import { beginReserving, endReserving, reserve } from '../../src/procedures/reserve.ts';
import { hypervisor } from '../support/builders.ts';
import { type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type World, work } from '../support/run-job.ts';

const QUICK = { pollMs: 1, stopWithinSeconds: 20 };
const LATER = '2099-11-25T05:00:00.000Z';
const PAST = '2020-11-24T05:00:00.000Z';

const Options = z.strictObject({ names: z.array(z.string()), until: z.string() });

/** Keeps hypervisors empty, and ends. */
const keep = defineJob({
  summary: 'Keep hypervisors empty',
  options: Options,
  async run(ctx: Context<z.output<typeof Options>>) {
    await beginReserving(ctx, ctx.options.until);
    for (const name of ctx.options.names) await reserve(ctx, name, ctx.options.until);
    await endReserving(ctx, ctx.runId);
  },
});
const JOBS = { ...REBOOT_JOBS, 'return-reserved': returnReserved, keep };

let house: House;
let places = 0;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

let cloud: FakeCloud;
let world: World;
beforeEach(() => {
  places += 1;
  cloud = new FakeCloud(['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)));
  cloud.mayBeOut = 3;
  world = { cloud, handback: new Map(), armed: true };
});

const trigger = { kind: 'cli', by: 'kim' } as const;

async function open() {
  return openProcess(house, JOBS, world, { place: `reserved-${places}` });
}

async function kept(process: Awaited<ReturnType<typeof open>>, names: string[]) {
  const options = { names, until: LATER };
  const id = await process.engine.create({ job: 'keep', id: 'keep~1', options, trigger, acting: true });
  const { run } = await work(process, id);
  expect(run.state).toBe('succeeded');
  return process.engine.runs.get('keep~1~reserved');
}

describe('what is kept empty for a campaign', () => {
  it('is disabled under a reason that says for whom and until when, with the way back on disk', async () => {
    await kept(await open(), ['hv1']);

    const { disabled } = await cloud.service('hv1');
    expect(disabled).toBe('nightshift keep~1: reserved for reboot-hypervisors until 05:00 UTC');
    expect([...world.handback.keys()]).toEqual(['hypervisor hv1']);
  });

  it('is left alone where somebody else has disabled it', async () => {
    cloud.hosts.get('hv1')!.disabled = 'disk swap, ask Kim';

    await kept(await open(), ['hv1']);

    expect(cloud.calls).toEqual([]);
    expect(cloud.hosts.get('hv1')?.disabled).toBe('disk swap, ask Kim');
  });

  it('is rebooted first by the campaign, which gives it back as one that was enabled', async () => {
    const process = await open();
    const keeper = await kept(process, ['hv2', 'hv3']);
    expect(keeper?.state).toBe('waiting');

    const id = await process.engine.create({
      job: 'reboot-hypervisors',
      id: 'reboot-hypervisors~1',
      options: { ...QUICK, limit: 2 },
      trigger,
      acting: true,
    });
    const { run } = await work(process, id);

    expect(run.report?.headline).toBe('3 needed a reboot: 2 done, 1 not tonight.');
    expect(cloud.calls.slice(2)).toEqual([
      'cordon hv2',
      'reboot hv2',
      'uncordon hv2',
      'cordon hv3',
      'reboot hv3',
      'uncordon hv3',
    ]);
    expect(cloud.violations).toEqual([]);
    expect(world.handback).toEqual(new Map());
  });

  it('is given back once its time is over, but for what a person has done with it meanwhile', async () => {
    const process = await open();
    cloud.onCall = (call) => {
      if (call === 'cordon hv2') cloud.hosts.get('hv2')!.disabled = 'disk swap, ask Kim';
    };

    await kept(process, ['hv1', 'hv2']);
    await process.engine.create({
      job: 'return-reserved',
      id: 'return-reserved~1',
      options: { run: 'keep~1', until: PAST },
      trigger,
      acting: true,
    });
    const { run } = await work(process, 'return-reserved~1');

    expect(cloud.hosts.get('hv1')?.disabled).toBeUndefined();
    expect(cloud.hosts.get('hv2')?.disabled).toBe('disk swap, ask Kim');
    expect(world.handback).toEqual(new Map());
    expect(run.notes.toSorted((a, b) => (a.subject < b.subject ? -1 : 1))).toEqual([
      { subject: 'hypervisor hv1', verdict: 'given back', why: 'nobody took it in time' },
      { subject: 'hypervisor hv2', verdict: 'left', why: 'disabled by somebody else: "disk swap, ask Kim"' },
    ]);
  });

  it('is given back at once where a person cancels the wait', async () => {
    const process = await open();
    await kept(process, ['hv1']);

    await process.engine.acts.cancel('keep~1~reserved', { by: 'kim', why: 'not tonight' });
    const { run } = await work(process, 'keep~1~reserved');

    expect(run.state).toBe('cancelled');
    expect(cloud.hosts.get('hv1')?.disabled).toBeUndefined();
    expect(world.handback).toEqual(new Map());
  });

  it('is waited for no longer once the campaign has taken all of it', async () => {
    const process = await open();
    await kept(process, ['hv1']);
    const options = { ...QUICK, hypervisor: 'hv1' };
    await process.engine.create({ job: 'reboot-hypervisor', id: 'reboot~1', options, trigger, acting: true });
    await work(process, 'reboot~1');

    await process.engine.acts.cancel('keep~1~reserved', { by: 'kim', why: 'look again' });
    const { run } = await work(process, 'keep~1~reserved');

    expect(run.report?.headline).toBe('Nothing was left to give back.');
    expect(cloud.calls).toEqual(['cordon hv1', 'cordon hv1', 'reboot hv1', 'uncordon hv1']);
  });
});
