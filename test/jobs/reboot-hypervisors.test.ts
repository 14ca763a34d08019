import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resetBreaker } from '../../src/breakers.ts';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { group, hypervisor, server, size } from '../support/builders.ts';
import { type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud, type MigrationFault } from '../support/fake-cloud.ts';
import type { HostFault } from '../support/fake-host.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisors~20261124T224100Z';
const KIM = { by: 'kim', why: 'looked at it' };
const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };
const kernels = '6.1.0-18 runs, 6.1.0-28 boots next';

async function create(
  process: TestEngine<Clients>,
  options: Record<string, Json> = {},
  acting = true,
  id = ID,
) {
  const trigger = { kind: 'cli', by: 'kim' } as const;
  return process.engine.create({
    job: 'reboot-hypervisors',
    id,
    options: { ...QUICK, ...options },
    trigger,
    acting,
  });
}

function whyOf({ run }: Worked, name: string): string | undefined {
  const note = run.notes.find(({ subject }) => subject === `hypervisor ${name}`);
  return note && `${note.verdict}: ${note.why}`;
}

describe('reboot-hypervisors', () => {
  let house: House;
  let place = 0;
  let cloud: FakeCloud;
  let world: World;

  beforeAll(async () => {
    house = await openHouse();
  });
  afterAll(() => house.close());

  /** hv1 runs two guests and keeps a stopped one, hv2 is empty, hv3 is up to date and has room. */
  beforeEach(() => {
    place += 1;
    cloud = new FakeCloud(
      ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
      [server('a', 'hv1'), server('b', 'hv1'), server('stopped', 'hv1', { status: 'SHUTOFF' })],
    );
    hostOf('hv3').kernel = '6.1.0-28';
    world = { cloud, handback: new Map(), armed: true };
  });

  function hostOf(name: string) {
    return cloud.hosts.get(name)!;
  }

  async function open(): Promise<TestEngine<Clients>> {
    return openProcess(house, REBOOT_JOBS, world, { place: `night-${place}` });
  }

  async function night(options: Record<string, Json> = {}): Promise<Worked> {
    const process = await open();
    return work(process, await create(process, options));
  }

  it('drains, reboots, proves and gives back one hypervisor after the other, the empty one first', async () => {
    const { outcome, run } = await night();

    expect(outcome).toBe('succeeded');
    expect(cloud.calls).toEqual([
      'cordon hv2',
      'reboot hv2',
      'uncordon hv2',
      'cordon hv1',
      'migrate a',
      'migrate b',
      'reboot hv1',
      'uncordon hv1',
    ]);
    expect(cloud.violations).toEqual([]);
    expect(cloud.state.hosts).toEqual({
      hv1: '6.1.0-28, enabled, 1 reboots',
      hv2: '6.1.0-28, enabled, 1 reboots',
      hv3: '6.1.0-28, enabled, 0 reboots',
    });
    expect(cloud.state.servers.stopped).toBe('SHUTOFF on hv1');
    expect(run.report?.headline).toBe('2 needed a reboot: 2 done.');
    expect(run.progress).toEqual({ done: 2, total: 2, unit: 'hypervisors' });
    expect(run.notes.map(({ subject, verdict }) => `${subject} ${verdict}`).toSorted()).toEqual([
      'hypervisor hv1 done',
      'hypervisor hv2 done',
    ]);
    expect(world.handback).toEqual(new Map());
  });

  it('mails operators once what was done', async () => {
    const process = await open();
    const before = house.sent.length;

    await work(process, await create(process));
    await process.engine.sendMails();

    const mails = house.sent.slice(before);
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatchObject({ to: ['ops@example.org'] });
    expect(mails[0]?.subject).toMatch(/^\[nightshift\] \w{3} \d+ \w{3} \d{4}: 2 rebooted$/);
    expect(mails[0]?.text).toContain('done  2: hv2 and hv1');
  });

  it('writes down the way back before it takes a hypervisor out of service', async () => {
    const held: [string, readonly string[]][] = [];
    cloud.onCall = (call) => {
      if (call.startsWith('cordon')) held.push([call, [...world.handback.values()].flat()]);
    };

    await night({ hosts: 'hv2' });

    expect(held).toEqual([
      [
        'cordon hv2',
        [
          `# hv2 is disabled: nightshift ${ID}~hv2: reboot for a new kernel`,
          'openstack compute service set --enable "$(openstack hypervisor show hv2 -f value -c service_host)" nova-compute',
        ],
      ],
    ]);
  });

  it('plans and explains in a dry run, and changes nothing', async () => {
    hostOf('hv2').disabled = 'disk swap, ask Kim';
    world = { ...world, armed: false };
    const process = await open();

    const { outcome, run } = await work(process, await create(process, {}, false));

    expect(outcome).toBe('succeeded');
    expect(cloud.calls).toEqual([]);
    expect(run.steps.map(({ key, effect }) => `${key} ${effect}`)).toEqual(['needs read', 'plan read']);
    expect(run.report).toEqual({
      headline: '2 hypervisors need a reboot. Tonight 1, held 1, not tonight 0.',
      sheet: {
        columns: ['#', 'hypervisor', 'guests', 'why', 'drain', 'GiB'],
        rows: [[1, 'hv1', 2, kernels, '~6 min', 36]],
      },
      lines: ['held  hv2  disabled by somebody else: "disk swap, ask Kim"'],
    });
  });

  it('does nothing to a fleet that needs nothing, and mails nobody', async () => {
    for (const name of ['hv1', 'hv2']) hostOf(name).kernel = '6.1.0-28';
    const process = await open();
    const before = house.sent.length;

    const { outcome, run } = await work(process, await create(process));
    await process.engine.sendMails();

    expect(outcome).toBe('succeeded');
    expect(cloud.calls).toEqual([]);
    expect(run.report?.headline).toBe('No hypervisor needed a reboot.');
    expect(house.sent).toHaveLength(before);
  });

  it('leaves alone what somebody else has disabled', async () => {
    hostOf('hv2').disabled = 'disk swap, ask Kim';

    const worked = await night();

    expect(whyOf(worked, 'hv2')).toBe('held: disabled by somebody else: "disk swap, ask Kim"');
    expect(hostOf('hv2').disabled).toBe('disk swap, ask Kim');
    expect(hostOf('hv2').reboots).toBe(0);
    expect(hostOf('hv1').reboots).toBe(1);
  });

  it('holds a hypervisor that somebody disables between plan and turn', async () => {
    cloud.onCall = (call) => {
      if (call === 'uncordon hv2') hostOf('hv1').disabled = 'ask Kim';
    };

    const worked = await night();

    expect(whyOf(worked, 'hv1')).toBe('held: disabled by somebody else: "ask Kim"');
    expect(hostOf('hv1').reboots).toBe(0);
  });

  it('holds a hypervisor whose guests lose their room between plan and turn', async () => {
    cloud.onCall = (call) => {
      if (call !== 'uncordon hv2') return;
      hostOf('hv3').disabled = 'ask Kim';
      cloud.add(server('huge', 'hv2', { size: size(124) }));
    };

    const worked = await night();

    expect(whyOf(worked, 'hv1')).toBe(
      'held: no room: no other hypervisor has 8 GiB of memory, 2 vCPU, 10 GiB of disk free for a',
    );
    expect(cloud.calls).toEqual(['cordon hv2', 'reboot hv2', 'uncordon hv2']);
  });

  it('skips a hypervisor that somebody rebooted between plan and turn', async () => {
    cloud.onCall = (call) => {
      if (call === 'uncordon hv2') hostOf('hv1').kernel = '6.1.0-28';
    };

    const worked = await night();

    expect(whyOf(worked, 'hv1')).toBe('skipped: 6.1.0-28 runs and boots next');
    expect(cloud.calls).not.toContain('cordon hv1');
  });

  it('acts within its aggregate only', async () => {
    cloud = new FakeCloud([hypervisor('hv1', { aggregates: ['canary'] }), hypervisor('hv2')]);
    world = { ...world, cloud, armed: { aggregates: ['canary'] } };

    const worked = await night();

    expect(cloud.calls).toEqual(['cordon hv1', 'reboot hv1', 'uncordon hv1']);
    expect(whyOf(worked, 'hv2')).toBe('held: not armed (outside aggregate canary)');
  });

  describe('gives a hypervisor back at once, and goes on with the others, when', () => {
    beforeEach(() => {
      cloud.add(server('c', 'hv2'));
    });

    it.each<{ fault: MigrationFault; why: string; settings?: Record<string, Json> }>([
      {
        fault: 'refused',
        why: 'a a… did not leave hv1: its migration 2 ended as error; Nova says: No valid host was found. There are not enough hosts available',
      },
      { fault: 'rolled back', why: 'a a… did not leave hv1: its migration 2 ended as failed' },
      {
        fault: 'stuck',
        why: 'a a… did not leave hv1: not moved within 1 s; its migration was aborted, as the one to hv2 before',
        settings: { migrateAtLeastSeconds: 1, mbPerSecond: 1e6 },
      },
      {
        fault: 'never begun',
        why: 'a a… did not leave hv1: not moved within 1 s; Nova accepted the migration, and none appeared',
        settings: { migrateAtLeastSeconds: 1, mbPerSecond: 1e6 },
      },
      {
        fault: 'booked for ever',
        why: 'a a… did not leave hv1: not moved within 1 s; it is on hv2, and Placement still books it on hv1',
        settings: { migrateAtLeastSeconds: 1, mbPerSecond: 1e6 },
      },
    ])('a migration is $fault', async ({ fault, why, settings }) => {
      cloud.faults.set('a', fault);

      const worked = await night(settings);

      expect(worked.outcome).toBe('succeeded');
      expect(whyOf(worked, 'hv1')).toBe(`given back: ${why}`);
      expect(cloud.state.hosts).toMatchObject({
        hv1: '6.1.0-18, enabled, 0 reboots',
        hv2: '6.1.0-28, enabled, 1 reboots',
      });
      expect(cloud.calls.filter((call) => call === 'migrate a')).toHaveLength(1);
      expect(world.handback).toEqual(new Map());
      expect(cloud.violations).toEqual([]);
    });

    it('its cell does not answer, so that Nova calls it empty', async () => {
      cloud.cellDown.set('hv1', 'silent');

      const worked = await night();

      const why = whyOf(worked, 'hv1');
      expect(why).toMatch(/^given back: not rebooted: 2 domains active on the host: a and b; /);
      for (const id of ['a', 'b', 'stopped'])
        expect(why).toContain(`Placement holds 2 VCPU for ${id}, which is no server here`);
      expect(cloud.calls).not.toContain('reboot hv1');
      expect(hostOf('hv1').disabled).toBeUndefined();
    });

    it('a resize off it is not confirmed', async () => {
      cloud = new FakeCloud(['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)));
      hostOf('hv3').kernel = '6.1.0-28';
      cloud.leaveResize(server('resized', 'hv3'), 'hv1');
      world = { ...world, cloud };

      const worked = await night();

      expect(whyOf(worked, 'hv1')).toBe(
        'given back: not rebooted: resize 1 of resi… from hv1 to hv3 is not over (finished)',
      );
      expect(cloud.calls).toEqual(['cordon hv1', 'uncordon hv1', 'cordon hv2', 'reboot hv2', 'uncordon hv2']);
    });

    it('its libvirt cannot say what runs', async () => {
      hostOf('hv1').fault = 'has a libvirt that fails';

      const worked = await night();

      expect(whyOf(worked, 'hv1')).toMatch(/^given back: not rebooted: libvirt does not list its domains/);
      expect(hostOf('hv1')).toMatchObject({ disabled: undefined, reboots: 0 });
    });

    it('a server that was being built there when the cordon came is never ready', async () => {
      cloud.onCall = (call) => {
        if (call === 'cordon hv1') cloud.add(server('late', 'hv1', { status: 'BUILD', task: 'spawning' }));
      };

      const worked = await night({ migrateAtLeastSeconds: 1 });

      expect(whyOf(worked, 'hv1')).toBe('given back: 1 server cannot leave: late late… is being built');
      expect(cloud.calls).not.toContain('reboot hv1');
    });

    it('an owner locks a server in mid-drain', async () => {
      cloud.onCall = (call) => {
        if (call === 'cordon hv1') cloud.servers.get('b')!.locked = true;
      };

      const worked = await night();

      expect(whyOf(worked, 'hv1')).toBe('given back: 1 server cannot leave: b b… is locked');
    });
  });

  it('stops the line when more drains fail than may', async () => {
    cloud.faults.set('a', 'refused');
    cloud.add(server('c', 'hv2', { size: { ramMb: 64, vcpus: 1, diskGb: 1 } }));
    cloud.faults.set('c', 'refused');

    const worked = await night({ maxGivenBack: 0 });

    expect(cloud.calls).toEqual(['cordon hv2', 'migrate c to hv3', 'migrate c', 'uncordon hv2']);
    expect(worked.run.report?.lines).toContain(
      'not tonight  1 (1 drain failed in a row, more than maxGivenBack=0): hv1',
    );
  });

  it('keeps a hypervisor disabled whose drain left a server in ERROR, and stops', async () => {
    cloud.faults.set('a', 'left in ERROR');
    cloud.add(server('c', 'hv2', { size: { ramMb: 64_000, vcpus: 1, diskGb: 100 } }));

    const worked = await night();

    expect(worked.outcome).toBe('failed');
    expect(whyOf(worked, 'hv1')).toBe(
      'needs you: a a… did not leave hv1: its migration 1 ended as failed; 1 server not whole after the drain: a a… is in ERROR',
    );
    expect(hostOf('hv1').disabled).toContain('nightshift');
    expect([...world.handback.keys()]).toEqual(['hypervisor hv1']);
    expect(cloud.calls).toEqual(['cordon hv1', 'migrate a to hv3']);
  });

  describe('leaves a hypervisor disabled for a person, and stops the line, when it', () => {
    it.each<{ fault: HostFault; why: RegExp; settings?: Record<string, Json> }>([
      {
        fault: 'comes back with its old kernel',
        why: /^needs you: it failed its checks: kernel 6.1.0-18 runs, 6.1.0-28 was expected$/,
      },
      {
        fault: 'registers a second service',
        why: /^needs you: it failed its checks: its compute service is service-hv2-2, it was service-hv2$/,
        settings: { backWithinMinutes: 1 / 60 },
      },
      {
        fault: 'never comes back',
        why: /^needs you: it failed its checks: it does not answer: connection refused; .*not been heard/,
        settings: { backWithinMinutes: 1 / 60 },
      },
      {
        fault: 'answers and never reboots',
        why: /^needs you: it failed its checks: it answers and has not rebooted; something on it may have swallowed the request \(molly-guard\?\)$/,
        settings: { stopWithinSeconds: 0.5 },
      },
      { fault: 'refuses to reboot', why: /^needs you: hv2 refuses to reboot \(exit 1\): Access denied$/ },
    ])('$fault', async ({ fault, why, settings }) => {
      hostOf('hv2').fault = fault;

      const worked = await night(settings);

      expect(worked.outcome).toBe('failed');
      expect(whyOf(worked, 'hv2')).toMatch(why);
      expect(hostOf('hv2').disabled).toBe(`nightshift ${ID}~hv2: reboot for a new kernel`);
      expect(cloud.calls).not.toContain('cordon hv1');
      expect(worked.run.report?.headline).toBe('2 needed a reboot: 1 not tonight, 1 needs you.');
      expect([...world.handback.keys()]).toEqual(['hypervisor hv2']);
      expect(cloud.violations).toEqual([]);
    });

    it('goes on as often as maxFailed allows', async () => {
      hostOf('hv2').fault = 'comes back with its old kernel';

      const worked = await night({ maxFailed: 1 });

      expect(worked.outcome).toBe('failed');
      expect(worked.run.error).toBe('left disabled for a person: hv2');
      expect(hostOf('hv1')).toMatchObject({ kernel: '6.1.0-28', disabled: undefined });
    });

    it('goes on where it stopped once a person has repaired it, and the next campaign with the others', async () => {
      hostOf('hv2').fault = 'comes back with its old kernel';
      const process = await open();
      const id = await create(process);
      await work(process, id);
      hostOf('hv2').fault = undefined;
      hostOf('hv2').kernel = '6.1.0-28';

      await process.engine.acts.resume(`${id}~hv2`, KIM);
      const repaired = await work(process, `${id}~hv2`);
      await resetBreaker(
        process.engine.acts,
        { name: 'reboot-hypervisors', by: 'kim', why: 'mended' },
        new Date(),
      );
      const next = await work(process, await create(process, {}, true, `${ID}-2`));

      expect(repaired.outcome).toBe('succeeded');
      expect(next.outcome).toBe('succeeded');
      expect(next.run.report?.headline).toBe('1 needed a reboot: 1 done.');
      expect(cloud.calls).toEqual([
        'cordon hv2',
        'reboot hv2',
        'uncordon hv2',
        'cordon hv1',
        'migrate a',
        'migrate b',
        'reboot hv1',
        'uncordon hv1',
      ]);
      expect(cloud.violations).toEqual([]);
    });
  });

  it('moves a stopped guest that its owner starts in mid-drain', async () => {
    cloud.onCall = (call) => {
      if (call === 'migrate b') cloud.servers.get('stopped')!.status = 'ACTIVE';
    };

    const worked = await night();

    expect(cloud.calls).toContain('migrate stopped');
    expect(whyOf(worked, 'hv1')).toMatch(/^done: /);
    expect(cloud.violations).toEqual([]);
  });

  it('moves a guest that lands after a look that found none', async () => {
    const occupancy = cloud.occupancy.bind(cloud);
    cloud.occupancy = async (name) => {
      const seen = await occupancy(name);
      if (name === 'hv2' && !cloud.servers.has('late')) cloud.add(server('late', 'hv2'));
      return seen;
    };

    const worked = await night();

    expect(cloud.calls.slice(0, 4)).toEqual([
      'cordon hv2',
      'migrate late to hv3',
      'reboot hv2',
      'uncordon hv2',
    ]);
    expect(whyOf(worked, 'hv2')).toMatch(/^done: /);
  });

  it('waits for a server that was being built there when the cordon came', async () => {
    cloud.onCall = (call) => {
      if (call === 'cordon hv1') cloud.add(server('late', 'hv1', { status: 'BUILD', task: 'spawning' }));
    };
    const tick = cloud.tick.bind(cloud);
    cloud.tick = () => {
      tick();
      const late = cloud.servers.get('late');
      if (late?.status !== 'BUILD' || cloud.now % 40 !== 0) return;
      late.status = 'ACTIVE';
      delete late.task;
    };

    const worked = await night();

    expect(cloud.calls).toContain('migrate late');
    expect(whyOf(worked, 'hv1')).toMatch(/^done: /);
  });

  it('joins a migration that somebody else has begun', async () => {
    cloud.onCall = (call) => {
      if (call === 'migrate a') void cloud.liveMigrate('b');
    };

    const worked = await night();

    expect(whyOf(worked, 'hv1')).toMatch(/^done: /);
    expect(cloud.calls.filter((call) => call === 'migrate b')).toHaveLength(1);
  });

  it('takes a guest for gone that is deleted before its turn', async () => {
    cloud.onCall = (call) => {
      if (call === 'migrate a') {
        cloud.servers.delete('b');
        cloud.allocations.delete('b');
      }
    };

    const process = await open();
    const worked = await work(process, await create(process));

    expect(whyOf(worked, 'hv1')).toMatch(/^done: /);
    const child = await process.engine.runs.get(`${ID}~hv1`);
    const step = child?.steps.find(({ key }) => key === 'migrate b off hv1');
    expect(step).toMatchObject({ state: 'skipped', why: 'it was deleted meanwhile' });
  });

  it('leaves a hypervisor to whoever has put another reason on it meanwhile', async () => {
    cloud.onCall = (call) => {
      if (call === 'reboot hv2') hostOf('hv2').disabled = 'ask Kim before enabling';
    };

    const worked = await night();

    expect(whyOf(worked, 'hv2')).toMatch(/^done: .*; disabled by somebody else: "ask Kim before enabling"$/);
    expect(hostOf('hv2').disabled).toBe('ask Kim before enabling');
    expect(world.handback).toEqual(new Map());
  });

  it('holds a hypervisor whose guest a hard server group leaves no legal place', async () => {
    cloud.groups.push(group('db-quorum', ['a', 'x', 'y']));
    cloud.add(server('x', 'hv2', { status: 'SHUTOFF' }));
    cloud.add(server('y', 'hv3', { status: 'SHUTOFF' }));

    const worked = await night();

    expect(whyOf(worked, 'hv1')).toBe('held: server group db-quorum needs 3 hypervisors, 2 would be left');
  });

  it('puts back what it holds when it is cancelled in mid-drain, and ends', async () => {
    const process = await open();
    const id = await create(process);
    cloud.faults.set('b', 'stuck');
    cloud.onCall = (call) => {
      if (call === 'migrate b') void process.engine.acts.cancel(id, KIM);
    };

    const { outcome, run } = await work(process, id);

    expect(outcome).toBe('cancelled');
    expect(cloud.calls.slice(-3)).toEqual(['migrate b', 'abort b', 'uncordon hv1']);
    expect(cloud.state.servers).toMatchObject({ a: 'ACTIVE on hv2', b: 'ACTIVE on hv1' });
    expect(cloud.state.hosts.hv1).toBe('6.1.0-18, enabled, 0 reboots');
    expect(run.notes.find(({ subject }) => subject === 'hypervisor hv1')?.verdict).toBe('given back');
  });

  it('tells operators of a cancelled night whose drain left a guest not whole, and keeps the hypervisor out', async () => {
    const process = await open();
    const id = await create(process);
    cloud.faults.set('b', 'stuck');
    cloud.onCall = (call) => {
      if (call !== 'migrate b') return;
      cloud.servers.get('a')!.status = 'ERROR';
      void process.engine.acts.cancel(id, KIM);
    };
    const before = house.sent.length;

    const { outcome, run } = await work(process, id);
    await process.engine.sendMails();

    expect(outcome).toBe('cancelled');
    expect(cloud.state.hosts.hv1).toMatch(/nightshift/);
    expect(run.notes.find(({ subject }) => subject === 'hypervisor hv1')?.verdict).toBe('needs you');
    const mail = house.sent.slice(before).find(({ subject }) => subject.includes('needs you'));
    expect(mail?.subject).toMatch(/: cancelled, 1 rebooted, 1 needs you$/);
    expect(mail?.text).toContain('a cancelled run is not resumed');
  });

  it('aborts a migration under way on a halt, and asks for it again after the thaw', async () => {
    const process = await open();
    const id = await create(process);
    cloud.faults.set('b', 'stuck');
    cloud.onCall = (call) => {
      if (call === 'migrate b') void process.engine.acts.setMode('halt', KIM);
    };
    const halted = await work(process, id);
    expect(halted.outcome).toBe('waiting');
    expect(cloud.calls.slice(-2)).toEqual(['migrate b', 'abort b']);

    cloud.onCall = () => {};
    cloud.faults.clear();
    await process.engine.acts.setMode('', KIM);
    const { outcome } = await work(process, id);

    expect(outcome).toBe('succeeded');
    expect(hostOf('hv1')).toMatchObject({ reboots: 1, disabled: undefined });
    expect(cloud.violations).toEqual([]);
  });

  it('does nothing the second time', async () => {
    await night();
    const { length } = cloud.calls;
    place += 1;

    const { outcome, run } = await night();

    expect(outcome).toBe('succeeded');
    expect(cloud.calls).toHaveLength(length);
    expect(run.steps.map(({ key }) => key)).toEqual(['remember lives', 'needs', 'plan']);
  });

  it('refuses an option that it does not have', async () => {
    const process = await open();

    await expect(create(process, { limt: 1 })).rejects.toThrow(/limt/);
  });

  it('names the hypervisors that exist when one is asked for that does not', async () => {
    const { outcome, run } = await night({ hosts: ['hv1', 'hv9'] });

    expect(outcome).toBe('failed');
    expect(run.error).toBe('no hypervisor is called hv9; there are hv1, hv2, hv3');
  });
});
