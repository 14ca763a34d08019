/** Whether a hypervisor that was given back goes last in the nights after, and who is not taken for one. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import { PermanentError } from '../../src/domain/failure.ts';
import { hypervisor, server, size } from '../support/builders.ts';
import { type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';

const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };

let house: House;
let place = 0;
let cloud: FakeCloud;
let world: World;
let process: TestEngine<Clients>;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** hv1 is cheaper to drain than hv2; hv3 is up to date and has room. */
beforeEach(async () => {
  place += 1;
  cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [server('a', 'hv1'), server('b', 'hv2', { size: size(16) })],
  );
  cloud.hosts.get('hv3')!.kernel = '6.1.0-28';
  world = { cloud, handback: new Map(), armed: true };
  process = await openProcess(house, REBOOT_JOBS, world, { place: `given-back-${place}` });
});

function create(id: string, acting = true): Promise<string> {
  const trigger = { kind: 'cli', by: 'kim' } as const;
  const options = { ...QUICK, limit: 1 };
  return process.engine.create({ job: 'reboot-hypervisors', id, options, trigger, acting });
}

async function night(n: number, acting = true): Promise<Worked> {
  return work(process, await create(`reboot-hypervisors~2026112${n}T224100Z`, acting));
}

/** Of the plan's table: name and why. */
async function planned(): Promise<readonly unknown[]> {
  const { run } = await night(9, false);
  return (run.report?.sheet?.rows ?? []).map((row) => [row[1], row[3]]);
}

const KERNELS = '6.1.0-18 runs, 6.1.0-28 boots next';

describe('a hypervisor that was given back', () => {
  it('goes last the next night, and the plan says why', async () => {
    cloud.faults.set('a', 'refused');

    await night(4);
    await night(5);

    expect(cloud.calls.filter((call) => /^cordon|^reboot/.test(call))).toEqual([
      'cordon hv1',
      'cordon hv2',
      'reboot hv2',
    ]);
    expect(await planned()).toEqual([
      [
        'hv1',
        expect.stringMatching(
          /^6\.1\.0-18 runs, .* next; given back on \w{3} \d+ \w{3} \d{4}: a a….*; tried last$/,
        ),
      ],
    ]);
  });

  it('goes last also where Nova would not disable it', async () => {
    const disable = cloud.cordon.bind(cloud);
    cloud.cordon = async (name, reason) => {
      if (name === 'hv1') throw new PermanentError('Policy does not allow it');
      return disable(name, reason);
    };

    await night(4);
    await night(5);

    expect(cloud.state.hosts).toMatchObject({
      hv1: '6.1.0-18, enabled, 0 reboots',
      hv2: '6.1.0-28, enabled, 1 reboots',
    });
  });

  it('keeps its turn where a person had cancelled the night', async () => {
    const id = await create('reboot-hypervisors~20261124T224100Z');
    cloud.faults.set('a', 'stuck');
    cloud.onCall = (call) => {
      if (call === 'migrate a') void process.engine.acts.cancel(id, { by: 'kim', why: 'not tonight' });
    };

    expect((await work(process, id)).outcome).toBe('cancelled');

    expect(await planned()).toEqual([['hv1', KERNELS]]);
  });
});
