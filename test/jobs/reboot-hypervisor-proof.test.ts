/** What a hypervisor must show before its drain, between empty and reboot, and before it is trusted again. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../src/engine/job.ts';
import { isOver } from '../../src/engine/runs.ts';
import { hypervisor, server } from '../support/builders.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { type HostFault, UPDATE, UPDATE_PROBE } from '../support/fake-host.ts';
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

type Process = Awaited<ReturnType<typeof open>>;

async function create({ engine }: Process, options: Record<string, Json>): Promise<string> {
  const trigger = { kind: 'cli', by: 'kim' } as const;
  const all = { ...QUICK, hypervisor: 'hv1', ...options };
  return engine.create({ job: 'reboot-hypervisor', id: ID, options: all, trigger, acting: true });
}

async function reboot(options: Record<string, Json> = {}): Promise<Worked> {
  const process = await open();
  await create(process, options);
  return workToEnd(process);
}

/** Also through waits, which last as long as they last. */
async function workToEnd(process: Process): Promise<Worked> {
  return eventually('the end of the run', async () => {
    const worked = await work(process, ID);
    return isOver(worked.run.state) && worked;
  });
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

it('asks Nova nothing of a hypervisor while that is away', async () => {
  const asked: boolean[] = [];
  const service = cloud.service.bind(cloud);
  cloud.service = async (name) => {
    asked.push(hv1().isAway);
    return service(name);
  };

  expect((await reboot()).outcome).toBe('succeeded');

  expect(asked.length).toBeGreaterThan(2);
  expect(asked).not.toContain(true);
});

describe('a hypervisor that comes back', () => {
  const failures: { what: string; was: string | RegExp; is: string; why: string }[] = [
    {
      what: 'lost a device',
      was: /^.*0000:3b:00\.0.*\n/gm,
      is: '',
      why: 'PCI device 0000:3b:00.0 (10de:20b5 nvidia) is gone',
    },
    {
      what: 'has a unit failed',
      was: 'units_exit=0\n',
      is: 'units_exit=0\nunit:ovs.service\n',
      why: '1 unit failed: ovs.service',
    },
    {
      what: 'has lost the time',
      was: 'ntp=yes',
      is: 'ntp=no',
      why: 'its clock is not synchronised, it was before',
    },
  ];
  it.each(failures)('stays disabled when it $what', async ({ was, is, why }) => {
    hv1().stateAfter = hv1().state.replaceAll(was, is);

    const worked = await reboot({ backWithin: { 'PowerEdge*': 1 / 60, default: 30 } });

    expect(worked.outcome).toBe('failed');
    expect(outcomeOf(worked)).toBe(`needs you: it failed its checks: ${why}`);
    expect(hv1()).toMatchObject({ reboots: 1, disabled: `nightshift ${ID}: reboot for a new kernel` });
  });

  it('stays disabled when Nova takes it for another hypervisor', async () => {
    hv1().fault = 'registers a second hypervisor';

    const worked = await reboot({ backWithinMinutes: 1 / 60 });

    expect(outcomeOf(worked)).toBe(
      'needs you: it failed its checks: Nova takes it for hypervisor hv1-2, it was hv1-1',
    );
    expect(hv1().disabled).toContain('nightshift');
  });

  it('stays disabled when a network agent that was alive before does not come back, and says which', async () => {
    hv1().agents = ['neutron-dhcp-agent', 'neutron-openvswitch-agent'];
    cloud.onCall = (call) => {
      if (call === 'reboot hv1') hv1().deadAgents.add('neutron-dhcp-agent');
    };

    const worked = await reboot({ backWithinMinutes: 1 / 60 });

    expect(outcomeOf(worked)).toBe(
      'needs you: it failed its checks: network agents that were alive before are missing: neutron-dhcp-agent (not alive)',
    );
    expect(hv1().disabled).toContain('nightshift');
  });

  it('may lack an agent that was down before it was drained', async () => {
    hv1().agents = ['neutron-dhcp-agent', 'neutron-openvswitch-agent'];
    hv1().deadAgents.add('neutron-dhcp-agent');

    const { run } = await reboot();

    expect(outcomeOf({ outcome: 'succeeded', run })).toMatch(/^done: /);
    expect(run.notes[0]?.evidence).toContain('; network agents: neutron-openvswitch-agent heard again; ');
  });

  it('need not have any agents', async () => {
    hv1().agents = [];

    expect(outcomeOf(await reboot())).toMatch(/, 10 of 10 checks$/);
  });

  it('says of each check what it saw', async () => {
    const { run } = await reboot({ checks: { ceph: 'exit 0' } });

    const [note] = run.notes;
    expect(note?.evidence).toMatch(
      /^answers: it answers; new boot: boot id hv1-boot-2; kernel: 6\.1\.0-28; /,
    );
    expect(note?.evidence).toContain('; PCI devices: 1 as before; failed units: none; clock: synchronised; ');
    expect(note?.evidence).toContain('; check ceph: exit 0');
    expect(outcomeOf({ outcome: 'succeeded', run })).toMatch(/, 12 of 12 checks$/);
  });

  it('stays disabled when a check of the site fails', async () => {
    const worked = await reboot({ checks: { ceph: 'exit 1' }, backWithinMinutes: 1 / 60 });

    expect(outcomeOf(worked)).toBe('needs you: it failed its checks: check ceph failed (exit 1): exit 1');
    expect(hv1().disabled).toContain('nightshift');
  });

  it('is given back unrebooted when its state cannot be told before', async () => {
    hv1().state = 'devices_exit=9\n';

    const worked = await reboot({ devices: 'nvidia-smi -L' });

    expect(outcomeOf(worked)).toBe(
      'given back: not rebooted: the command of option devices failed (exit 9): it said nothing',
    );
    expect(hv1()).toMatchObject({ reboots: 0, disabled: undefined });
  });
});

describe('an update', () => {
  const options = { update: UPDATE, updateProbe: UPDATE_PROBE };

  it('is made once the hypervisor is empty, and what boots then is what is expected', async () => {
    hv1().onUpdate = () => {
      hv1().next = '6.1.0-30';
      return { exit: 0, stdout: 'unpacking\ndone\n', stderr: '' };
    };

    const worked = await reboot({ ...options, kernels: ['6.1.0-30'] });

    expect(outcomeOf(worked)).toMatch(/^done: rebooted in .*, 6\.1\.0-30, /);
    expect(cloud.calls).toEqual(['cordon hv1', 'migrate a', 'update hv1', 'reboot hv1', 'uncordon hv1']);
    expect(hv1().kernel).toBe('6.1.0-30');
  });

  it('is a need of its own', async () => {
    hv1().kernel = hv1().next;

    const worked = await reboot(options);

    expect(cloud.calls).toContain('update hv1');
    expect(outcomeOf(worked)).toMatch(/^done: /);
  });

  it('is not made where its probe says that nothing is to do', async () => {
    hv1().isUpdated = true;

    const worked = await reboot(options);

    expect(cloud.calls).not.toContain('update hv1');
    expect(outcomeOf(worked)).toMatch(/^done: /);
  });

  it.each([
    {
      what: 'that the site does not allow',
      next: '6.6.1',
      bootFiles: /$^/,
      why: "6.6.1 boots next, which is not on the site's list (option kernels)",
    },
    {
      what: 'without an initramfs',
      next: '6.1.0-30',
      bootFiles: /^initramfs=.*\n/m,
      why: '6.1.0-30 boots next, and the host lacks its initramfs',
    },
  ])('that leaves a kernel $what is not booted', async ({ next, bootFiles, why }) => {
    hv1().onUpdate = () => {
      hv1().next = next;
      hv1().bootFiles = hv1().bootFiles.replace(bootFiles, '');
      return { exit: 0, stdout: '', stderr: '' };
    };

    const worked = await reboot({ ...options, kernels: '6.1.0-*' });

    expect(outcomeOf(worked)).toBe(`given back: updated, not rebooted: ${why}`);
    expect(hv1()).toMatchObject({ reboots: 0, disabled: undefined });
  });

  it('that fails leaves the hypervisor disabled for a person, and what it said', async () => {
    hv1().onUpdate = () => ({ exit: 100, stdout: 'unpacking\nE: dpkg was interrupted\n', stderr: '' });

    const worked = await reboot(options);

    expect(outcomeOf(worked)).toBe(
      'needs you: the update of hv1 failed (exit 100): unpacking / E: dpkg was interrupted',
    );
    expect(hv1().reboots).toBe(0);
    expect(hv1().disabled).toContain('nightshift');
  });

  it('goes on where it stopped once a person has repaired it', async () => {
    hv1().onUpdate = () => ({ exit: 100, stdout: '', stderr: '' });
    await reboot(options);
    const process = await open();
    hv1().isUpdated = true;

    await process.engine.acts.resume(ID, { by: 'kim', why: 'ran dpkg --configure -a' });
    const { run } = await work(process, ID);

    expect(run.state).toBe('succeeded');
    expect(hv1()).toMatchObject({ reboots: 1, disabled: undefined });
  });
});

describe('a canary', () => {
  const canary = { flavor: 'm1.tiny', image: 'cirros', timeoutSeconds: 30 };
  const called = `nightshift-canary-${ID}`;

  it('comes up on the hypervisor once it is enabled, and leaves nothing behind', async () => {
    const worked = await reboot({ canary });

    expect(outcomeOf(worked)).toMatch(/^done: /);
    expect(cloud.calls.slice(-3)).toEqual(['uncordon hv1', `create ${called} on hv1`, `delete ${called}`]);
    expect(Object.keys(cloud.state.servers)).toEqual(['a']);
    expect(cloud.state.allocations).not.toHaveProperty(called);
    expect(world.handback).toEqual(new Map());
  });

  it.each<{ fault: HostFault; why: string; timeoutSeconds: number }>([
    {
      fault: 'fails new servers',
      why: 'it is in ERROR: fails new servers',
      timeoutSeconds: 30,
    },
    { fault: 'hangs on new servers', why: 'it does not run after 50 ms (BUILD)', timeoutSeconds: 0.05 },
  ])('that dies takes the hypervisor out again at once: $fault', async ({ fault, why, timeoutSeconds }) => {
    hv1().fault = fault;

    const worked = await reboot({ canary: { ...canary, timeoutSeconds } });

    expect(worked.outcome).toBe('failed');
    expect(outcomeOf(worked)).toMatch(/^needs you: rebooted in .*; its canary /);
    expect(outcomeOf(worked)).toContain(`; its canary ${called} failed: ${why}`);
    expect(cloud.calls.slice(-4)).toEqual([
      'uncordon hv1',
      `create ${called} on hv1`,
      'cordon hv1',
      `delete ${called}`,
    ]);
    expect(hv1().disabled).toBe(`nightshift ${ID}: reboot for a new kernel`);
    expect([...world.handback.keys()]).toEqual(['hypervisor hv1']);
    expect(cloud.servers.has(called)).toBe(false);
  });

  it('that cannot be deleted takes the hypervisor out again', async () => {
    cloud.deletes = false;

    const worked = await reboot({ canary: { ...canary, timeoutSeconds: 0.05 } });

    expect(outcomeOf(worked)).toContain(`; ${called} is not gone 50 ms after it was deleted`);
    expect(hv1().disabled).toBe(`nightshift ${ID}: reboot for a new kernel`);
    expect(cloud.calls.at(-1)).toBe('cordon hv1');
  });

  it('is sent anew when a person has repaired the hypervisor', async () => {
    hv1().fault = 'fails new servers';
    await reboot({ canary });
    hv1().fault = undefined;
    const process = await open();

    await process.engine.acts.resume(ID, { by: 'kim', why: 'restarted libvirt' });
    const { run } = await work(process, ID);

    expect(run.state).toBe('succeeded');
    expect(hv1()).toMatchObject({ reboots: 1, disabled: undefined });
    expect(world.handback).toEqual(new Map());
    expect(cloud.servers.has(called)).toBe(false);
  });

  it('is not sent where somebody else has taken the hypervisor out of service', async () => {
    cloud.onCall = (call) => {
      if (call === 'reboot hv1') hv1().disabled = 'disk swap, ask Kim';
    };

    const worked = await reboot({ canary, soakMinutes: 60 });

    expect(outcomeOf(worked)).toContain('disabled by somebody else: "disk swap, ask Kim"');
    expect(cloud.calls).not.toContain(`create ${called} on hv1`);
  });
});

describe('a soak', () => {
  const soakMinutes = 0.01;

  it('parks the run, and ends well where nothing happens', async () => {
    const worked = await reboot({ soakMinutes });

    expect(outcomeOf(worked)).toMatch(/^done: /);
    expect(cloud.calls.at(-1)).toBe('uncordon hv1');
    expect(worked.run.steps.map(({ key }) => key)).toContain('soak of hv1');
  });

  it('goes on once a person has made it well again', async () => {
    const process = await open();
    await create(process, { soakMinutes: 0.05 });
    await work(process, ID);
    cloud.add(server('late', 'hv1', { status: 'ERROR' }));
    await workToEnd(process);
    cloud.servers.delete('late');

    await process.engine.acts.resume(ID, { by: 'kim', why: 'deleted it' });
    const { run } = await workToEnd(process);

    expect(run.state).toBe('succeeded');
    expect(hv1()).toMatchObject({ reboots: 1, disabled: undefined });
    expect(world.handback).toEqual(new Map());
  });

  it('ends with a run that is cancelled, and leaves the hypervisor in service', async () => {
    const process = await open();
    await create(process, { soakMinutes: 60 });
    await work(process, ID);

    await process.engine.acts.cancel(ID, { by: 'kim', why: 'enough' });
    const worked = await workToEnd(process);

    expect(outcomeOf(worked)).toMatch(/^done: .*; not watched to the end: cancelled by kim/);
    expect(hv1().disabled).toBeUndefined();
  });

  it('is over where somebody else takes the hypervisor out of service', async () => {
    const process = await open();
    await create(process, { soakMinutes: 0.05 });
    await work(process, ID);
    hv1().disabled = 'disk swap, ask Kim';

    const worked = await workToEnd(process);

    expect(outcomeOf(worked)).toMatch(/^done: .*; disabled by somebody else: "disk swap, ask Kim"$/);
    expect(hv1().disabled).toBe('disk swap, ask Kim');
  });

  it.each<{ what: string; happens: () => void; why: string }>([
    {
      what: 'a server goes into ERROR',
      happens: () => cloud.add(server('late', 'hv1', { status: 'ERROR' })),
      why: '1 server on it went into ERROR: late late…',
    },
    {
      what: 'its service dies',
      happens: () => {
        hv1().isDead = true;
        for (let second = 0; second < 20; second += 1) cloud.tick();
      },
      why: 'its compute service is down',
    },
  ])('takes the hypervisor out again when $what', async ({ happens, why }) => {
    const process = await open();
    await create(process, { soakMinutes: 0.05 });
    expect(await work(process, ID)).toMatchObject({ outcome: 'waiting' });
    happens();

    const worked = await workToEnd(process);

    expect(outcomeOf(worked)).toMatch(/^needs you: rebooted in /);
    expect(outcomeOf(worked)).toContain(`; it did not keep well after its reboot: ${why}`);
    expect(hv1().disabled).toBe(`nightshift ${ID}: reboot for a new kernel`);
    expect([...world.handback.keys()]).toEqual(['hypervisor hv1']);
  });
});
