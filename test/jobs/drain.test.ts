/** How guests leave a hypervisor that is to be rebooted, when all they wish is not to be live-migrated at once. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../src/engine/job.ts';
import { hypervisor, server } from '../support/builders.ts';
import { type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisor~20261124T224100Z';
const QUICK = { hypervisor: 'hv1', pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };
const wish = (value: string) => ({ metadata: { 'nightshift:drain': value } });

let house: House;
let place = 0;
let cloud: FakeCloud;
let world: World;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());
beforeEach(() => {
  place += 1;
  cloud = new FakeCloud(['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)));
  world = { cloud, handback: new Map(), armed: true };
});

async function reboot(options: Record<string, Json> = {}, run = ID): Promise<Worked> {
  const process = await openProcess(house, REBOOT_JOBS, world, { place: `drain-${place}` });
  const trigger = { kind: 'cli', by: 'kim' } as const;
  const id = await process.engine.create({
    job: 'reboot-hypervisor',
    id: run,
    options: { ...QUICK, ...options },
    trigger,
    acting: true,
  });
  return work(process, id);
}

function said({ run }: Worked, subject = 'hypervisor hv1'): string | undefined {
  const note = run.notes.find((each) => each.subject === subject);
  return note && `${note.verdict}: ${note.why}`;
}

describe('a live migration that gets nowhere', () => {
  const PATIENT = { stalledAfterSeconds: 0.2 };

  it('is aborted, and goes to another target', async () => {
    cloud.add(server('a', 'hv1'));
    cloud.faults.set('a', 'stuck at first');

    const worked = await reboot(PATIENT);

    expect(said(worked)).toMatch(/^done: /);
    expect(cloud.calls).toEqual([
      'cordon hv1',
      'migrate a',
      'abort a',
      'migrate a to hv3',
      'reboot hv1',
      'uncordon hv1',
    ]);
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv3' });
    expect(cloud.violations).toEqual([]);
  });

  it('is aborted again, where the first time was lost', async () => {
    cloud.add(server('a', 'hv1'));
    cloud.faults.set('a', 'stuck at first');
    cloud.lostAborts = 2;

    const worked = await reboot(PATIENT);

    expect(said(worked)).toMatch(/^done: /);
    expect(cloud.calls.filter((call) => call.startsWith('abort'))).toEqual(['abort a', 'abort a', 'abort a']);
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv3' });
  });

  it('is given up after two targets, which nothing but its hypervisor pays for', async () => {
    cloud.add(server('a', 'hv1'));
    cloud.faults.set('a', 'stuck');

    const worked = await reboot(PATIENT);

    expect(worked.outcome).toBe('succeeded');
    expect(said(worked)).toMatch(
      /^given back: a a… did not leave hv1: nothing less than 7\.6 MiB was left to copy for \d+ ms; its migration was aborted, as the one to hv2 before$/,
    );
    expect(cloud.calls).toEqual([
      'cordon hv1',
      'migrate a',
      'abort a',
      'migrate a to hv3',
      'abort a',
      'uncordon hv1',
    ]);
    expect(cloud.state.allocations).toEqual({ a: 'hv1' });
  });

  it('is forced at the last where the site allows that', async () => {
    cloud.add(server('a', 'hv1'));
    cloud.faults.set('a', 'rewritten');

    const worked = await reboot({ allow: { forceComplete: true } });

    expect(said(worked)).toMatch(/^done: /);
    expect(cloud.calls).toEqual([
      'cordon hv1',
      'migrate a',
      'abort a',
      'migrate a to hv3',
      'force a',
      'reboot hv1',
      'uncordon hv1',
    ]);
  });

  it('is never forced with a device that moves along', async () => {
    cloud.add(server('a', 'hv1', { pinned: 'PCI device of class gpu-vf' }));
    cloud.faults.set('a', 'rewritten');

    const worked = await reboot({ allow: { forceComplete: true }, movable: ['*gpu-vf'] });

    expect(said(worked)).toMatch(/^given back: /);
    expect(cloud.calls).toEqual([
      'cordon hv1',
      'migrate a',
      'abort a',
      'migrate a to hv3',
      'abort a',
      'uncordon hv1',
    ]);
  });

  it('is not sent elsewhere where there is no other place', async () => {
    cloud = new FakeCloud(
      ['hv1', 'hv2'].map((name) => hypervisor(name)),
      [server('a', 'hv1')],
    );
    world = { ...world, cloud };
    cloud.faults.set('a', 'rewritten');

    const worked = await reboot();

    expect(said(worked)).toMatch(/times over, and never less than .* its migration was aborted$/);
    expect(cloud.calls).toEqual(['cordon hv1', 'migrate a', 'abort a', 'uncordon hv1']);
  });
});

describe('a guest with a device that wishes to be migrated cold', () => {
  const options = { allow: { cold: true }, wait: true, waitPollSeconds: 0.01 };
  const gpu = { ...wish('cold'), pinned: 'PCI device of class gpu' };
  const WHY = 'a a… (PCI device of class gpu; no device of class CUSTOM_GPU is free elsewhere (0 of 2))';

  beforeEach(() => {
    cloud.add(server('a', 'hv1', gpu));
    for (const name of ['hv1', 'hv3']) cloud.gpus.set(name, 2);
  });

  it('goes to the hypervisor that has one free, by name', async () => {
    const worked = await reboot(options);

    expect(said(worked)).toMatch(/^done: /);
    expect(cloud.calls).toEqual([
      'cordon hv1',
      'migrate cold a to hv3',
      'confirm a',
      'reboot hv1',
      'uncordon hv1',
    ]);
    expect(cloud.violations).toEqual([]);
  });

  it('holds its hypervisor where none is free and nobody waits', async () => {
    for (const id of ['b', 'c']) cloud.add(server(id, 'hv3', { pinned: gpu.pinned }));

    const worked = await reboot({ ...options, wait: false });

    expect(said(worked)).toBe(`held: 1 server cannot move: ${WHY}`);
    expect(cloud.calls).toEqual([]);
  });

  it('is waited for while none is free, and goes once one is', async () => {
    for (const id of ['b', 'c']) cloud.add(server(id, 'hv3', { pinned: gpu.pinned }));
    cloud.onCall = (call) => {
      if (call !== 'cordon hv1') return;
      cloud.servers.delete('c');
      cloud.allocations.delete('c');
    };

    const worked = await reboot(options);

    expect(said(worked)).toMatch(/^done: /);
    expect(cloud.calls).toContain('migrate cold a to hv3');
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv3', b: 'ACTIVE on hv3' });
  });

  it('does not move where Placement does not count devices', async () => {
    cloud.gpus.clear();

    const worked = await reboot({ ...options, wait: false });

    expect(said(worked)).toContain(
      'Placement does not count its device, so none is known to be free elsewhere',
    );
    expect(cloud.calls).toEqual([]);
  });
});

describe('a guest that wishes to be migrated cold', () => {
  beforeEach(() => cloud.add(server('a', 'hv1', wish('cold'))));

  it('is migrated and confirmed', async () => {
    const worked = await reboot({ allow: { cold: true } });

    expect(said(worked)).toMatch(/^done: /);
    expect(cloud.calls).toEqual(['cordon hv1', 'migrate cold a', 'confirm a', 'reboot hv1', 'uncordon hv1']);
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv2' });
    expect(cloud.state.allocations).toEqual({ a: 'hv2' });
    expect(cloud.violations).toEqual([]);
  });

  it('holds its hypervisor where the site does not allow it', async () => {
    const worked = await reboot();

    expect(said(worked)).toBe(
      'held: 1 server cannot leave now: a a… is only to be migrated cold (nightshift:drain = cold), which this site does not allow (allow.cold)',
    );
    expect(cloud.calls).toEqual([]);
  });

  it('is left to its confirmer when somebody else migrates it first', async () => {
    cloud.onCall = (call) => {
      if (call !== 'cordon hv1') return;
      void cloud.coldMigrate('a');
      cloud.asked.set('a', [{ id: 'req-1', action: 'migrate', ours: false }]);
    };

    const worked = await reboot({ allow: { cold: true }, migrateAtLeastSeconds: 1 });

    expect(said(worked)).not.toMatch(/^done/);
    expect(cloud.calls).not.toContain('confirm a');
    expect(cloud.calls).not.toContain('reboot hv1');
  });

  it('stays when Nova finds no place for it', async () => {
    cloud.faults.set('a', 'refused');

    const worked = await reboot({ allow: { cold: true } });

    expect(said(worked)).toBe(
      'given back: a a… did not leave hv1: its migration 1 ended as error; Nova says: No valid host was found. There are not enough hosts available',
    );
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv1' });
  });

  it('is seen through when its run is cancelled meanwhile, for Nova cannot abort it', async () => {
    const process = await openProcess(house, REBOOT_JOBS, world, { place: `drain-${place}` });
    const options = { ...QUICK, allow: { cold: true } };
    const trigger = { kind: 'cli', by: 'kim' } as const;
    const id = await process.engine.create({
      job: 'reboot-hypervisor',
      id: ID,
      options,
      trigger,
      acting: true,
    });
    cloud.onCall = (call) => {
      if (call === 'migrate cold a') void process.engine.acts.cancel(id, { by: 'kim', why: 'no' });
    };

    const { outcome } = await work(process, id);

    expect(outcome).toBe('cancelled');
    expect(cloud.calls).toEqual(['cordon hv1', 'migrate cold a', 'confirm a', 'uncordon hv1']);
    expect(cloud.state.allocations).toEqual({ a: 'hv2' });
  });
});

describe('a guest that wishes to be stopped', () => {
  const ALLOWED = { allow: { stop: true } };
  beforeEach(() => cloud.add(server('a', 'hv1', wish('stop'))));

  it('is stopped, and started again in its place before the hypervisor is back', async () => {
    const waysBack: string[][] = [];
    cloud.onCall = (call) => {
      if (call === 'stop a') waysBack.push([...(world.handback.get('server a a') ?? [])]);
    };

    const worked = await reboot(ALLOWED);

    expect(said(worked)).toMatch(/^done: /);
    expect(said(worked, 'server a')).toBe(
      'started again: it was stopped for the reboot of hv1, as its owner wishes',
    );
    expect(cloud.calls).toEqual(['cordon hv1', 'stop a', 'reboot hv1', 'start a', 'uncordon hv1']);
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv1' });
    expect(waysBack).toEqual([
      ['# a on hv1 is stopped for a reboot, as its owner wishes', 'openstack server start a'],
    ]);
    expect(world.handback).toEqual(new Map());
  });

  it('is left alone when somebody started and stopped it since', async () => {
    cloud.onCall = (call) => {
      if (call !== 'reboot hv1') return;
      cloud.note('a', 'start', { ours: false });
      cloud.note('a', 'stop', { ours: false });
    };

    const worked = await reboot(ALLOWED);

    expect(said(worked)).toMatch(/^done: /);
    expect(said(worked, 'server a')).toBe('left: somebody acted on it since (stop), so it is left as it is');
    expect(cloud.state.servers).toEqual({ a: 'SHUTOFF on hv1' });
    expect(cloud.calls).not.toContain('start a');
    expect(world.handback).toEqual(new Map());
  });

  it('is not started when its owner stopped it before we did', async () => {
    cloud.onCall = (call) => {
      if (call === 'cordon hv1') cloud.power('a', 'SHUTOFF', { ours: false });
    };

    const worked = await reboot(ALLOWED);

    expect(said(worked)).toMatch(/^done: /);
    expect(cloud.calls).toEqual(['cordon hv1', 'reboot hv1', 'uncordon hv1']);
    expect(cloud.state.servers).toEqual({ a: 'SHUTOFF on hv1' });
  });

  it('is started again when another guest does not leave', async () => {
    cloud.add(server('b', 'hv1'));
    cloud.faults.set('b', 'refused');

    const worked = await reboot(ALLOWED);

    expect(said(worked)).toMatch(/^given back: b b… did not leave hv1/);
    expect(cloud.calls).toEqual(['cordon hv1', 'stop a', 'migrate b', 'start a', 'uncordon hv1']);
    expect(cloud.state.servers).toMatchObject({ a: 'ACTIVE on hv1' });
  });

  it('keeps its hypervisor out when it does not run again, and tells who is still down', async () => {
    cloud.faults.set('a', 'does not start');

    const worked = await reboot(ALLOWED);

    expect(worked.outcome).toBe('failed');
    expect(said(worked)).toMatch(/^needs you: rebooted in .*; a a… is in ERROR$/);
    expect(cloud.calls).not.toContain('uncordon hv1');
    expect([...world.handback.keys()].toSorted()).toEqual(['hypervisor hv1', 'server a a']);
  });

  it('is named where the reboot itself failed, and started when a person has resumed the run', async () => {
    cloud.hosts.get('hv1')!.fault = 'comes back with its old kernel';
    const process = await openProcess(house, REBOOT_JOBS, world, { place: `drain-${place}` });
    const trigger = { kind: 'cli', by: 'kim' } as const;
    const options = { ...QUICK, ...ALLOWED };
    const id = await process.engine.create({
      job: 'reboot-hypervisor',
      id: ID,
      options,
      trigger,
      acting: true,
    });
    const failed = await work(process, id);
    cloud.hosts.get('hv1')!.kernel = '6.1.0-28';

    await process.engine.acts.resume(id, { by: 'kim', why: 'repaired' });
    const repaired = await work(process, id);

    expect(said(failed)).toMatch(/^needs you: 1 server is stopped for it: a a…; /);
    expect(said(repaired)).toMatch(/^done: /);
    expect(cloud.calls).toEqual(['cordon hv1', 'stop a', 'reboot hv1', 'start a', 'uncordon hv1']);
  });

  it('is started again when the run is cancelled while it stops', async () => {
    const process = await openProcess(house, REBOOT_JOBS, world, { place: `drain-${place}` });
    const options = { ...QUICK, ...ALLOWED };
    const trigger = { kind: 'cli', by: 'kim' } as const;
    const id = await process.engine.create({
      job: 'reboot-hypervisor',
      id: ID,
      options,
      trigger,
      acting: true,
    });
    cloud.onCall = (call) => {
      if (call === 'stop a') void process.engine.acts.cancel(id, { by: 'kim', why: 'no' });
    };

    const { outcome } = await work(process, id);

    expect(outcome).toBe('cancelled');
    expect(cloud.calls).toEqual(['cordon hv1', 'stop a', 'start a', 'uncordon hv1']);
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv1' });
  });
});

describe('a member of a cluster', () => {
  const node = (name: string, on: string) =>
    server(name, on, { metadata: { 'nightshift:cluster': 'quorum' } });

  it('waits until the others are well', async () => {
    cloud.add(node('a', 'hv1'));
    cloud.add(node('b', 'hv2'));
    cloud.onCall = (call) => {
      if (call === 'cordon hv1') cloud.power('b', 'SHUTOFF', { ours: false });
    };
    const tick = cloud.tick.bind(cloud);
    cloud.tick = () => {
      tick();
      const b = cloud.servers.get('b');
      if (cloud.now > 120 && b?.status === 'SHUTOFF') b.status = 'ACTIVE';
    };
    const migrated: number[] = [];
    const liveMigrate = cloud.liveMigrate.bind(cloud);
    cloud.liveMigrate = async (...args) => {
      migrated.push(cloud.now);
      await liveMigrate(...args);
    };

    const worked = await reboot();

    expect(said(worked)).toMatch(/^done: /);
    expect(migrated).toHaveLength(1);
    expect(migrated[0]).toBeGreaterThan(120);
  });

  it('stays where it is while another is down for good', async () => {
    cloud.add(node('a', 'hv1'));
    cloud.add(node('b', 'hv2'));
    cloud.servers.get('b')!.status = 'ERROR';

    const worked = await reboot({ migrateAtLeastSeconds: 1, mbPerSecond: 1e6 });

    expect(said(worked)).toBe(
      'given back: a a… did not leave hv1: not moved within 1 s; its turn in cluster quorum of project alpha has not come: b b… is ERROR',
    );
    expect(cloud.calls).toEqual(['cordon hv1', 'uncordon hv1']);
  });
});

describe('hypervisors about to be drained', () => {
  beforeEach(() => cloud.add(server('a', 'hv1')));

  it('are no targets while there is room elsewhere', async () => {
    await reboot({ avoid: ['hv2'] });

    expect(cloud.calls).toContain('migrate a to hv3');
  });

  it('take guests where there is no other place', async () => {
    await reboot({ avoid: ['hv2', 'hv3'] });

    expect(cloud.calls).toContain('migrate a');
    expect(cloud.state.servers).toEqual({ a: 'ACTIVE on hv2' });
  });

  it('take guests where the scheduler refuses the other place', async () => {
    const migrations: (string | undefined)[] = [];
    const liveMigrate = cloud.liveMigrate.bind(cloud);
    cloud.liveMigrate = async (id, target) => {
      migrations.push(target);
      if (target === undefined) cloud.faults.delete(id);
      else cloud.faults.set(id, 'refused');
      await liveMigrate(id, target);
    };

    const worked = await reboot({ avoid: ['hv2'] });

    expect(said(worked)).toMatch(/^done: /);
    expect(migrations).toEqual(['hv3', undefined]);
  });
});

describe('rows in the books that belong to nothing', () => {
  const lose = (consumer: string) =>
    cloud.allocations.set(consumer, { on: 'hv1', size: server('x', 'hv1').size });

  it('stop no reboot when they were there before the first look, and are noted', async () => {
    lose('gone');

    const worked = await reboot();

    expect(said(worked)).toMatch(/^done: /);
    expect(said(worked, 'books of hv1')).toBe(
      'known: 1 row of before the first look: Placement books 2 VCPU for gone, which is neither a server nor an open migration (openstack resource provider allocation delete gone)',
    );
  });

  it('hold their hypervisor when they came since, with the line that repairs them, until they are gone', async () => {
    cloud.faults.set('a', 'refused');
    cloud.add(server('a', 'hv1'));
    await reboot();
    lose('gone');
    cloud.faults.clear();

    const held = await reboot({}, `${ID}-2`);
    cloud.allocations.delete('gone');
    const done = await reboot({}, `${ID}-3`);

    expect(said(held)).toBe(
      'held: 1 row in its books belongs to nothing and came since the first look: Placement books 2 VCPU for gone, which is neither a server nor an open migration (openstack resource provider allocation delete gone)',
    );
    expect(said(done)).toMatch(/^done: /);
  });

  it('stop the reboot when they come in mid-drain', async () => {
    cloud.onCall = (call) => {
      if (call === 'cordon hv1') lose('gone');
    };

    const worked = await reboot();

    expect(said(worked)).toMatch(/^given back: not rebooted: Placement holds 2 VCPU for gone/);
    expect(cloud.calls).toEqual(['cordon hv1', 'uncordon hv1']);
  });

  it('do not hide an unconfirmed resize, however old', async () => {
    cloud.leaveResize(server('resized', 'hv3'), 'hv1');

    const worked = await reboot();

    expect(said(worked)).toBe(
      'given back: not rebooted: resize 1 of resi… from hv1 to hv3 is not over (finished)',
    );
  });
});

it('sends guests of a campaign past the hypervisors whose turn is still to come', async () => {
  cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [server('a', 'hv1'), server('b', 'hv2'), server('c', 'hv2')],
  );
  cloud.hosts.get('hv3')!.kernel = '6.1.0-28';
  world = { ...world, cloud };
  const process = await openProcess(house, REBOOT_JOBS, world, { place: `drain-${place}` });
  const trigger = { kind: 'cli', by: 'kim' } as const;
  const { hypervisor: _, ...options } = QUICK;
  const id = await process.engine.create({
    job: 'reboot-hypervisors',
    id: `reboot-hypervisors~${place}`,
    options,
    trigger,
    acting: true,
  });

  const { outcome } = await work(process, id);

  expect(outcome).toBe('succeeded');
  expect(cloud.calls.filter((call) => call.startsWith('migrate'))).toEqual([
    'migrate a to hv3',
    'migrate b',
    'migrate c',
  ]);
});
