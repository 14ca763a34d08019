/** What a hypervisor must show before its drain, between empty and reboot, and before it is trusted again. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../src/engine/job.ts';
import { hypervisor, server } from '../support/builders.ts';
import { type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisor~20261124T224100Z';
const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };

let house: House;
let place = 0;
let cloud: FakeCloud;
let world: World;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** hv1 awaits a kernel and runs a guest, hv2 has room. */
beforeEach(() => {
  place += 1;
  cloud = new FakeCloud([hypervisor('hv1'), hypervisor('hv2')], [server('a', 'hv1')]);
  world = { cloud, handback: new Map(), armed: true };
});

function hv1() {
  return cloud.hosts.get('hv1')!;
}

async function open() {
  return openProcess(house, REBOOT_JOBS, world, { place: `proof-${place}` });
}

async function reboot(options: Record<string, Json> = {}): Promise<Worked> {
  const process = await open();
  const id = await process.engine.create({
    job: 'reboot-hypervisor',
    id: ID,
    options: { ...QUICK, hypervisor: 'hv1', ...options },
    trigger: { kind: 'cli', by: 'kim' },
    acting: true,
  });
  return work(process, id);
}

function outcomeOf({ run }: Worked): string | undefined {
  const note = run.notes.find(({ subject }) => subject === 'hypervisor hv1');
  return note && `${note.verdict}: ${note.why}`;
}

describe('the kernel that boots next', () => {
  it.each<{ what: string; options: Record<string, Json>; bootFiles?: RegExp; why: string }>([
    {
      what: 'is not on the list',
      options: { kernels: ['6.1.0-18', '6.1.0-27*'] },
      why: "held: 6.1.0-28 boots next, which is not on the site's list (option kernels)",
    },
    {
      what: 'has no initramfs',
      options: {},
      bootFiles: /^initramfs=.*\n/m,
      why: 'held: 6.1.0-28 boots next, and the host lacks its initramfs',
    },
    {
      what: 'cannot be looked at',
      options: {},
      bootFiles: /^[^]*$/,
      why: 'held: 6.1.0-28 boots next; its files cannot be looked for, so what it needs to boot is not known (option bootFiles)',
    },
  ])('keeps a hypervisor from being touched when it $what', async ({ options, bootFiles, why }) => {
    if (bootFiles) hv1().bootFiles = hv1().bootFiles.replace(bootFiles, '');

    const worked = await reboot(options);

    expect(worked.outcome).toBe('succeeded');
    expect(outcomeOf(worked)).toBe(why);
    expect(cloud.calls).toEqual([]);
  });

  it.each<{ what: string; options: Record<string, Json>; bootFiles: RegExp }>([
    { what: 'is on the list', options: { kernels: '6.0.*, 6.1.0-28' }, bootFiles: /$^/ },
    { what: 'has files nobody asks for', options: { bootFiles: false }, bootFiles: /^[^]*$/ },
  ])('is booted when it $what', async ({ options, bootFiles }) => {
    hv1().bootFiles = hv1().bootFiles.replace(bootFiles, '');

    expect(outcomeOf(await reboot(options))).toMatch(/^done: /);
    expect(hv1()).toMatchObject({ kernel: '6.1.0-28', disabled: undefined });
  });
});
